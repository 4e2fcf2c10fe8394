from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Model

from kpis import rollups
from kpis.models import KPI, Measurement, Rollup, Series
from kpis.points import Point
from kpis.recording import record, withdraw
from kpis.stats.histogram import Histogram
from tests.kpis.factories import NOW, make_kpi

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
OLD = rollups.bucket(NOW - timedelta(days=400), "day") + timedelta(hours=12)


def point(kpi: KPI, *, at: datetime, value: float, origin: str = "run:1", **fields: Any) -> Point:
    return Point(kpi=kpi, subject="orders", at=at, value=value, origin=origin, **fields)


def said(row: Model) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in row._meta.fields if field.name not in ("id", "last", "last_at")}


def prune_halfway() -> None:
    """As where it is interrupted within a day: all but what was typed is gone."""
    Measurement.objects.filter(at__lt=NOW - timedelta(days=90), origin="run:1").delete()


@pytest.mark.parametrize("aggregation", ["mean", "p95"])
def test_a_day_whose_measurements_were_pruned_keeps_what_they_said(aggregation: str) -> None:
    kpi = make_kpi(aggregation=aggregation)
    days = [OLD + timedelta(days=number) for number in range(3)]
    record([point(kpi, at=day + timedelta(minutes=m), value=100.0 + m) for day in days for m in range(5)], now=NOW)
    record([point(kpi, at=NOW, value=100.0)], now=NOW)
    before = [said(row) for row in Rollup.objects.order_by("pk")]
    late = [point(kpi, at=day + timedelta(minutes=2, seconds=1), value=101.5, origin="typed") for day in days[:2]]
    record([*late, point(kpi, at=NOW - timedelta(days=1), value=3.0, origin="typed")], now=NOW)
    prune_halfway()
    assert withdraw(origin="typed", now=NOW) == 3
    assert [said(row) for row in Rollup.objects.order_by("pk")] == before
    assert rollups.differences(Series.objects.select_related("kpi").get(), since=NOW - timedelta(days=1)) == []


def test_of_a_percentile_only_the_samples_left_are_counted() -> None:
    kpi = make_kpi(aggregation="p95")
    record([point(kpi, at=OLD, value=100.0), point(kpi, at=NOW, value=1.0)], now=NOW)
    slow = Histogram.from_values([900.0] * 50)
    record([point(kpi, at=OLD, value=900.0, histogram=slow, count=50, origin="typed")], now=NOW)
    prune_halfway()
    withdraw(origin="typed", now=NOW)
    for row in Rollup.objects.filter(at__lt=NOW - timedelta(days=9)):
        assert (row.points, row.count, row.sample_count, row.percentile) == (1, 1, 1, pytest.approx(100, rel=0.002))
    assert Measurement.objects.count() == 1


def test_an_hour_that_held_nothing_else_is_gone() -> None:
    kpi = make_kpi()
    record([point(kpi, at=OLD, value=100.0), point(kpi, at=NOW, value=1.0)], now=NOW)
    record([point(kpi, at=OLD + timedelta(hours=3), value=7.0, origin="typed")], now=NOW)
    prune_halfway()
    withdraw(origin="typed", now=NOW)
    left = Rollup.objects.filter(at__lt=NOW - timedelta(days=9)).values_list("resolution", "at", "points")
    assert set(left) == {("hour", OLD, 1), ("day", rollups.bucket(OLD, "day"), 1)}
