import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpis.thresholds import BadThreshold, Criterion, format, number, parse, resolve
from kpis.units import UNITS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p(95)<500", Criterion("<", 500, "p95")),
        ("p95 <= 1.5s", Criterion("<=", 1.5, "p95", "s")),
        ("rate<0.01", Criterion("<", 0.01, "mean", rate=True)),
        ("< 0.1 %", Criterion("<", 0.1, "", "%")),
        (">= 1,000 1/s", Criterion(">=", 1000, "", "1/s")),
        ("<=+10%", Criterion("<=", 10, "", "%", relative=True)),
        ("<= −5 %", Criterion("<=", -5, "", "%", relative=True)),
        ("med<200", Criterion("<", 200, "p50")),
        ("> .5", Criterion(">", 0.5)),
        ("p(95) ≤ 500", Criterion("<=", 500, "p95")),
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


@settings(deadline=None)
@given(criteria)
def test_what_is_written_is_read_back(criterion: Criterion) -> None:
    assert parse(format(criterion)) == criterion


@settings(deadline=None)
@given(st.sampled_from(["<", ">="]), st.floats(0, 1e6).map(lambda value: round(value, 4)))
def test_a_rate_is_read_back(comparator: str, value: float) -> None:
    criterion = Criterion(comparator, value, "mean", rate=True)
    assert parse(format(criterion)) == criterion


@pytest.mark.parametrize(
    ("text", "unit", "aggregation", "baseline", "expected"),
    [
        ("p(95)<500", "ms", "p95", None, ("<", 500)),
        ("p(95)<0.45s", "ms", "p95", None, ("<", 450)),
        ("rate<0.01", "%", "mean", None, ("<", 1)),
        ("rate<0.01", "ratio", "last", None, ("<", 0.01)),
        ("rate<0.01 %", "%", "mean", None, ("<", 0.01)),
        ("rate>100", "1/s", "mean", None, (">", 100)),
        ("< 0.1 %", "ratio", "mean", None, ("<", 0.001)),
        ("<= +10%", "ms", "p95", 500, ("<=", 550)),
        (">= -5 %", "%", "last", 80, (">=", 76)),
        ("value>=99", "%", "last", None, (">=", 99)),
        ("< 1.5 GB", "MB", "max", None, ("<", 1500)),
    ],
)
def test_resolve(text: str, unit: str, aggregation: str, baseline: float | None, expected: tuple[str, float]) -> None:
    assert resolve(parse(text), unit=unit, aggregation=aggregation, baseline=baseline) == expected


@pytest.mark.parametrize(
    ("text", "unit", "aggregation", "words"),
    [
        ("p(99)<500", "ms", "p95", "write p(95)<500, or no name"),
        ("avg<500", "ms", "last", "write last<500, or no name"),
        ("rate<0.01", "%", "p95", "write p(95)<0.01"),
        ("< 5 MB", "ms", "p95", "write the figure in ms"),
        ("<= +10%", "ms", "p95", "no baseline"),
    ],
)
def test_what_does_not_fit_a_kpi_says_what_to_write(text: str, unit: str, aggregation: str, words: str) -> None:
    with pytest.raises(BadThreshold, match=re.escape(words)):
        resolve(parse(text), unit=unit, aggregation=aggregation, baseline=None)


@pytest.mark.parametrize(
    ("value", "text"), [(500.0, "500"), (0.1, "0.1"), (1e6, "1000000"), (0.00001, "0.00001"), (398.651, "398.651")]
)
def test_number_has_no_exponent(value: float, text: str) -> None:
    assert number(value) == text
