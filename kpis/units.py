"""Units and their conversion. A figure is kept in its KPI's unit; readings come in base units (ms, ratio, bytes, 1/s)."""

from __future__ import annotations

from accounts.texts import LONGEST_NAME, cut

# family → unit → how many base units one of it is
FAMILIES: dict[str, dict[str, float]] = {
    "time": {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3, "min": 6e4, "h": 3.6e6},
    "share": {"ratio": 1.0, "%": 0.01},
    "size": {"bytes": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30},
    "growth": {"bytes/h": 1.0, "kB/h": 1e3, "MB/h": 1e6, "GB/h": 1e9},
    "rate": {"1/s": 1.0, "1/min": 1 / 60},
    "count": {"count": 1.0},
    "score": {"score": 1.0},
    "money": {"USD": 1.0},
}
_FAMILY_OF = {unit: family for family, units in FAMILIES.items() for unit in units}
UNITS = tuple(_FAMILY_OF)


class UnitMismatch(ValueError):
    """Two units that do not measure the same thing."""


def family(unit: str) -> str:
    """What a unit measures. Raises UnitMismatch for a unit that is not known."""
    try:
        return _FAMILY_OF[unit]
    except KeyError:
        raise UnitMismatch(f"{cut(unit, LONGEST_NAME)!r} is not a unit: use one of {', '.join(UNITS)}") from None


def factor(from_unit: str, to_unit: str) -> float:
    """What a figure in `from_unit` is multiplied by to be one in `to_unit`. Raises UnitMismatch."""
    if family(from_unit) != family(to_unit):
        raise UnitMismatch(f"{from_unit} cannot be converted to {to_unit}")
    units = FAMILIES[family(from_unit)]
    return units[from_unit] / units[to_unit]


def convert(value: float, from_unit: str, to_unit: str) -> float:
    """The same figure in another unit. Raises UnitMismatch."""
    return value if from_unit == to_unit else value * factor(from_unit, to_unit)
