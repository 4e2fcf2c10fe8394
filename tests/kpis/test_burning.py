from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.burning import PAIRS, Events, burn, known
from tests.kpis.factories import NOW


def steady(bad: float, *, hours: int = 80, per_hour: int = 12, count: int = 100) -> list[Events]:
    step = timedelta(hours=1) / per_hour
    return [Events(NOW - step * index, count, bad) for index in range(hours * per_hour)]


@pytest.mark.parametrize(
    ("bad", "factor"), [(0.0144, 14.4), (0.0143, 6.0), (0.006, 6.0), (0.0059, 1.0), (0.001, 1.0), (0.00099, None), (0, None)]
)
def test_fastest_pair(bad: float, factor: float | None) -> None:
    found = burn(steady(bad + 1e-12), now=NOW, objective=0.999, min_events=100)
    assert (found.pair.factor if found else None) == factor


def test_what_has_stopped_burning_is_no_alert() -> None:
    events = [Events(one.at, one.count, 0.5 if 8 <= (NOW - one.at).total_seconds() / 3600 < 10 else 0) for one in steady(0)]
    assert burn(events, now=NOW, objective=0.99, min_events=100) is None
    assert burn(events, now=NOW - timedelta(hours=8), objective=0.99, min_events=100) is not None


@given(st.integers(1, 99))
def test_fewer_events_than_the_minimum_tell_nothing(count: int) -> None:
    events = [Events(NOW, count, 1.0)]
    assert burn(events, now=NOW, objective=0.999, min_events=100) is None
    assert not known(events, now=NOW, min_events=100)


def test_pairs_are_those_of_the_workbook() -> None:
    hours = [(pair.long.total_seconds() / 3600, pair.short.total_seconds() / 60, pair.factor) for pair in PAIRS]
    assert hours == [(1, 5, 14.4), (6, 30, 6), (72, 360, 1)]
