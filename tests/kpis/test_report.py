from datetime import timedelta

import pytest

from kpis.models import Decision
from kpis.recording import record
from kpis.report import report, target_history
from tests.kpis.factories import NOW, latency_point, make_kpi, make_target, record_values

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("first", "newest", "expected"),
    [(timedelta(minutes=5), timedelta(0), "1h"), (timedelta(days=2), timedelta(0), "24h"),
     (timedelta(days=9), timedelta(days=3), "7d"), (timedelta(days=90), timedelta(days=60), "all")],
)  # fmt: skip
def test_the_shortest_span_that_tells_something_is_shown(first: timedelta, newest: timedelta, expected: str) -> None:
    kpi = make_kpi()
    record_values(kpi, [1, 2], until=NOW - newest, step_s=(first - newest).total_seconds())
    assert report(kpi, span="", now=NOW).span == expected
    assert report(kpi, span="30d", now=NOW).span == "30d"


def test_a_kpi_without_data_has_an_empty_report() -> None:
    found = report(make_kpi(), span="", now=NOW)
    assert (found.points, found.distribution, found.way, found.chart["lines"]) == ((), None, None, [])


def test_the_series_that_stands_for_the_kpi_comes_first() -> None:
    kpi = make_kpi(aggregation="last")
    record_values(kpi, [300], subject="catalog")
    record_values(kpi, [588], subject="orders")
    found = report(kpi, span="1h", now=NOW)
    assert [line["label"] for line in found.chart["series"]] == ["orders, worst: it is judged", "catalog"]
    assert [(point.value, point.source) for point in found.points] == [(588, "test:0")]


def test_merged_series_are_drawn_as_one_before_their_parts() -> None:
    kpi = make_kpi(aggregation="p95", across="merged")
    record([latency_point(kpi, [1, 2, 3], NOW, subject=name) for name in ("a", "b")], now=NOW)
    found = report(kpi, span="1h", now=NOW)
    assert [line["short"] for line in found.chart["series"]] == ["merged histograms", "a", "b"]
    assert found.distribution is not None
    assert sum(column.count for column in found.distribution.columns) == 6


def test_the_distribution_is_that_of_the_series_that_is_judged() -> None:
    kpi = make_kpi(aggregation="p95")
    record([latency_point(kpi, [300] * 4, NOW, subject="catalog"), latency_point(kpi, [600] * 3, NOW, subject="orders")], now=NOW)
    found = report(kpi, span="1h", now=NOW)
    assert found.distribution is not None
    assert (found.distribution_of, sum(column.count for column in found.distribution.columns)) == ("orders", 3)


@pytest.mark.parametrize(("span", "still"), [("1h", 20), ("24h", 600), ("30d", 3600)])
def test_the_chart_stands_still_between_its_edges(span: str, still: int) -> None:
    kpi = make_kpi()
    record_values(kpi, [1, 2])
    one, other = (report(kpi, span=span, now=NOW + timedelta(seconds=seconds)) for seconds in (0, still))
    assert one.chart == other.chart
    assert one.end > NOW
    assert report(kpi, span=span, now=one.end).end > one.end


def test_target_history_tells_what_each_version_is() -> None:
    kpi = make_kpi()
    make_target(kpi, effective_from=NOW - timedelta(days=9))
    make_target(kpi, effective_from=NOW - timedelta(days=2))
    make_target(kpi, effective_from=NOW + timedelta(days=2))
    make_target(kpi, decision=Decision.PROPOSED, effective_from=None)
    make_target(kpi, decision=Decision.REJECTED, effective_from=None)
    found = target_history(kpi, now=NOW)
    assert [(one.target.number, one.state) for one in found] == [
        (5, "rejected"), (4, "waits"), (3, "later"), (2, "in force"), (1, "past"),
    ]  # fmt: skip
    assert [one.until for one in found] == [None, None, None, NOW + timedelta(days=2), NOW - timedelta(days=2)]
