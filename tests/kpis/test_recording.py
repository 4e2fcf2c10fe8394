import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kpis import current, points, recording, rollups
from kpis.models import KPI, CurrentValue, KpiState, Measurement, Rollup, Series
from kpis.points import Point, Rejected, point_of
from kpis.readings import Reading
from kpis.recording import record, withdraw
from kpis.stats.histogram import Histogram
from kpis.units import UnitMismatch
from tests.kpis.factories import NOW, latency_point, make_kpi, make_target, record_values

pytestmark = [pytest.mark.django_db, pytest.mark.databases]


def point(**fields: Any) -> Point:
    return Point(**({"subject": "orders", "at": NOW, "value": 1.0, "origin": "run:1"} | fields))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"value": math.nan}, "value"),
        ({"value": math.inf}, "value"),
        ({"at": NOW + timedelta(seconds=61)}, "at"),
        ({"at": datetime(1999, 12, 31, tzinfo=UTC)}, "at"),
        ({"at": datetime(2026, 1, 1)}, "at"),  # noqa: DTZ001 - the point of the test
        ({"count": 0}, "count"),
        ({"count": -1}, "count"),
        ({"subject": ""}, "subject"),
        ({"subject": "orders\u202esredro"}, "subject"),
        ({"environment": "live\n"}, "environment"),
    ],
)
def test_bad_point_is_refused_with_its_place_and_nothing_is_stored(fields: dict[str, Any], field: str) -> None:
    kpi = make_kpi()
    with pytest.raises(Rejected) as caught:
        record([point(kpi=kpi), point(kpi=kpi, **fields)], now=NOW)
    assert [(index, name) for index, name, _ in caught.value.errors] == [(1, field)]
    assert (Measurement.objects.count(), Series.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("kpi", "value", "why"),
    [
        ({"unit": "ms"}, -5.0, "is never below 0 ms"),
        ({"unit": "%", "metric": "error_rate"}, 250.0, "never passes 100 %"),
        ({"unit": "ratio", "metric": "uptime"}, 1.1, "never passes 1 ratio"),
        ({"unit": "%", "metric": "cpu"}, 250.0, ""),
        ({"unit": "%"}, 250.0, ""),
        ({"unit": "MB/h"}, -3.0, ""),
    ],
)
def test_what_cannot_be_is_refused(kpi: dict[str, str], value: float, why: str) -> None:
    found = points.faults([point(kpi=make_kpi(**kpi), value=value)], NOW)
    assert found == ([(0, "value", why)] if why else [])


def test_percentile_is_read_from_merged_histograms_never_averaged() -> None:
    kpi = make_kpi(aggregation="p95")
    fast, slow = [10.0] * 900, [1000.0] * 100
    record([latency_point(kpi, fast, NOW - timedelta(minutes=1)), latency_point(kpi, slow, NOW, origin="run:2")], now=NOW)
    current = CurrentValue.objects.get()
    assert current.value == pytest.approx(1000, rel=0.002)
    assert current.count == 1000


def test_window_leaves_out_what_is_older() -> None:
    kpi = make_kpi(aggregation="mean", window_s=120)
    record_values(kpi, [1000, 10, 20], step_s=60)
    assert CurrentValue.objects.get().value == 15


def test_a_window_that_a_file_changed_meanwhile_is_seen() -> None:
    kpi = make_kpi(aggregation="mean", window_s=6000)
    record_values(kpi, [1], until=NOW - timedelta(minutes=50))
    KPI.objects.update(window_s=120)
    record_values(kpi, [5, 7], until=NOW)
    assert CurrentValue.objects.get().count == 2


def test_a_figure_in_a_unit_that_its_kpi_left_is_refused() -> None:
    kpi = make_kpi(unit="ms")
    KPI.objects.update(unit="s")
    with pytest.raises(Rejected, match="another unit"):
        record_values(kpi, [400])
    assert Measurement.objects.count() == 0


@pytest.mark.parametrize("had", [0, 1])
def test_a_kpi_has_no_more_series_than_services(monkeypatch: pytest.MonkeyPatch, had: int) -> None:
    monkeypatch.setattr(recording, "MOST_SERIES", 3)
    kpi, other = make_kpi(), make_kpi()
    for _ in range(had):
        record_values(kpi, [1], subject="s0")
    many = [Point(kpi=kpi, subject=f"s{number}", at=NOW, value=2, origin="x") for number in range(4)]
    with pytest.raises(Rejected) as refused:
        record([Point(kpi=other, subject="s9", at=NOW, value=2, origin="x"), *many], now=NOW)
    assert [(index, field) for index, field, _ in refused.value.errors] == [(index, "subject") for index in range(1 + had, 5)]
    assert Measurement.objects.count() == had
    assert record(many[:3], now=NOW).stored == 3


@pytest.mark.parametrize("cleaned", ["set aside", "taken back"])
def test_a_kpi_that_was_cleaned_up_at_its_limit_takes_a_new_series(monkeypatch: pytest.MonkeyPatch, cleaned: str) -> None:
    monkeypatch.setattr(recording, "MOST_SERIES", 1)
    kpi = make_kpi()
    record_values(kpi, [1], subject="stray")
    with pytest.raises(Rejected, match="set strays aside"):
        record_values(kpi, [1], subject="orders")
    if cleaned == "set aside":
        Series.objects.update(enabled=False)
    else:
        withdraw(origin="test:0", now=NOW)
    assert record_values(kpi, [1], subject="orders").stored == 1


