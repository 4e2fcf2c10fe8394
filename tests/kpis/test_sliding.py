"""A window that moved on says what reading the whole of it says, bit by bit."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from kpis import current, defining
from kpis.models import KPI, CurrentValue, Series
from kpis.points import Point
from kpis.recording import record
from kpis.stats.histogram import Histogram
from tests.kpis.factories import NOW, latency_point, make_kpi, record_values

FIELDS = ("at", "value", "count", "reported", "origin", "histogram")
moments = st.integers(0, 240)
values = st.sampled_from([0.0, 80.5, 80.6, 100.0, 250.0]) | st.floats(0, 1000)
sent = st.tuples(moments, st.one_of(values, st.lists(values, min_size=1, max_size=4)), st.sampled_from([1, 1, 1, 20]))


def figure() -> tuple[object, ...]:
    *rest, histogram = CurrentValue.objects.values_list(*FIELDS).get()
    return (*rest, histogram and bytes(histogram))


@pytest.mark.databases
class Sliding(TestCase):
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.lists(sent, min_size=1, max_size=4), min_size=1, max_size=8), st.sampled_from(["p50", "p95", "p99"]))
    def test_moved_window_is_the_window_read_anew(
        self, batches: list[list[tuple[int, float | list[float], int]]], aggregation: str
    ) -> None:
        kpi = make_kpi(aggregation=aggregation, window_s=1800)
        for number, batch in enumerate(batches):
            points = []
            for index, (minute, what, count) in enumerate(batch):
                apart = timedelta(milliseconds=10 * number + index)  # of two at the same moment, either may be called the newest
                at, origin = NOW - timedelta(minutes=240 - minute) - apart, f"{number}:{index}"
                if isinstance(what, list):
                    points.append(latency_point(kpi, what, at, origin=origin))
                else:
                    points.append(
                        Point(kpi=kpi, subject="orders", at=at, value=what, count=count, reported=count > 1, origin=origin)
                    )
            record(points, now=NOW)
            moved = figure()
            current.renew(Series.objects.select_related("kpi"))
            assert moved == figure()


@pytest.mark.django_db
@pytest.mark.databases
def test_foreign_rows_in_the_window_are_seen() -> None:
    """What somebody else put into the table is no part of the kept histogram: then the window is read as a whole."""
    kpi = make_kpi(aggregation="p95", window_s=600)
    record_values(kpi, [100] * 10, until=NOW - timedelta(minutes=10))
    CurrentValue.objects.update(histogram=Histogram.from_values([7.0]).to_bytes())
    record_values(kpi, [200], until=NOW - timedelta(minutes=8))
    assert CurrentValue.objects.get().value == 200
    assert CurrentValue.objects.get().count == 9


@pytest.mark.django_db
@pytest.mark.databases
@pytest.mark.parametrize("window_s", [300, 1800])
def test_window_that_was_changed_meanwhile_is_the_one_that_moves(window_s: int) -> None:
    """A batch that was read before the change is stored after it."""
    kpi = make_kpi(aggregation="p95", window_s=600)
    record_values(kpi, range(100, 130), until=NOW - timedelta(minutes=2))
    defining.change(row=KPI.objects.get(), changes={"window_s": window_s}, actor=None, now=NOW)
    record_values(kpi, [200], until=NOW)
    moved = figure()
    current.renew(Series.objects.select_related("kpi"))
    assert moved == figure()
