"""What a KPI's history says about change: before and after a time, at change points, and where it leads. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kpis.evaluation import Goal
from kpis.history import HistoryPoint
from kpis.stats.change import Block, Change, Verdict, change
from kpis.stats.changepoints import change_points
from kpis.stats.trend import Forecast, forecast, trend

WORDS = {
    Verdict.TOO_EARLY: "Too early to tell",
    Verdict.LOWER: "Lower",
    Verdict.HIGHER: "Higher",
    Verdict.UNCHANGED: "No clear change",
}


@dataclass(frozen=True)
class Shift:
    """The series changed its level at a time, relative to what it was before (null where that was 0)."""

    at: datetime
    before: float
    after: float
    relative: float | None
    p: float


@dataclass(frozen=True)
class Comparison:
    """`change` compares the points before `split` with those from then on; `better` is null where neither is certain.

    `chosen` tells a time that somebody named from the middle. `expected_at` is when the target is reached.
    """

    split: datetime | None
    chosen: bool
    change: Change | None
    better: bool | None
    shifts: list[Shift]
    forecast: Forecast | None
    expected_at: datetime | None
    latest_at: datetime | None

    @property
    def word(self) -> str:
        """`Lower, better`; nothing where nothing was compared."""
        if self.change is None:
            return ""
        judged = {True: ", better", False: ", worse", None: ""}[self.better]
        return WORDS[self.change.verdict] + judged


def compare(
    points: Sequence[HistoryPoint], goal: Goal | None, *, lower_is_better: bool, at: datetime | None = None
) -> Comparison:
    """Look at points in time order; each is the figure of one run (or bucket), so runs are what is drawn again.

    The split is the time asked for, or the middle of the measured time: never a change point that was found in the same
    points, as an interval around a place chosen by its difference would be too sure of it.
    """
    if not points:
        return Comparison(at, at is not None, None, None, [], None, None, None)
    split = at or points[0].at + (points[-1].at - points[0].at) / 2
    before, after = ([Block(p.value, p.count) for p in points if (p.at < split) is early] for early in (True, False))
    told = change(before, after)
    sure = {Verdict.LOWER: lower_is_better, Verdict.HIGHER: not lower_is_better}.get(told.verdict)
    ahead, expected, latest = _ahead(points, goal)
    return Comparison(split, at is not None, told, sure, _shifts(points), ahead, expected, latest)


def _shifts(points: Sequence[HistoryPoint]) -> list[Shift]:
    return [
        Shift(points[one.index].at, one.before, one.after, one.after / one.before - 1 if one.before else None, one.p)
        for one in change_points([point.value for point in points])
    ]


def _ahead(points: Sequence[HistoryPoint], goal: Goal | None) -> tuple[Forecast | None, datetime | None, datetime | None]:
    if goal is None:
        return None, None, None
    start = points[0].at
    line = trend([((point.at - start).total_seconds() / 3600, point.value) for point in points])
    ahead = forecast(line, goal.value, lower_is_better=goal.lower_is_better)
    return ahead, _after(points[-1].at, ahead.expected), _after(points[-1].at, ahead.latest)


def _after(moment: datetime, hours: float | None) -> datetime | None:
    """Years away is as good as never: no date is promised then."""
    return moment + timedelta(hours=hours) if hours is not None and hours < 5 * 8766 else None
