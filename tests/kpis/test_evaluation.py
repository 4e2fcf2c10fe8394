from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

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


@pytest.mark.parametrize(("value", "status"), [(400.0, Status.MET), (700.0, Status.BEHIND), (900.0, Status.BREACHED)])
def test_a_status_is_no_older_than_the_version_it_is_judged_by(value: float, status: Status) -> None:
    """Only a breach goes on from one version to the next."""
    hour = timedelta(hours=1)
    goal = Goal(comparator="<", value=500, lower_is_better=True, alert_threshold=800, effective_from=NOW - hour)
    early = [Point(NOW - 2 * hour, value)]
    first = evaluate(goal, early, now=NOW, freshness_s=86400)
    assert (first.status, first.since) == (status, NOW - hour)
    changed = evaluate(replace(goal, effective_from=NOW), early, now=NOW, previous=first.memory, freshness_s=86400)
    assert (changed.status, changed.since) == (status, NOW - hour if status == Status.BREACHED else NOW)


def test_since_holds_while_the_status_does() -> None:
    first = evaluate(P95, [Point(NOW, 400)], now=NOW, freshness_s=3600)
    later = NOW + timedelta(minutes=10)
    second = evaluate(P95, [Point(later, 390)], now=later, previous=first.memory, freshness_s=3600)
    third = evaluate(P95, [Point(later, 1500)], now=later, previous=second.memory, freshness_s=3600)
    assert (first.since, second.since, third.since) == (NOW, NOW, later)


DAY = timedelta(days=1)
DATED = replace(HIT_RATE, baseline_on=date(2026, 2, 1), due_on=date(2026, 4, 1))
OPEN = Goal(comparator="<=", value=500, lower_is_better=True)


@pytest.mark.parametrize(
    ("goal", "actual", "now", "expected"),
    [
        # comparators as they are written
        (OPEN, 500, NOW, Status.MET),
        (OPEN, 500.0000001, NOW, Status.BEHIND),
        (replace(HIT_RATE, comparator=">="), 90, NOW, Status.MET),
        (replace(HIT_RATE, comparator=">="), 89.999, NOW, Status.BEHIND),
        # without an alert threshold nothing is ever breached
        (replace(P95, alert_threshold=None), 1e9, NOW, Status.BEHIND),
        # an alert threshold that is the target: strictly worse only
        (replace(P95, alert_threshold=500.0), 500, NOW, Status.ON_TRACK),
        (replace(P95, alert_threshold=500.0), 500.1, NOW, Status.BREACHED),
        # each of what a way needs may be missing: then nothing is on track
        (replace(P95, baseline=None), 501, NOW, Status.BEHIND),
        (replace(P95, baseline_on=None), 501, NOW, Status.BEHIND),
        (replace(P95, due_on=None), 501, NOW, Status.BEHIND),
        # before the baseline's date nothing of the way is asked for, and nothing less than that
        (P95, 800, NOW - 60 * DAY, Status.ON_TRACK),
        (P95, 800.1, NOW - 60 * DAY, Status.BEHIND),
        # half way through, half of it: in both directions
        (P95, 650, NOW, Status.ON_TRACK),
        (P95, 650.1, NOW, Status.BEHIND),
        (DATED, 80, NOW, Status.ON_TRACK),
        (DATED, 79.9, NOW, Status.BEHIND),
        # after the due date the whole way is asked for
        (P95, 500.1, NOW + 60 * DAY, Status.BEHIND),
        (DATED, 89.9, NOW + 60 * DAY, Status.BEHIND),
        # a due date that is not after the baseline's asks for everything
        (replace(P95, due_on=date(2026, 2, 1)), 501, NOW - 60 * DAY, Status.BEHIND),
        # a baseline that meets the target: there is no way, so it is met or it is not
        (replace(P95, baseline=400.0), 499, NOW, Status.MET),
        (replace(P95, baseline=400.0), 501, NOW, Status.BEHIND),
        (replace(DATED, baseline=95.0), 89, NOW, Status.BEHIND),
        # better than the target, worse than the baseline
        (P95, 0, NOW, Status.MET),
        (P95, 900, NOW, Status.BEHIND),
    ],
)
def test_status_at_a_time(goal: Goal, actual: float, now: datetime, expected: Status) -> None:
    assert evaluate(goal, [Point(now, actual)], now=now, freshness_s=3600).status == expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [(date(2025, 1, 1), 0), (date(2026, 2, 1), 0), (date(2026, 3, 31), 58 / 59), (date(2026, 4, 1), 1), (date(2030, 1, 1), 1)],
)
def test_nothing_less_than_none_and_no_more_than_all_is_asked_for(day: date, expected: float) -> None:
    assert asked(P95, datetime(day.year, day.month, day.day, tzinfo=UTC)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("goal", "met"),
    [(P95, False), (HIT_RATE, False), (OPEN, False), (replace(P95, baseline=500.0), True), (replace(P95, baseline=1.0), True)],
)
def test_a_baseline_may_meet_the_target_from_the_start(goal: Goal, met: bool) -> None:
    assert goal.met_from_the_start is met


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_figure_is_never_judged(bad: float) -> None:
    assert status(P95, bad) == Status.NO_DATA
    assert status(P95, 400, bad) == Status.MET


