from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.evaluation import Goal, Memory, Point, Status, asked, attainment, evaluate

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
P95 = Goal(
    comparator="<",
    value=500,
    lower_is_better=True,
    alert_threshold=1000,
    baseline=800,
    baseline_on=date(2026, 2, 1),
    due_on=date(2026, 4, 1),
)
HIT_RATE = Goal(comparator=">", value=90, lower_is_better=False, alert_threshold=70, baseline=70)


def status(goal: Goal | None, *values: float, age_s: int = 0, freshness_s: int = 3600) -> Status:
    points = [Point(NOW - timedelta(seconds=age_s + 60 * i), value) for i, value in enumerate(reversed(values))]
    return evaluate(goal, points, now=NOW, freshness_s=freshness_s).status


@pytest.mark.parametrize(
    ("goal", "actual", "expected"),
    [
        (None, 1, Status.NO_TARGET),
        (P95, 1000.1, Status.BREACHED),
        (P95, 1000, Status.BEHIND),  # strictly worse only
        (P95, 500, Status.ON_TRACK),  # < 500 is not met at 500
        (P95, 499.9, Status.MET),
        (P95, 640, Status.ON_TRACK),
        (P95, 700, Status.BEHIND),
        (HIT_RATE, 69, Status.BREACHED),
        (HIT_RATE, 70, Status.BEHIND),
        (HIT_RATE, 90, Status.BEHIND),  # without dates nothing is on track
        (HIT_RATE, 90.1, Status.MET),
    ],
)
def test_status_by_the_letter(goal: Goal | None, actual: float, expected: Status) -> None:
    assert status(goal, actual) == expected


def test_no_data_comes_before_everything_and_stale_before_the_target() -> None:
    assert status(P95) == Status.NO_DATA
    assert status(None, 1, age_s=3601) == Status.STALE
    assert status(P95, 1, age_s=3600) == Status.MET
    assert status(P95, 1, age_s=3601) == Status.STALE


@pytest.mark.parametrize(
    ("goal", "actual", "expected"),
    [
        (P95, 800, 0.0),
        (P95, 500, 1.0),
        (P95, 950, -0.5),
        (P95, 350, 1.5),
        (HIT_RATE, 75, 0.25),
        (Goal(comparator="<", value=500, lower_is_better=True), 300, None),
        (Goal(comparator="<", value=500, lower_is_better=True, baseline=400), 450, 1.0),  # met from the start
        (Goal(comparator="<", value=500, lower_is_better=True, baseline=400), 500, 0.0),
        (Goal(comparator="<", value=500, lower_is_better=True, baseline=500), 499, 1.0),  # baseline equals target
    ],
)
def test_attainment(goal: Goal, actual: float, expected: float | None) -> None:
    assert attainment(goal, actual) == expected


def test_plan_asks_along_a_straight_line() -> None:
    assert asked(P95, datetime(2026, 2, 1, tzinfo=UTC)) == 0
    assert asked(P95, datetime(2026, 3, 2, 12, tzinfo=UTC)) == 0.5
    assert asked(P95, datetime(2026, 5, 1, tzinfo=UTC)) == 1
    assert asked(HIT_RATE, NOW) is None


def walk(goal: Goal, values: list[float], step_s: int = 60) -> list[Status]:
    """The status after each value, judged one by one as they arrive."""
    memory, found = None, []
    for index, value in enumerate(values):
        at = NOW + timedelta(seconds=step_s * index)
        verdict = evaluate(goal, [Point(at, value)], now=at, previous=memory, freshness_s=3600)
        memory = Memory.from_dict(verdict.memory.to_dict())
        found.append(verdict.status)
    return found


def test_breach_begins_after_for_and_ends_after_recover() -> None:
    goal = Goal(comparator="<", value=500, lower_is_better=True, alert_threshold=1000, for_s=120, recover_s=120)
    found = walk(goal, [1100, 1100, 1100, 400, 400, 1100, 400, 400, 400])
    bad, met, behind = Status.BREACHED, Status.MET, Status.BEHIND
    assert found == [behind, behind, bad, bad, bad, bad, bad, bad, met]


def test_swinging_value_does_not_flap() -> None:
    goal = Goal(comparator="<", value=500, lower_is_better=True, alert_threshold=1000, for_s=0, recover_s=300)
    assert set(walk(goal, [1100, 900] * 30)) == {Status.BREACHED}


def test_since_holds_while_the_status_does() -> None:
    first = evaluate(P95, [Point(NOW, 400)], now=NOW, freshness_s=3600)
    later = NOW + timedelta(minutes=10)
    second = evaluate(P95, [Point(later, 390)], now=later, previous=first.memory, freshness_s=3600)
    third = evaluate(P95, [Point(later, 1500)], now=later, previous=second.memory, freshness_s=3600)
    assert (first.since, second.since, third.since) == (NOW, NOW, later)


@given(st.floats(0, 2000), st.floats(0, 2000))
def test_evaluation_is_monotone_in_the_actual(one: float, other: float) -> None:
    order = [Status.BREACHED, Status.BEHIND, Status.ON_TRACK, Status.MET]
    better, worse = sorted((one, other))
    assert order.index(status(P95, better)) >= order.index(status(P95, worse))
