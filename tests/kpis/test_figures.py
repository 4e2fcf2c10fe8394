import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.figures import BadFigure, parse
from kpis.thresholds import number


@given(st.floats(-1e12, 1e12, allow_subnormal=False))
def test_what_is_written_is_read_back(value: float) -> None:
    assert parse(number(value), "ms") == value
    assert parse(f"{number(value)} ms", "ms") == value


@pytest.mark.parametrize(
    ("typed", "unit", "figure"),
    [
        ("450", "ms", 450), (" 0.45 s ", "ms", 450), ("1,200", "count", 1200), ("$1,200.50", "USD", 1200.5),
        ("38 %", "ratio", 0.38),
        ("−3", "count", -3), (".5", "%", 0.5), ("1e3", "count", 1000), ("2 hours", "min", 120), ("3 req/s", "1/s", 3),
        ("4.5 of 5", "score", 4.5), ("1 GB", "MB", 1000), ("7 µs", "us", 7),
    ],
)  # fmt: skip
def test_it_is_typed_as_people_do(typed: str, unit: str, figure: float) -> None:
    assert parse(typed, unit) == pytest.approx(figure)


@pytest.mark.parametrize("typed", ["", "fast", "0,45", "1,20", "1.2.3", "450 furlong", "450 MB", "nan", "1e999", "12 34", "=1+1"])
def test_what_is_no_figure_is_refused(typed: str) -> None:
    with pytest.raises(BadFigure):
        parse(typed, "ms")