def test_the_series_furthest_behind_makes_it_stale_since_its_limit() -> None:
    found = evaluate(P95, [Point(NOW, 400)], now=NOW, freshness_s=3600, oldest_at=NOW - timedelta(hours=3))
    assert (found.status, found.actual, found.attainment) == (Status.STALE, 400, None)
    assert found.since == NOW - timedelta(hours=2)


def test_a_breach_outlasts_silence_but_not_the_loss_of_its_target() -> None:
    goal = replace(P95, recover_s=600)
    first = evaluate(goal, [Point(NOW, 1500)], now=NOW, freshness_s=60)
    later = NOW + timedelta(hours=1)
    silent = evaluate(goal, [Point(NOW, 1500)], now=later, previous=first.memory, freshness_s=60)
    back = evaluate(goal, [Point(later, 400)], now=later, previous=silent.memory, freshness_s=60)
    assert (first.status, silent.status, back.status) == (Status.BREACHED, Status.STALE, Status.BREACHED)
    free = evaluate(None, [Point(later, 400)], now=later, previous=back.memory, freshness_s=60)
    again = evaluate(goal, [Point(later, 400)], now=later, previous=free.memory, freshness_s=60)
    assert (free.status, again.status) == (Status.NO_TARGET, Status.MET)


@pytest.mark.parametrize(
    ("for_s", "recover_s", "values", "expected"),
    [
        (0, 0, [1100, 400], ["breached", "met"]),
        (60, 0, [1100, 1000, 1100, 1100], ["behind", "behind", "behind", "breached"]),  # 1000 is not worse: it starts anew
        (120, 0, [1100, 1100, 400, 1100], ["behind", "behind", "met", "behind"]),
        (0, 60, [1100, 1000, 1000], ["breached", "breached", "behind"]),
        (0, 120, [1100, 400, 1100, 400, 400, 400], ["breached"] * 5 + ["met"]),
    ],
)
def test_for_and_recover_to_the_second(for_s: int, recover_s: int, values: list[float], expected: list[str]) -> None:
    goal = Goal(comparator="<", value=500, lower_is_better=True, alert_threshold=1000, for_s=for_s, recover_s=recover_s)
    assert walk(goal, values) == expected


figures = st.floats(0, 2000)
ORDER = [Status.BREACHED, Status.BEHIND, Status.ON_TRACK, Status.MET]


@st.composite
def goals(draw: st.DrawFn) -> Goal:
    """Any goal that a target may state."""
    lower = draw(st.booleans())
    value, slack = draw(figures), draw(figures)
    return Goal(
        comparator=draw(st.sampled_from(["<", "<="] if lower else [">", ">="])),
        value=value,
        lower_is_better=lower,
        alert_threshold=draw(st.sampled_from([None, value + slack if lower else value - slack])),
        baseline=draw(st.none() | figures),
        baseline_on=draw(st.none() | st.dates(date(2025, 1, 1), date(2027, 1, 1))),
        due_on=draw(st.none() | st.dates(date(2025, 1, 1), date(2027, 1, 1))),
    )


@given(goals(), figures, figures)
def test_evaluation_is_monotone_in_the_actual(goal: Goal, one: float, other: float) -> None:
    better, worse = sorted((one, other), reverse=not goal.lower_is_better)
    assert ORDER.index(status(goal, better)) >= ORDER.index(status(goal, worse))


@given(goals(), figures)
def test_the_way_is_one_where_the_target_is_and_nothing_at_the_baseline(goal: Goal, actual: float) -> None:
    way = attainment(goal, actual)
    assert (way is None) == (goal.baseline is None)
    if goal.baseline is not None and not goal.met_from_the_start:
        assert (attainment(goal, goal.value), attainment(goal, goal.baseline)) == (1, 0)


@given(goals(), st.lists(st.tuples(st.integers(0, 3600), figures), max_size=8, unique_by=lambda pair: pair[0]), st.randoms())
def test_points_may_come_in_any_order(goal: Goal, pairs: list[tuple[int, float]], random: Random) -> None:
    points = [Point(NOW - timedelta(seconds=age), value) for age, value in pairs]
    shuffled = random.sample(points, len(points))
    assert evaluate(goal, points, now=NOW, freshness_s=60) == evaluate(goal, shuffled, now=NOW, freshness_s=60)
