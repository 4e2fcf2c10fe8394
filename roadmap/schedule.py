"""Weeks, progress and earned value of a plan. Efforts are hours; what is not stated is None, never 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

ZERO = Decimal(0)
ONE = Decimal(1)
DONE, DROPPED = "done", "dropped"


@dataclass(frozen=True)
class Span:
    """Calendar days, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def elapsed(self, today: date) -> Decimal:
        """Share 0…1 of the span that lies behind at the end of `today`."""
        passed = (today - self.first).days + 1
        return Decimal(min(max(passed, 0), self.days)) / self.days


@dataclass(frozen=True)
class Work:
    """One task, as far as the schedule is concerned."""

    state: str
    planned_h: Decimal | None = None
    spent_h: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """`share` 0…1 is None where there is nothing to do; `weighted_by` says whether effort or count weighs the tasks."""

    done: int
    total: int
    dropped: int
    share: Decimal | None
    weighted_by: str


@dataclass(frozen=True, kw_only=True)
class PhaseWork:
    span: Span
    tasks: tuple[Work, ...]


@dataclass(frozen=True, kw_only=True)
class EarnedValue:
    """Standard earned value in hours (PMI): PV planned, EV earned, AC spent, BAC budget. None: an input is not stated."""

    budget_h: Decimal | None
    planned_h: Decimal | None
    earned_h: Decimal | None
    spent_h: Decimal | None
    schedule_variance_h: Decimal | None
    cost_variance_h: Decimal | None
    spi: Decimal | None
    cpi: Decimal | None
    reason: str


def span_of_weeks(starts_on: date, week_from: int, week_to: int) -> Span:
    """Days of weeks `week_from`…`week_to`, counted from 1 at `starts_on`."""
    return Span(starts_on + timedelta(weeks=week_from - 1), starts_on + timedelta(weeks=week_to, days=-1))


def week_of(starts_on: date, day: date) -> int:
    """The week that holds the day: 1 is the first, 0 or less lies before the start."""
    return (day - starts_on).days // 7 + 1


def progress(tasks: Sequence[Work]) -> Progress:
    """Done over all that are not dropped, weighted by planned effort where every task has one, otherwise by count."""
    kept = [task for task in tasks if task.state != DROPPED]
    done = [task for task in kept if task.state == DONE]
    efforts = _efforts(kept)
    if efforts is None:
        share = Decimal(len(done)) / len(kept) if kept else None
    else:
        share = sum((task.planned_h or ZERO for task in done), ZERO) / efforts
    return Progress(
        done=len(done),
        total=len(kept),
        dropped=len(tasks) - len(kept),
        share=share,
        weighted_by="count" if efforts is None else "effort",
    )


def planned_share(phases: Sequence[PhaseWork], today: date) -> Decimal | None:
    """Share 0…1 that the plan wants done by the end of `today`: each phase's work spread evenly over its days."""
    kept = [(phase, [task for task in phase.tasks if task.state != DROPPED]) for phase in phases]
    everything = [task for _, tasks in kept for task in tasks]
    if not everything:
        return None
    efforts = _efforts(everything)
    wanted = sum(
        (phase.span.elapsed(today) * (_efforts(tasks) or ZERO if efforts else Decimal(len(tasks))) for phase, tasks in kept), ZERO
    )
    return wanted / (efforts or Decimal(len(everything)))


def earned_value(phases: Sequence[PhaseWork], today: date) -> EarnedValue:
    kept = [task for phase in phases for task in phase.tasks if task.state != DROPPED]
    budget = _efforts(kept)
    if budget is None:
        return _unstated("planned effort is not stated for every task" if kept else "there are no tasks")
    share = planned_share(phases, today)
    planned = budget * share if share is not None else ZERO
    earned = sum((task.planned_h or ZERO for task in kept if task.state == DONE), ZERO)
    spent = _spent([task for phase in phases for task in phase.tasks])
    return EarnedValue(
        budget_h=budget,
        planned_h=planned,
        earned_h=earned,
        spent_h=spent,
        schedule_variance_h=earned - planned,
        cost_variance_h=None if spent is None else earned - spent,
        spi=earned / planned if planned else None,
        cpi=earned / spent if spent else None,
        reason="" if spent is not None else "spent effort is not stated for every task that is done",
    )


def slip_days(span: Span, finished_on: date | None, today: date) -> int:
    """Days behind the plan (negative: ahead): of a finished phase by its finish, of another by how long it is overdue."""
    if finished_on is not None:
        return (finished_on - span.last).days
    return max(0, (today - span.last).days)


def _efforts(tasks: Sequence[Work]) -> Decimal | None:
    """Sum of planned hours; None unless every task states one and the sum is not 0."""
    if not tasks or any(task.planned_h is None for task in tasks):
        return None
    return sum((task.planned_h or ZERO for task in tasks), ZERO) or None


def _spent(tasks: Sequence[Work]) -> Decimal | None:
    """Hours spent so far; None while a task that is done does not say."""
    if any(task.state == DONE and task.spent_h is None for task in tasks):
        return None
    return sum((task.spent_h or ZERO for task in tasks), ZERO)


def _unstated(reason: str) -> EarnedValue:
    return EarnedValue(
        budget_h=None,
        planned_h=None,
        earned_h=None,
        spent_h=None,
        schedule_variance_h=None,
        cost_variance_h=None,
        spi=None,
        cpi=None,
        reason=reason,
    )
