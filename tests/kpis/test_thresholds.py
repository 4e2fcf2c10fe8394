import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.thresholds import BadThreshold, Criterion, format, number, parse
from kpis.units import UNITS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p(95)<500", Criterion("<", 500, "p95")),
        ("p95 <= 1.5s", Criterion("<=", 1.5, "p95", "s")),
        ("rate<0.01", Criterion("<", 0.01, "mean")),
        ("< 0.1 %", Criterion("<", 0.1, "", "%")),
        (">= 1,000 1/s", Criterion(">=", 1000, "", "1/s")),
        ("<=+10%", Criterion("<=", 10, "", "%", relative=True)),
        ("<= −5 %", Criterion("<=", -5, "", "%", relative=True)),
        ("med<200", Criterion("<", 200, "p50")),
        ("> .5", Criterion(">", 0.5)),
    ],
)
def test_parse(text: str, expected: Criterion) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "500", "p(95)", "p(97)<500", "speed<5", "< 5 furlongs", "== 5", "< 5 6", "<", "< nan", "< " + "9" * 400]
)
def test_what_is_no_threshold_is_refused(text: str) -> None:
    with pytest.raises(BadThreshold):
        parse(text)


criteria = st.builds(
    Criterion,
    comparator=st.sampled_from(["<", "<=", ">", ">="]),
    value=st.floats(0, 1e12).map(lambda value: round(value, 6)),
    aggregation=st.sampled_from(["", "p50", "p95", "p99", "mean", "max"]),
    unit=st.sampled_from(["", *UNITS]),
)


@given(criteria)
def test_what_is_written_is_read_back(criterion: Criterion) -> None:
    assert parse(format(criterion)) == criterion


@pytest.mark.parametrize(("value", "text"), [(500.0, "500"), (0.1, "0.1"), (1e6, "1000000"), (0.00001, "0.00001")])
def test_number_has_no_exponent(value: float, text: str) -> None:
    assert number(value) == text
