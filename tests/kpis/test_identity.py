"""The same measurement again is counted and ignored; one that says something else refuses the whole batch."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from kpis.identity import STORED, TWICE, Conflict
from kpis.models import Measurement, Rollup, Series
from kpis.points import Point, Rejected
from kpis.recording import record
from kpis.retention import prune
from tests.kpis.factories import NOW, make_kpi

pytestmark = [pytest.mark.django_db, pytest.mark.databases]


def point(**fields: Any) -> Point:
    return Point(**({"subject": "orders", "at": NOW, "value": 1.0, "origin": "run:1"} | fields))


def test_same_value_again_is_ignored_and_counted() -> None:
    kpi = make_kpi()
    first = record([point(kpi=kpi), point(kpi=kpi, at=NOW - timedelta(minutes=1))], now=NOW)
    again = record([point(kpi=kpi), point(kpi=kpi, origin="run:2")], now=NOW)
    assert (first.stored, first.ignored, again.stored, again.ignored) == (2, 0, 1, 1)


def test_the_database_itself_holds_the_identity() -> None:
    record([point(kpi=make_kpi())], now=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        Measurement.objects.create(series=Series.objects.get(), at=NOW, origin="run:1", value=2.0)


def test_another_value_refuses_the_whole_batch() -> None:
    kpi = make_kpi()
    record([point(kpi=kpi)], now=NOW)
    with pytest.raises(Conflict) as caught:
        record([point(kpi=kpi, origin="run:2"), point(kpi=kpi, value=2.0)], now=NOW)
    assert caught.value.indices == [1]
    assert Measurement.objects.count() == 1


def test_a_repeat_beside_a_new_one_is_ignored_alone() -> None:
    kpi, later = make_kpi(), NOW + timedelta(seconds=1)
    receipt = record([point(kpi=kpi), point(kpi=kpi), point(kpi=kpi, at=later)], now=later)
    assert (receipt.stored, receipt.ignored) == (2, 1)


def test_each_contradiction_is_told_with_what_it_contradicts() -> None:
    kpi = make_kpi()
    record([point(kpi=kpi)], now=NOW)
    new = {"kpi": kpi, "origin": "run:2"}
    with pytest.raises(Conflict) as caught:
        record([point(kpi=kpi, value=2.0), point(**new), point(**new, count=3), point(**new)], now=NOW)
    assert caught.value.errors == [(0, "value", STORED), (2, "count", TWICE)]


def test_what_was_pruned_is_not_counted_again() -> None:
    kpi, old = make_kpi(), NOW - timedelta(days=200)
    batch = [point(kpi=kpi, at=old + timedelta(minutes=minute)) for minute in range(3)]
    record([*batch, point(kpi=kpi)], now=NOW)
    prune(now=NOW)
    with pytest.raises(Rejected) as caught:
        record([point(kpi=kpi, origin="run:2"), *batch], now=NOW)
    assert [(index, field) for index, field, _ in caught.value.errors] == [(1, "at"), (2, "at"), (3, "at")]
    before = [point(kpi=kpi, at=old - timedelta(days=1)), point(kpi=kpi, at=old, subject="other")]
    assert record(before, now=NOW).stored == 2
    assert set(Rollup.objects.filter(resolution="day", at__lt=NOW - timedelta(days=9)).values_list("points", flat=True)) == {1, 3}
