"""What a KPI's figures say about change: one group of runs against another, at change points, and where it leads. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kpis.actual import PERCENTILES
from kpis.buckets import HistoryPoint
from kpis.evaluation import Goal
from kpis.stats.change import Block, Change, Verdict, change
from kpis.stats.changepoints import FEWEST_ON_A_SIDE, change_points
from kpis.stats.histogram import Histogram
from kpis.stats.trend import Forecast, Trend, forecast, trend

Points = list[HistoryPoint]
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
class Compared:
    """Two groups of runs; `better` is null where neither is certain, `left_out` counts percentiles that came ready-made."""

    change: Change
    better: bool | None
    left_out: int
    by: str

    @property
    def word(self) -> str:
        """`Lower, better`."""
        judged = {True: ", better", False: ", worse", None: ""}[self.better]
        return WORDS[self.change.verdict] + judged


@dataclass(frozen=True)
class Course:
    """What a course says of itself: `shifts` is null where there are too few points to tell, `line` is the trend since the
    last one, in units per day, and `expected_at` is when the target is reached."""

    shifts: list[Shift] | None
    line: Trend | None = None
    forecast: Forecast | None = None
    earliest_at: datetime | None = None
    expected_at: datetime | None = None
    latest_at: datetime | None = None


def halves(points: Sequence[HistoryPoint], at: datetime | None = None) -> tuple[datetime, Points, Points]:
    """Points before a time and those from then on: the time asked for, or the middle of the measured time.

    Never a change point that was found in the same points: an interval around a place chosen by its difference would be
    too sure of it.
    """
    split = at or points[0].at + (points[-1].at - points[0].at) / 2
    return split, [p for p in points if p.at < split], [p for p in points if p.at >= split]


def compare(
    before: Sequence[HistoryPoint], after: Sequence[HistoryPoint], *, aggregation: str, lower_is_better: bool
) -> Compared:
    """Runs against runs: percentiles of merged samples by such, everything else by the mean weighted by samples."""
    percent = PERCENTILES.get(aggregation)
    groups = [_blocks(points, percent) for points in (before, after)]
    told = change(*groups, percentile=percent)
    left_out = sum(point.histogram is None for point in (*before, *after)) if percent is not None else 0
    sure = {Verdict.LOWER: lower_is_better, Verdict.HIGHER: not lower_is_better}.get(told.verdict)
    by = "means weighted by samples" if percent is None else f"p{percent:g} of the merged samples"
    return Compared(told, sure, left_out, by)


def look(points: Sequence[HistoryPoint], goal: Goal | None, actual: float | None = None) -> Course:
    """Change points and trend of points in time order; each is the figure of one run, or of an hour or day.

    A level that moved is no trend: only the points since the last change point are extended. `actual` is the KPI's figure
    now, where it is known: where it does not meet the target, a trend whose level does has reached nothing.
    """
    shifts = _shifts(points) if len(points) >= 2 * FEWEST_ON_A_SIDE else None
    if goal is None or not points:
        return Course(shifts)
    since = shifts[-1].at if shifts else points[0].at
    line = trend([(_days(since, point.at), point.value) for point in points if point.at >= since])
    ahead = _ahead(line, goal, points[-1].value if actual is None else actual)
    dates = [_after(points[-1].at, days) for days in (ahead.earliest, ahead.expected, ahead.latest)]
    return Course(shifts, line, ahead, *dates)


def _blocks(points: Sequence[HistoryPoint], percent: float | None) -> list[Block]:
    """What is drawn again: runs. Several figures of one run (or CI result) are one block; others each stand alone."""
    runs: dict[object, list[HistoryPoint]] = {}
    for index, point in enumerate(points):
        if percent is None or point.histogram is not None:
            runs.setdefault(point.source if point.source.startswith(("run:", "result:")) else index, []).append(point)
    return [_block(run) for run in runs.values()]


def _block(run: Sequence[HistoryPoint]) -> Block:
    count = sum(point.count for point in run)
    value = sum(point.value * point.count for point in run) / count
    return Block(value, count, Histogram.merge([point.histogram for point in run if point.histogram is not None]))


def _shifts(points: Sequence[HistoryPoint]) -> list[Shift]:
    found = change_points([point.value for point in points], [_days(points[0].at, point.at) for point in points])
    return [Shift(points[one.index].at, one.before, one.after, _relative(one.before, one.after), one.p) for one in found]


def _relative(before: float, after: float) -> float | None:
    return (after - before) / abs(before) if before else None


def _days(start: datetime, at: datetime) -> float:
    return (at - start) / timedelta(days=1)


def _ahead(line: Trend | None, goal: Goal, actual: float) -> Forecast:
    met = line is not None and goal.met_by(line.last_value)
    if met and not goal.met_by(actual):
        return Forecast(False, None, None, None, "the trend’s level would meet the target, but the figure as it is now does not")
    return forecast(line, goal.value, lower_is_better=goal.lower_is_better, met=met)


def _after(moment: datetime, days: float | None) -> datetime | None:
    """Years away is as good as never: no date is promised then."""
    return moment + timedelta(days=days) if days is not None and days < 5 * 365.25 else None
