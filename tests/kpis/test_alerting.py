"""The life of an alert, without a database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.alerting import Life, Look, State, Step, step, told_after_s
from tests.kpis.factories import NOW

LATER = NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("state", "bad", "lasting", "expected"),
    [
        (None, True, False, Step.OPEN),
        (None, True, True, Step.OPEN),
        (None, False, False, None),
        (None, None, False, None),
        (State.PENDING, True, False, None),
        (State.PENDING, True, True, Step.FIRE),
        (State.PENDING, False, False, Step.FORGET),
        (State.PENDING, None, False, None),
        (State.FIRING, True, True, None),
        (State.FIRING, True, False, None),
        (State.FIRING, False, False, Step.RESOLVE),
        (State.FIRING, None, True, None),
        (State.ACKNOWLEDGED, True, True, None),
        (State.ACKNOWLEDGED, False, False, Step.RESOLVE),
        (State.RESOLVED, True, True, Step.REOPEN),
        (State.RESOLVED, True, False, None),
        (State.RESOLVED, False, False, None),
    ],
)
def test_next_step(state: State | None, bad: bool | None, lasting: bool, expected: Step | None) -> None:
    life = Life(state, NOW) if state else None
    assert step(life, Look(LATER, bad, lasting)) == expected


def test_resolved_long_ago_is_over_for_good() -> None:
    life = Life(State.RESOLVED, NOW, reopen_s=300)
    assert step(life, Look(NOW + timedelta(seconds=300), True, True)) == Step.REOPEN
    assert step(life, Look(NOW + timedelta(seconds=301), True, True)) == Step.OPEN


@given(st.sampled_from(State), st.sampled_from([True, False, None]), st.booleans(), st.integers(1, 10**7))
def test_clock_stepped_back_moves_nothing(state: State, bad: bool | None, lasting: bool, back_s: int) -> None:
    assert step(Life(state, NOW), Look(NOW - timedelta(seconds=back_s), bad, lasting)) is None


@pytest.mark.parametrize(("recover_s", "waited_s", "told"), [(0, 0, 305), (120, 120, 185), (900, 900, 5), (900, 0, 905)])
def test_good_news_waits_for_the_recover_window(recover_s: int, waited_s: int, told: int) -> None:
    assert told_after_s(recover_s, waited_s) == told
