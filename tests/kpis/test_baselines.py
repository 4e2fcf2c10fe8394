from datetime import datetime, timedelta

import pytest

from accounts.models import User
from kpis import baselines
from kpis.faults import BadTarget
from kpis.models import KPI, Measurement
from kpis.recording import record
from kpis.stats.histogram import Histogram
from tests.kpis.factories import NOW, latency_point, make_kpi, make_target, record_values

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
HOUR = timedelta(hours=1)


def measure(kpi: KPI, since: datetime = NOW - HOUR, until: datetime = NOW) -> baselines.Measured:
    return baselines.measure(kpi=kpi, since=since, until=until, now=NOW)


def test_a_percentile_is_read_from_the_merged_samples_of_the_window() -> None:
    kpi = make_kpi(aggregation="p95")
    runs = [[float(value) for value in range(100 * run, 100 * run + 100)] for run in (1, 2, 9)]
    times = [NOW - timedelta(minutes=30), NOW - timedelta(minutes=20), NOW - timedelta(hours=3)]
    record([latency_point(kpi, run, at, origin=f"run:{at:%H%M}") for run, at in zip(runs, times, strict=True)], now=NOW)
    found = measure(kpi)
    expected = Histogram.from_values([*runs[0], *runs[1]]).percentile(95)
    assert found.baseline == pytest.approx(expected, rel=1e-5)
    assert (found.baseline_runs, found.baseline_samples, found.baseline_on) == (2, 200, NOW.date())
    assert found.baseline_stated == "95th percentile of 2 runs with 200 samples, 2 Mar 2026 11:00 – 2 Mar 2026 12:00 UTC"


def test_a_mean_is_weighted_and_the_end_is_not_in_the_window() -> None:
    kpi = make_kpi()
    record_values(kpi, [100, 200, 900])
    assert (measure(kpi).baseline, measure(kpi).baseline_runs) == (150, 2)


def test_the_worst_series_stands_for_the_kpi_with_its_own_runs() -> None:
    kpi = make_kpi()
    record_values(kpi, [100, 100, 100], until=NOW - timedelta(minutes=1), subject="orders")
    record_values(kpi, [300, 500], until=NOW - timedelta(minutes=1), subject="stock")
    assert (measure(kpi).baseline, measure(kpi).baseline_runs, measure(kpi).baseline_samples) == (400, 2, 2)


def test_what_one_run_alone_says_stands_on_one_run() -> None:
    kpi = make_kpi(aggregation="last")
    record_values(kpi, [100, 200, 300], until=NOW - timedelta(minutes=1))
    assert (measure(kpi).baseline, measure(kpi).baseline_runs) == (300, 1)


def test_of_pruned_runs_the_figure_is_left() -> None:
    kpi = make_kpi()
    record_values(kpi, [100, 300], step_s=86400, until=NOW - timedelta(days=100))
    Measurement.objects.filter(at__lt=NOW - timedelta(days=100)).delete()
    found = measure(kpi, NOW - timedelta(days=102), NOW - timedelta(days=99))
    assert (found.baseline, found.baseline_runs, found.baseline_samples) == (200, None, 2)


def test_many_measurements_are_read_in_whole_hours() -> None:
    kpi = make_kpi()
    record_values(kpi, [float(value) for value in range(2100)], until=NOW - timedelta(minutes=30), step_s=6)
    found = measure(kpi, NOW - timedelta(hours=5, minutes=10))
    assert (found.baseline_since, found.baseline_until) == (NOW - timedelta(hours=6), NOW)
    assert (found.baseline, found.baseline_runs) == (1049.5, 2100)


@pytest.mark.parametrize(
    ("since", "until", "field"),
    [
        (NOW - 2 * HOUR, NOW - HOUR, "baseline_since"),
        (NOW, NOW - HOUR, "baseline_since"),
        (NOW - HOUR, NOW + HOUR, "baseline_until"),
    ],
)
def test_a_window_without_measurements_gives_no_baseline(since: datetime, until: datetime, field: str) -> None:
    kpi = make_kpi()
    record_values(kpi, [100])
    with pytest.raises(BadTarget) as caught:
        measure(kpi, since, until)
    assert list(caught.value.errors) == [field]


def test_a_measured_baseline_is_proposed_with_the_rest_as_in_force() -> None:
    kpi, actor = make_kpi(), User.objects.create(username="proposer")
    make_target(kpi, "<", 500, alert_threshold=900, for_s=60, baseline=1, baseline_on=NOW.date(), stated="half a second")
    record_values(kpi, [800, 600], until=NOW - timedelta(minutes=1))
    window = {"since": NOW - HOUR, "until": NOW, "now": NOW}
    version = baselines.propose(kpi=kpi, actor=actor, rationale="as it was", **window)
    assert (version.value, version.alert_threshold, version.for_s, version.stated) == (500, 900, 60, "half a second")
    assert (version.baseline, version.baseline_runs, version.decision) == (700, 2, "proposed")
    relative = baselines.propose(kpi=kpi, actor=actor, rationale="half", target="<= -50%", **window)
    assert (relative.comparator, relative.value, relative.alert_threshold, relative.stated) == ("<=", 350, 900, "")


def test_without_a_target_a_measured_baseline_asks_for_one() -> None:
    kpi, actor = make_kpi(), User.objects.create(username="proposer")
    record_values(kpi, [800], until=NOW - timedelta(minutes=1))
    with pytest.raises(BadTarget, match="Write a target"):
        baselines.propose(kpi=kpi, actor=actor, rationale="", since=NOW - HOUR, until=NOW, now=NOW)
