"""What a KPI's page and the API tell of change: the two sides compared, change points, and where the trend leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kpis.buckets import HistoryPoint
from kpis.comparing import Compared, Course, compare, halves, look
from kpis.evaluation import Goal
from kpis.models import KPI, Direction
from kpis.sides import Sides


@dataclass(frozen=True)
class Changes:
    """`split` parts one course into two sides, where no sides were asked for. Null: there was nothing to compare."""

    told: Compared | None
    before: str
    after: str
    drawn_before: str
    drawn_after: str
    split: datetime | None
    chosen: bool
    course: Course


def changes(
    kpi: KPI,
    points: Sequence[HistoryPoint],
    goal: Goal | None,
    *,
    drawn: str,
    actual: float | None = None,
    at: datetime | None = None,
    sides: Sides | None = None,
) -> Changes:
    """`points` in time order, each a `drawn` (run, hour or day); `actual` is the figure that the KPI is judged by."""
    course = look(points, goal, actual)
    if sides is not None:
        one, other = sides.before, sides.after
        return Changes(sides.told, one.name, other.name, one.drawn, other.drawn, None, True, course)
    if not points:
        return Changes(None, "", "", drawn, drawn, at, at is not None, course)
    split, before, after = halves(points, at)
    told = compare(before, after, aggregation=kpi.aggregation, lower_is_better=kpi.direction == Direction.LOWER)
    return Changes(told, "", "", drawn, drawn, split, at is not None, course)
