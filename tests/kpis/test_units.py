import pytest

from kpis.units import UNITS, UnitMismatch, convert, family


@pytest.mark.parametrize(
    ("value", "from_unit", "to_unit", "expected"),
    [
        (1500, "ms", "s", 1.5),
        (2, "min", "ms", 120_000),
        (250, "us", "ms", 0.25),
        (0.001, "ratio", "%", 0.1),
        (99.9, "%", "ratio", 0.999),
        (200_000_000, "bytes", "MB", 200),  # MB is 10⁶ bytes
        (1, "MiB", "bytes", 1_048_576),
        (2_500_000, "bytes/h", "MB/h", 2.5),
        (600, "1/min", "1/s", 10),
        (7, "count", "count", 7),
    ],
)
def test_convert(value: float, from_unit: str, to_unit: str, expected: float) -> None:
    assert convert(value, from_unit, to_unit) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("one", "other"), [("ms", "bytes"), ("%", "count"), ("ms", "furlong"), ("furlong", "ms")])
def test_units_that_measure_other_things_are_refused(one: str, other: str) -> None:
    with pytest.raises(UnitMismatch):
        convert(1, one, other)


def test_every_unit_belongs_to_a_family() -> None:
    assert {family(unit) for unit in UNITS} == {"time", "share", "size", "growth", "rate", "count", "score", "money"}
