from datetime import date
from decimal import Decimal as D

import pytest

from roadmap import schedule
from roadmap.schedule import PhaseWork, Span, Work

START = date(2026, 9, 28)


def work(*states: str, hours: int | None = None) -> tuple[Work, ...]:
    return tuple(Work(state, None if hours is None else D(hours)) for state in states)


@pytest.mark.parametrize(
    ("day", "week"),
    [(date(2026, 9, 27), 0), (START, 1), (date(2026, 10, 4), 1), (date(2026, 10, 5), 2), (date(2026, 11, 19), 8)],
)
def test_week_of(day: date, week: int) -> None:
    assert schedule.week_of(START, day) == week


def test_span_of_weeks_includes_both_ends() -> None:
    span = schedule.span_of_weeks(START, 3, 4)
    assert (span.first, span.last, span.days) == (date(2026, 10, 12), date(2026, 10, 25), 14)


@pytest.mark.parametrize(("day", "share"), [(date(2026, 10, 11), 0), (date(2026, 10, 18), D("0.5")), (date(2026, 12, 1), 1)])
def test_elapsed(day: date, share: D) -> None:
    assert schedule.span_of_weeks(START, 3, 4).elapsed(day) == share


def test_two_of_four_is_half() -> None:
    found = schedule.progress(work("done", "done", "to_do", "in_progress"))
    assert (found.done, found.total, found.share, found.weighted_by) == (2, 4, D("0.5"), "count")


def test_dropped_tasks_do_not_count() -> None:
    found = schedule.progress(work("done", "dropped", "blocked"))
    assert (found.done, found.total, found.dropped, found.share) == (1, 2, 1, D("0.5"))


def test_nothing_to_do_has_no_share() -> None:
    assert schedule.progress(work("dropped")).share is None


def test_effort_weighs_only_where_every_task_has_one() -> None:
    all_known = [Work("done", D(30)), Work("to_do", D(10))]
    assert schedule.progress(all_known).share == D("0.75")
    assert schedule.progress(all_known).weighted_by == "effort"
    assert schedule.progress([*all_known, Work("to_do")]).weighted_by == "count"


def test_planned_share_is_even_over_each_phase() -> None:
    phases = [
        PhaseWork(span=schedule.span_of_weeks(START, 1, 2), tasks=work("to_do", "to_do", "to_do")),
        PhaseWork(span=schedule.span_of_weeks(START, 3, 4), tasks=work("to_do")),
    ]
    assert schedule.planned_share(phases, date(2026, 10, 18)) == D("0.875")


def test_earned_value() -> None:
    tasks = (Work("done", D(30), D(40)), Work("to_do", D(10), D(0)))
    found = schedule.earned_value([PhaseWork(span=Span(START, date(2026, 10, 7)), tasks=tasks)], date(2026, 10, 2))
    assert (found.budget_h, found.planned_h, found.earned_h, found.spent_h) == (40, 20, 30, 40)
    assert (found.spi, found.cpi, found.schedule_variance_h, found.cost_variance_h) == (D("1.5"), D("0.75"), 10, -10)


def test_earned_value_says_what_is_not_stated() -> None:
    span = schedule.span_of_weeks(START, 1, 2)
    found = schedule.earned_value([PhaseWork(span=span, tasks=work("done"))], START)
    assert (found.spi, found.cpi, found.reason) == (None, None, "planned effort is not stated for every task")
    found = schedule.earned_value([PhaseWork(span=span, tasks=work("done", hours=8))], START)
    assert (found.earned_h, found.cpi, found.reason) == (8, None, "spent effort is not stated for every task that is done")


@pytest.mark.parametrize(
    ("finished_on", "today", "days"),
    [(date(2026, 10, 14), date(2026, 11, 1), 3), (None, date(2026, 10, 15), 4), (None, START, 0), (date(2026, 10, 9), START, -2)],
)
def test_slip(finished_on: date | None, today: date, days: int) -> None:
    assert schedule.slip_days(schedule.span_of_weeks(START, 1, 2), finished_on, today) == days
