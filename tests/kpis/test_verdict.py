from datetime import timedelta

import pytest

from kpis.evaluation import Goal
from kpis.formats import ParsedSample
from kpis.stats.histogram import Histogram
from kpis.verdict import Figure, Terms, Verdict, compare, exit_code, figure_of, judge, matching, missing, worst
from tests.kpis.factories import NOW

KEYS = ["response-time-p95", "throughput", "database-query-time", "uptime"]
STEADY = [100.0, 101, 99, 100, 102, 98, 100]
TERMS = Terms("rt", "orders", "ms", "mean", True, 3600, Goal(comparator="<", value=500, lower_is_better=True))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("test_response_time_p95", "response-time-p95"),
        ("tests/test_api.py::test_response_time_p95[10-users]", "response-time-p95"),
        ("bench_throughput", "throughput"),
        ("test_orders_database_query_time_cold", "database-query-time"),
        ("test_uptimes", ""),
        ("test_throughput_uptime", "throughput"),
        ("test_list_orders", ""),
    ],
)
def test_matching(name: str, key: str) -> None:
    assert matching(name, KEYS) == key


def sample(**fields: object) -> ParsedSample:
    return ParsedSample(**({"name": "test_rt", "metric": "latency", "value": 300.0, "unit": "ms"} | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "aggregation", "unit", "value", "reported"),
    [
        ({"value": 0.5, "unit": "s", "count": 10}, "mean", "ms", 500, False),
        ({"count": 10}, "p95", "ms", None, False),
        ({"count": 10, "statistics": {"p95": 400.0}}, "p95", "s", 0.4, True),
        ({"count": 3, "histogram": Histogram.from_values([1, 2, 4])}, "p50", "ms", pytest.approx(2, rel=0.002), False),
        ({"count": 1}, "p95", "ms", 300, False),
        ({}, "mean", "MB", None, False),
    ],
)
def test_figure_is_never_made_up(fields: dict, aggregation: str, unit: str, value: object, reported: bool) -> None:
    figure = figure_of(sample(**fields), aggregation=aggregation, unit=unit)
    assert (figure.value, figure.reported) == (value, reported)
    assert bool(figure.reason) == (value is None)


def test_compare_by_the_published_bound() -> None:
    """n = 25, mean 100, s 10, b 0.977: the upper bound is 121.46."""
    history = [100 + 10 * (24 / 25 / 24 * 25) ** 0.5 * sign for sign in [1, -1] * 12] + [100.0]
    assert compare(121.4, history, lower_is_better=True).verdict == Verdict.PASS
    assert compare(121.5, history, lower_is_better=True).verdict == Verdict.WARN
    assert compare(121.5, history, lower_is_better=False).verdict == Verdict.PASS


@pytest.mark.parametrize("history", [[], [100.0] * 4, [100.0] * 20])
def test_compare_without_history_or_variance_is_inconclusive(history: list[float]) -> None:
    assert compare(900, history, lower_is_better=True).verdict == Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("value", "history", "verdict"),
    [
        (100, STEADY, "pass"),
        (120, STEADY, "warn"),
        (600, STEADY, "fail"),
        (500, STEADY, "fail"),
        (100, [], "inconclusive"),
        (600, [], "fail"),
    ],
)
def test_judge(value: float, history: list[float], verdict: str) -> None:
    assert judge(sample(), TERMS, Figure(value), history, at=NOW).verdict == verdict


def test_judge_waived_failure_warns() -> None:
    terms = Terms(**(TERMS.__dict__ | {"waived_until": NOW + timedelta(days=2)}))
    found = judge(sample(), terms, Figure(600), STEADY, at=NOW)
    assert (found.verdict, found.waived_until) == ("warn", "2026-03-04T12:00:00+00:00")


def test_judge_mostly_failed_is_an_error() -> None:
    assert judge(sample(count=10, failures=6), TERMS, Figure(1), STEADY, at=NOW).verdict == "error"


def test_worst_and_exit_codes() -> None:
    assert worst([]) == "no_data"
    assert worst([Verdict.PASS, Verdict.WARN, Verdict.INCONCLUSIVE]) == "inconclusive"
    assert [exit_code(verdict) for verdict in Verdict] == [3, 1, 4, 4, 0, 0]
    assert exit_code(Verdict.NO_DATA, inconclusive_passes=True) == 0


def test_missing() -> None:
    assert missing(["test_a", "x.py::test_b", "test_c"], ["x.py::test_a", "x.py::test_b"]) == ["test_c"]
