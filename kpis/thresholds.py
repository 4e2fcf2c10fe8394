"""The target syntax that people type: `p(95)<500`, `rate < 1 %`, `<= +10%`. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from kpis.units import UNITS

# What k6 and its kin write, and the KPI's aggregation that means the same.
AGGREGATIONS = {
    "avg": "mean",
    "mean": "mean",
    "med": "p50",
    "median": "p50",
    "min": "min",
    "max": "max",
    "count": "sum",
    "sum": "sum",
    "rate": "mean",
    "value": "last",
    "last": "last",
}
_PERCENTILE = re.compile(r"p\(?\s*(50|90|95|99)\s*\)?$")
_CRITERION = re.compile(
    r"""^\s*(?P<what>[a-z]+\s*(?:\(\s*\d+(?:\.\d+)?\s*\)|\d+)?)?\s*
        (?P<comparator><=|>=|<|>)\s*
        (?P<sign>[+\-−])?\s*(?P<number>\d[\d,]*(?:\.\d+)?|\.\d+)\s*(?P<unit>[A-Za-z%1/]+)?\s*$""",
    re.VERBOSE,
)


class BadThreshold(ValueError):
    """Text that is not a threshold, with what is wrong about it."""


@dataclass(frozen=True)
class Criterion:
    """A comparison. `aggregation` and `unit` are empty where the text leaves them to the KPI.

    `relative` is a change against the baseline, in percent: what carries a sign and `%`, such as `<= +10%`.
    """

    comparator: str
    value: float
    aggregation: str = ""
    unit: str = ""
    relative: bool = False

    def __str__(self) -> str:
        return format(self)


def parse(text: str) -> Criterion:
    """Read a threshold. Raises BadThreshold."""
    found = _CRITERION.match(text)
    if found is None:
        raise BadThreshold(f"{text!r} is not a threshold: write it like < 500, p(95)<500 or <= 0.1 %")
    unit = found["unit"] or ""
    if unit and unit not in UNITS:
        raise BadThreshold(f"{unit!r} is not a unit: use one of {', '.join(UNITS)}")
    value = float(found["number"].replace(",", ""))
    if not math.isfinite(value):
        raise BadThreshold(f"{found['number']} is too large a number")
    if found["sign"] in ("-", "−"):
        value = -value
    return Criterion(found["comparator"], value, _aggregation(found["what"] or ""), unit, bool(found["sign"]) and unit == "%")


def format(criterion: Criterion) -> str:
    """The threshold as people write it; `parse` reads it back."""
    what = criterion.aggregation
    if what.startswith("p"):
        what = f"p({what[1:]})"
    sign = "+" if criterion.relative and criterion.value >= 0 else ""
    unit = f" {criterion.unit}" if criterion.unit and not criterion.relative else criterion.unit
    return f"{what}{' ' if what else ''}{criterion.comparator} {sign}{number(criterion.value)}{unit}"


def number(value: float) -> str:
    """The shortest decimal notation that reads back as the same figure, without an exponent."""
    text = f"{value:.15f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else f"{value:.0f}"
    return text if float(text) == value else repr(value)


def _aggregation(what: str) -> str:
    name = what.replace(" ", "").lower()
    if not name:
        return ""
    if percentile := _PERCENTILE.match(name):
        return f"p{percentile[1]}"
    try:
        return AGGREGATIONS[name]
    except KeyError:
        known = ", ".join(["p(50)", "p(90)", "p(95)", "p(99)", *AGGREGATIONS])
        raise BadThreshold(f"{what!r} is not an aggregation: use one of {known}") from None
