from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from kpis.commitments import in_force
from kpis.history import distribution, history, versions
from kpis.models import KPI, Decision, Measurement
from kpis.points import Point
from kpis.recording import record
from tests.factories import People
from tests.kpis.factories import NOW, latency_point, make_kpi, make_scorecard, make_target, record_values

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
SOON = NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("step_s", "how_many", "points", "expected"),
    [(60, 10, 500, "raw"), (600, 100, 50, "hour"), (7200, 100, 20, "day"), (86400, 10, 10, "raw")],
)
def test_resolution_fits_the_points_asked_for(step_s: int, how_many: int, points: int, expected: str) -> None:
    kpi = make_kpi()
    record_values(kpi, [1.0] * how_many, step_s=step_s)
    found = history(kpi, start=NOW - timedelta(days=30), end=SOON, points=points)
    assert (found.resolution, len(found.points) <= points) == (expected, True)
    assert sum(point.count for point in found.points) == how_many


def test_gaps_stay_gaps() -> None:
    kpi = make_kpi()
    record_values(kpi, [1, 2], until=NOW - timedelta(hours=10))
    record_values(kpi, [3, 4])
    found = history(kpi, start=NOW - timedelta(days=1), end=SOON, points=3)
    assert [(point.at.hour, point.value, point.low, point.high) for point in found.points] == [
        (1, 1, 1, 1),
        (2, 2, 2, 2),
        (11, 3, 3, 3),
        (12, 4, 4, 4),
    ] or found.resolution == "day"
    raw = history(kpi, start=NOW - timedelta(days=1), end=SOON)
    assert [point.value for point in raw.points] == [1, 2, 3, 4]


def latencies(kpi: KPI) -> None:
    record(
        [latency_point(kpi, [10.0] * 90 + [1000.0] * 10, NOW - timedelta(minutes=i), origin=f"run:{i}") for i in range(50)],
        now=NOW,
    )


def test_percentile_of_a_bucket_is_read_from_merged_histograms() -> None:
    kpi = make_kpi(aggregation="p95")
    latencies(kpi)
    found = history(kpi, start=NOW - timedelta(hours=6), end=SOON, points=5)
    assert found.resolution == "hour"
    assert [point.value for point in found.points] == pytest.approx([1000, 1000], rel=0.002)
    assert (found.points[0].low, found.points[0].high) == pytest.approx((10, 1000), rel=0.002)


def test_distribution_merges_all_samples() -> None:
    kpi = make_kpi(aggregation="p95")
    latencies(kpi)
    found = distribution(kpi, start=NOW - timedelta(hours=6), end=SOON)
    assert found is not None
    assert found.count == 5000


def test_several_series_become_one_line_by_the_worst() -> None:
    kpi = make_kpi()
    record_values(kpi, [1, 2, 3], subject="a")
    record_values(kpi, [9, 8, 7], subject="b")
    found = history(kpi, start=NOW - timedelta(hours=1), end=SOON)
    assert [(point.value, point.subject) for point in found.points] == [(9, "b"), (8, "b"), (7, "b")]
    only = history(kpi, start=NOW - timedelta(hours=1), end=SOON, subject="a")
    assert [point.value for point in only.points] == [1, 2, 3]


def test_raw_points_of_several_series_stand_where_they_were_measured_and_do_not_move() -> None:
    """Whenever they are asked for: two that were measured together are one point, at the newer of their times."""
    kpi = make_kpi(across="mean")
    for hours in range(3):
        record_values(kpi, [100], subject="a", until=NOW - timedelta(hours=hours, seconds=7))
        record_values(kpi, [200], subject="b", until=NOW - timedelta(hours=hours))
    told = [
        [(point.at, point.value) for point in history(kpi, start=end - timedelta(days=1), end=end).points]
        for end in (SOON, SOON + timedelta(seconds=45), SOON + timedelta(seconds=131))
    ]
    assert told[0] == told[1] == told[2]
    assert told[0] == [(NOW - timedelta(hours=hours), 150) for hours in (2, 1, 0)]


@pytest.mark.parametrize("points", [500, 1])
@pytest.mark.parametrize(
    ("across", "aggregation", "expected"),
    [
        ("worst", "p95", ("slow", 10, 900, 900)),
        ("merged", "p95", ("", 40, 20, 900)),
        ("mean", "mean", ("", 40, 20, 900)),
    ],
)
def test_a_combined_point_has_no_subject_and_the_worst_ones_bounds_are_its_own(
    points: int, across: str, aggregation: str, expected: tuple[str, int, float, float]
) -> None:
    kpi = make_kpi(across=across, aggregation=aggregation)
    record(
        [latency_point(kpi, [20.0] * 30, NOW, subject="quick"), latency_point(kpi, [900.0] * 10, NOW, subject="slow")], now=NOW
    )
    [point] = history(kpi, start=NOW - timedelta(hours=1), end=SOON, points=points).points
    assert (point.subject, point.count) == expected[:2]
    assert (point.low, point.high) == pytest.approx(expected[2:], rel=0.002)


def test_bounds_hold_the_value_and_are_those_of_the_series_that_count() -> None:
    kpi = make_kpi(across="named", across_subject="a")
    record_values(kpi, [1, 2, 3], subject="a")
    record_values(kpi, [9, 8, 7], subject="b")
    for points in (500, 1):
        found = history(kpi, start=NOW - timedelta(hours=6), end=SOON, points=points).points
        assert all(1 <= point.low <= point.value <= point.high <= 3 for point in found)