def test_what_is_set_aside_is_stored_at_the_limit_too_and_what_is_empty_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MOST_SERIES", 1)
    kpi = make_kpi()
    Series.objects.create(kpi=kpi, subject="aside", enabled=False)
    Series.objects.create(kpi=kpi, subject="empty")
    record_values(kpi, [1], subject="orders")
    assert record_values(kpi, [1], subject="aside").stored == 1
    with pytest.raises(Rejected):
        record_values(kpi, [1], subject="empty")


def test_mean_is_weighted_by_count() -> None:
    kpi = make_kpi()
    record([point(kpi=kpi, value=0.0, count=999), point(kpi=kpi, value=1000.0, origin="run:2")], now=NOW)
    assert CurrentValue.objects.get().value == 1.0


def test_late_measurement_does_not_become_the_newest() -> None:
    kpi = make_kpi(aggregation="last")
    record([point(kpi=kpi, value=5.0)], now=NOW)
    record([point(kpi=kpi, value=9.0, at=NOW - timedelta(days=3))], now=NOW)
    assert CurrentValue.objects.get().value == 5.0


def test_long_window_is_read_from_hourly_rollups() -> None:
    kpi = make_kpi(aggregation="mean", window_s=86400 * 30)
    record_values(kpi, [10, 20, 30], step_s=86400)
    assert CurrentValue.objects.get().value == 20


def test_a_large_batch_leaves_what_reading_everything_anew_gives() -> None:
    """Means and percentiles, of windows that are read from measurements and from rollups, new and late and again, in a batch."""
    kinds = [(how, window_s) for how in ("mean", "p95", "last") for window_s in (600, 86400 * 2)]
    kpis = [make_kpi(aggregation=how, window_s=window_s) for how, window_s in kinds]
    for number, ago in enumerate((240, 180, 175, 190)):
        times = [NOW - timedelta(minutes=ago + minute) for minute in range(30)]
        figures = [(at, at.minute * 7 % 11, f"run:{number % 2}") for at in times]
        batch = [(kpi, subject, *figure) for kpi in kpis for subject in "ab" for figure in figures]
        record([point(kpi=kpi, subject=of, at=at, value=value, origin=by) for kpi, of, at, value, by in batch], now=NOW)
        kept = list(CurrentValue.objects.order_by("pk").values())
        current.renew(Series.objects.select_related("kpi"))
        assert list(CurrentValue.objects.order_by("pk").values()) == kept
    assert [rollups.differences(series) for series in Series.objects.select_related("kpi")] == [[]] * 12


def test_status_is_remembered() -> None:
    kpi = make_kpi()
    make_target(kpi, "<", 500)
    record_values(kpi, [100])
    state = KpiState.objects.get()
    assert (state.status, state.since) == ("met", NOW)


def test_reading_is_converted_to_the_unit_of_the_kpi() -> None:
    reading = Reading(metric="latency", value=1500, unit="ms", at=NOW, count=2, histogram=Histogram.from_values([1000, 2000]))
    kpi = make_kpi(unit="s", aggregation="p95")
    found = point_of(reading, kpi=kpi, subject="orders", environment="", origin="run:1")
    assert found.value == 1.5
    assert found.histogram is not None
    assert found.histogram.percentile(95) == pytest.approx(2.0, rel=0.004)
    with pytest.raises(UnitMismatch):
        point_of(reading, kpi=make_kpi(unit="MB"), subject="orders", environment="", origin="run:1")


def test_withdrawn_origin_leaves_no_trace_in_aggregates() -> None:
    kpi = make_kpi()
    record([point(kpi=kpi, value=10.0, at=NOW - timedelta(minutes=5))], now=NOW)
    record([point(kpi=kpi, value=90.0, origin="result:x")], now=NOW)
    assert withdraw(origin="result:x", now=NOW) == 1
    current = CurrentValue.objects.get()
    assert (current.value, current.at) == (10.0, NOW - timedelta(minutes=5))
    assert rollups.differences(Series.objects.get()) == []


moments = st.integers(0, 72 * 60).map(lambda minutes: NOW - timedelta(minutes=minutes))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(moments, st.floats(0, 1e6)), min_size=1, max_size=40, unique_by=lambda pair: pair[0]), st.randoms())
def test_rollups_equal_raw_in_any_order_of_arrival(pairs: list[tuple[datetime, float]], random: Any) -> None:
    kpi = make_kpi()
    random.shuffle(pairs)
    for start in range(0, len(pairs), 7):
        record([latency_point(kpi, [value, value / 2], at) for at, value in pairs[start : start + 7]], now=NOW)
    series = Series.objects.get(kpi=kpi)
    assert rollups.differences(series) == []
    days = Rollup.objects.filter(series=series, resolution="day")
    merged = Histogram.merge(Histogram.from_bytes(row.histogram) for row in days if row.histogram)
    assert merged.count == 2 * len(pairs)
    rollups.rebuild(series)
    assert rollups.differences(series) == []


def test_percentile_of_any_window_stays_within_the_stated_error() -> None:
    samples = np.random.default_rng(7).lognormal(4, 1, 5000)
    kpi = make_kpi(aggregation="p95")
    parts = np.array_split(samples, 20)
    record(
        [latency_point(kpi, list(part), NOW - timedelta(minutes=i), origin=f"run:{i}") for i, part in enumerate(parts)], now=NOW
    )
    exact = np.percentile(samples, 95, method="inverted_cdf")
    assert CurrentValue.objects.get().value == pytest.approx(exact, rel=0.002)
