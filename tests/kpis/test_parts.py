"""SQLite, where a writer keeps all others waiting: many points are stored in parts."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from kpis import rollups
from kpis.identity import Conflict
from kpis.models import KPI, CurrentValue, Measurement, Series
from kpis.parts import MOST_US, parts
from kpis.points import Point
from kpis.recording import Receipt, record
from kpis.stats.histogram import Histogram
from tests.kpis.factories import NOW, make_kpi

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite]
MANY = 4000


def points(kpi: KPI, *, last: float = 1.0) -> list[Point]:
    values = [1.0] * (MANY - 1) + [last]
    return [
        Point(kpi=kpi, subject=f"s{i % 3}", at=NOW - timedelta(seconds=i), value=value, origin="batch")
        for i, value in enumerate(values)
    ]


def lengths(batch: list[Point]) -> list[int]:
    found = parts(batch)
    assert [point for part in found for point in part] == batch
    return [len(part) for part in found]


def test_what_costs_more_is_cut_finer() -> None:
    mean, p95 = make_kpi("mean"), make_kpi("p95", aggregation="p95")

    def batch(kpi: KPI, series: int, **fields: Any) -> list[Point]:
        return [
            Point(kpi=kpi, subject=f"s{i % series}", at=NOW - timedelta(minutes=i // series), value=1.0, origin="x", **fields)
            for i in range(1000)
        ]

    few, many, exact = (lengths(batch(kpi, series)) for kpi, series in ((mean, 10), (mean, 1000), (p95, 1000)))
    assert len(few) == 1
    assert 1000 > many[0] > exact[0] > 1
    wide = Histogram.from_values([float(value) for value in range(1, 1_000)])
    assert lengths(batch(p95, 10, histogram=wide, count=wide.count))[0] < exact[0]
    assert lengths(batch(mean, 1)[:1]) == [1]
    huge = Histogram(range(MOST_US), [1] * MOST_US)
    assert lengths(batch(p95, 1, histogram=huge, count=huge.count)[:3]) == [1, 1, 1]


def test_parts_are_one_batch() -> None:
    kpi, told = make_kpi(), list[Receipt]()
    assert record(points(kpi), now=NOW, then=told.append) == Receipt(MANY, 0)
    assert record(points(kpi)[::-1], now=NOW, then=told.append) == Receipt(0, MANY)
    assert told == [Receipt(MANY, 0), Receipt(0, MANY)]
    assert [rollups.differences(series) for series in Series.objects.select_related("kpi")] == [[], [], []]
    assert CurrentValue.objects.count() == 3


def test_contradiction_in_the_last_part_stores_nothing() -> None:
    kpi = make_kpi()
    record(points(kpi)[-1:], now=NOW)
    with pytest.raises(Conflict) as caught:
        record(points(kpi, last=2.0), now=NOW)
    assert (caught.value.indices, Measurement.objects.count()) == ([MANY - 1], 1)
    twice = [*points(kpi)[:-1], points(kpi)[0], Point(kpi=kpi, subject="s0", at=NOW, value=9.0, origin="batch")]
    with pytest.raises(Conflict):
        record(twice, now=NOW)
    assert Measurement.objects.count() == 1


def test_contradiction_that_arises_meanwhile_takes_back_what_was_stored() -> None:
    kpi = make_kpi()
    stored = list[int]()

    def meanwhile(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Contradicts the last point as soon as the first part is there."""
        if not stored and connection.in_atomic_block and "kpis_series" in sql and Measurement.objects.exists():
            stored.append(Measurement.objects.count())
            record([points(kpi, last=2.0)[-1]], now=NOW)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(meanwhile), pytest.raises(Conflict) as caught:
        record(points(kpi), now=NOW)
    assert (stored, caught.value.indices) == ([len(parts(points(kpi))[0])], [MANY - 1])
    assert not Measurement.objects.exclude(value=2.0).exists()
    for series in Series.objects.select_related("kpi"):
        assert rollups.differences(series) == []