@pytest.mark.parametrize("points", [500, 2])
def test_what_ci_sent_is_no_part_of_the_course_of_what_is_measured(points: int) -> None:
    kpi = make_kpi()
    record_values(kpi, [100, 110, 120], subject="live")
    record([Point(kpi=kpi, subject="ci", at=NOW, value=900, origin="result:x")], now=NOW)
    found = history(kpi, start=NOW - timedelta(hours=6), end=SOON, points=points)
    assert max(point.value for point in found.points) <= 120


def test_a_bucket_of_samples_and_of_ready_percentiles_says_what_the_samples_say_and_is_marked() -> None:
    kpi = make_kpi(aggregation="p95")
    start = NOW - timedelta(hours=1)
    ready = Point(kpi=kpi, subject="orders", at=start, value=700, count=50, reported=True, origin="ready")
    record([ready, latency_point(kpi, [10.0] * 90 + [1000.0] * 10, start + timedelta(minutes=1))], now=NOW)
    record_values(kpi, [5.0] * 5, until=NOW)
    hour = history(kpi, start=start, end=SOON, points=2).points[0]
    assert (hour.reported, hour.value) == (True, pytest.approx(1000, rel=0.002))


def test_pruned_raw_measurements_are_read_from_rollups() -> None:
    kpi = make_kpi()
    record_values(kpi, [1.0] * 5, step_s=86400)
    Measurement.objects.filter(at__lt=NOW - timedelta(days=2)).delete()
    found = history(kpi, start=NOW - timedelta(days=10), end=SOON)
    assert (found.resolution, len(found.points)) == ("hour", 5)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 90), st.sampled_from(Decision)), max_size=6))
def test_versions_partition_time(changes: list[tuple[int, Decision]]) -> None:
    kpi = make_kpi()
    for days, decision in changes:
        make_target(kpi, effective_from=NOW - timedelta(days=days), decision=decision)
    start = NOW - timedelta(days=60)
    found = versions(kpi, start=start, end=NOW)
    assert [one.end for one in found[:-1]] == [one.start for one in found[1:]]
    assert all(one.start < one.end for one in found)
    assert not found or found[-1].end == NOW
    for days in range(1, 60, 7):
        moment = start + timedelta(days=days)
        there = [one.target for one in found if one.start <= moment < one.end]
        assert there == list(in_force([kpi], moment).values())


def test_target_versions_partition_time() -> None:
    kpi = make_kpi()
    changes: list[datetime] = [NOW - timedelta(days=days) for days in (30, 20, 10)]
    for index, at in enumerate(changes):
        make_target(kpi, "<", 500 - index, effective_from=at)
    found = versions(kpi, start=NOW - timedelta(days=25), end=NOW)
    assert [version.target.number for version in found] == [1, 2, 3]
    assert [version.start for version in found] == [NOW - timedelta(days=25), changes[1], changes[2]]
    assert [version.end for version in found] == [changes[1], changes[2], NOW]


@pytest.fixture
def ready(people: People) -> KPI:
    """A percentile KPI with one run and one percentile that came ready-made."""
    kpi = make_kpi("p95", scorecard=make_scorecard("plan"), aggregation="p95")
    now = timezone.now()
    by_hand = Point(kpi=kpi, subject="=orders", at=now - timedelta(minutes=2), value=700, count=50, reported=True, origin="ready")
    record([by_hand, latency_point(kpi, [10.0] * 20, now - timedelta(minutes=1), subject="=orders")], now=now)
    return kpi


@pytest.mark.parametrize(("query", "accept"), [("?format=csv", "*/*"), ("", "text/csv")])
def test_a_course_comes_as_csv(ready: KPI, people: People, api: Any, make_token: Any, query: str, accept: str) -> None:
    client = api(make_token(people.viewer, ["read"]))
    url = "/api/v1/kpis/plan/p95/measurements/"
    answer = client.get(url + query, headers={"Accept": accept})
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    head, first, second = answer.content.decode().splitlines()
    assert head == "at,value,low,high,samples,unit,reported,subject,origin"
    assert first.split(",")[1:] == ["700.0", "700.0", "700.0", "50", "ms", "yes", "'=orders", "ready"]
    assert second.split(",")[4:] == ["20", "ms", "", "'=orders", "run:1"]
    wrong = client.get(f"{url}?points=x&format=csv")
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (422, "points")


def test_the_page_marks_what_was_reported_and_links_to_its_csv(ready: KPI, as_viewer: Client) -> None:
    told = as_viewer.get("/scorecards/plan/p95/?range=1h").content.decode()
    assert "1 point holds a percentile as the source reported it" in told
    assert '<span class="sub">as reported</span>' in told
    answer = as_viewer.get("/scorecards/plan/p95/csv/?range=1h")
    assert answer["Content-Disposition"] == 'attachment; filename="plan-p95-1h.csv"'
    assert answer.content.decode().splitlines()[1].split(",")[1] == "700.0"


@pytest.mark.parametrize(("points", "expected"), [(24, "hour"), (23, "day")])
def test_hours_of_several_series_are_counted_once(points: int, expected: str) -> None:
    kpi = make_kpi()
    for subject in ("a", "b", "c"):
        record_values(kpi, [1.0] * 48, step_s=1800, until=NOW - timedelta(minutes=1), subject=subject)
    found = history(kpi, start=NOW - timedelta(hours=24), end=NOW, points=points)
    assert found.resolution == expected


def test_the_series_without_an_environment_is_one_of_its_own() -> None:
    kpi = make_kpi("latency", scorecard=make_scorecard("shop"))
    for number, environment in enumerate(("", "", "live")):
        sent = Point(kpi=kpi, subject="a", environment=environment, at=NOW - timedelta(seconds=number), value=1.0, origin="x")
        record([sent], now=NOW)
    found = [history(kpi, start=NOW - timedelta(1), end=SOON, subject="a", environment=one) for one in ("", "live")]
    assert [len(one.points) for one in found] == [2, 1]
