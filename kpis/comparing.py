"""What a KPI's history says about change: between two halves, at change points, and where it leads. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kpis.evaluation import Goal
from kpis.history import HistoryPoint
from kpis.stats.change import Block, Change, change
from kpis.stats.changepoints import change_points
from kpis.stats.trend import FEWEST_POINTS, Forecast, forecast, trend


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
    """`change` compares the runs before and after `split`. `expected_at` is when the target is reached, if it is."""

    split: datetime | None
    change: Change | None
    shifts: list[Shift]
    forecast: Forecast | None
    expected_at: datetime | None
    latest_at: datetime | None


def compare(points: Sequence[HistoryPoint], goal: Goal | None) -> Comparison:
    """Look at points in time order; each is the figure of one run (or bucket), so runs are what is drawn again."""
    if len(points) < FEWEST_POINTS:
        return Comparison(None, None, [], None, None, None)
    found = change_points([point.value for point in points])
    shifts = [
        Shift(points[one.index].at, one.before, one.after, one.after / one.before - 1 if one.before else None, one.p)
        for one in found
    ]
    split = found[-1].index if found else len(points) // 2
    before, after = ([Block(p.value, p.count) for p in part] for part in (points[:split], points[split:]))
    ahead, expected, latest = _ahead(points, goal)
    return Comparison(points[split].at, change(before, after), shifts, ahead, expected, latest)


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
