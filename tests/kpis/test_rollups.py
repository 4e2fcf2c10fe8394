from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from kpis import rollups
from kpis.identity import Conflict
from kpis.models import KPI, CurrentValue, Measurement, Rollup, Series
from kpis.points import Point
from kpis.recording import Receipt, record
from kpis.retention import prune
from kpis.stats.histogram import Histogram
from kpis.stats.packed import unpack
from tests.kpis.factories import NOW, latency_point, make_kpi, record_values
from tests.kpis.stats.test_packed import deflated

databases = pytest.mark.databases


@databases
@pytest.mark.django_db
def test_damaged_rollups_are_found_and_made_anew() -> None:
    record_values(make_kpi(), [1, 2, 3], until=timezone.now() - timedelta(minutes=1), step_s=3600)
    out = StringIO()
    call_command("verify_rollups", stdout=out)
    assert "agree" in out.getvalue()
    Rollup.objects.filter(resolution="hour").update(points=7)
    with pytest.raises(CommandError):
        call_command("verify_rollups", stdout=out)
    call_command("rebuild_rollups", stdout=out)
    call_command("verify_rollups", stdout=out)


@databases
@pytest.mark.django_db
def test_histograms_in_an_earlier_form_are_no_damage() -> None:
    record_values(make_kpi(aggregation="p95"), [1, 2, 3], until=timezone.now() - timedelta(minutes=1), step_s=3600)
    for rollup in Rollup.objects.all():
        rollup.histogram = deflated(*unpack(rollup.histogram))
        rollup.save()
    assert rollups.differences(Series.objects.select_related("kpi").get()) == []


@databases
@pytest.mark.django_db
def test_pruning_keeps_rollups_and_the_newest_measurement(settings) -> None:  # type: ignore[no-untyped-def]
    settings.KEEP_RAW_DAYS, settings.KEEP_HOURS_DAYS = 10, 20
    record_values(make_kpi(), [1.0] * 30, step_s=86400)
    found = prune(now=NOW + timedelta(days=100))
    assert (found.measurements, found.hours) == (29, 30)
    assert (Measurement.objects.count(), Rollup.objects.filter(resolution="day").count()) == (1, 30)


@databases
@pytest.mark.django_db
def test_the_last_day_of_a_silent_series_can_be_rolled_up_anew(settings) -> None:  # type: ignore[no-untyped-def]
    settings.KEEP_RAW_DAYS = 10
    record_values(make_kpi(), [1.0, 2.0, 3.0], step_s=60)
    prune(now=NOW + timedelta(days=100))
    series = Series.objects.get()
    rollups.rebuild(series)
    assert Rollup.objects.get(series=series, resolution="day").points == 3


def write(kpi: KPI, worker: int) -> Receipt:
    """What each writer sends: ten that all share, ten of its own, in an order of its own."""
    shared = [Point(kpi=kpi, subject=f"s{i % 3}", at=NOW - timedelta(minutes=i), value=i, origin="shared") for i in range(10)]
    own = [
        Point(kpi=kpi, subject=f"s{i % 5}", at=NOW - timedelta(minutes=i), value=worker, origin=f"own:{worker}")
        for i in range(10)
    ]
    points = shared + own
    try:
        return record(points[worker % 7 :] + points[: worker % 7], now=NOW)
    finally:
        connection.close()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_fifty_writers_at_once_store_exactly_the_distinct_ones() -> None:
    kpi = make_kpi(window_s=86400)
    with ThreadPoolExecutor(50) as pool:
        receipts = list(pool.map(lambda worker: write(kpi, worker), range(50)))
    assert (sum(one.stored for one in receipts), sum(one.ignored for one in receipts)) == (510, 490)
    assert Measurement.objects.count() == 510
    for series in Series.objects.all():
        assert rollups.differences(series) == []
        rows = series.measurements.values_list("value", flat=True)
        assert CurrentValue.objects.get(series=series).value == pytest.approx(sum(rows) / len(rows))


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_contradicting_writers_leave_one_value() -> None:
    kpi = make_kpi()

    def contradict(worker: int) -> bool:
        try:
            record([Point(kpi=kpi, subject="s", at=NOW, value=worker, origin="same")], now=NOW)
        except Conflict:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(contradict, range(10))) == 1
    assert Measurement.objects.count() == 1


@databases
@pytest.mark.django_db
def test_what_is_read_of_a_histogram_stands_beside_it_in_any_order_of_arrival() -> None:
    kpi = make_kpi(aggregation="p95")
    start = rollups.bucket(NOW, "day")
    for hour, samples in ((5, [10.0] * 20), (1, [30.0] * 400), (5, [80.0] * 30), (2, [2.0])):
        at = start + timedelta(hours=hour, seconds=len(samples))
        record([latency_point(kpi, samples, at, origin=f"run:{len(samples)}")], now=NOW)
    ready = Point(kpi=kpi, subject="orders", at=start + timedelta(hours=5), value=900, count=9, reported=True, origin="ready")
    record([ready], now=NOW)
    rows = list(Rollup.objects.exclude(histogram=None))
    assert len(rows) == 4
    for row in rows:
        histogram = Histogram.from_bytes(row.histogram)
        read = (row.percentile, row.sample_low, row.sample_high, row.sample_count)
        assert read == (histogram.percentile(95), *histogram.ends, histogram.count)
    assert rollups.differences(Series.objects.get()) == []


@databases
@pytest.mark.django_db
def test_pruning_takes_each_series_by_its_own_newest_day(settings) -> None:  # type: ignore[no-untyped-def]
    settings.KEEP_RAW_DAYS, settings.KEEP_HOURS_DAYS = 10, 20
    kpi = make_kpi()
    for subject, ago in (("old", 50), ("new", 0)):
        record_values(kpi, [1.0] * 30, step_s=86400, until=NOW - timedelta(days=ago), subject=subject)
    Series.objects.create(kpi=kpi, subject="never measured")
    found = prune(now=NOW)
    assert (found.measurements, found.hours) == (29 + 19, 30 + 9)
    kept = Measurement.objects.order_by("at").values_list("series__subject", "at")
    assert [(subject, (NOW - at).days) for subject, at in kept][:2] == [("old", 50), ("new", 10)]
