"""The two sides of a comparison: the runs of a KPI in a window of time, or those that CI sent for a version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from accounts.templatetags.ui import dated
from kpis.buckets import HistoryPoint
from kpis.comparing import Compared, compare
from kpis.history import History, history, point_of
from kpis.models import KPI, Across, Direction, Measurement, Submission

MOST_RUNS = 400
"""Of more runs than these on a side, hours or days are drawn again."""

MOST_VERSIONS = 30
DRAWN = {"raw": "run", "hour": "hour", "day": "day"}


class BadSide(ValueError):
    """A side that cannot be compared, in words; `field` is the one that says so."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


@dataclass(frozen=True)
class Side:
    """`drawn` names what each point stands for: run, hour or day."""

    name: str
    points: tuple[HistoryPoint, ...]
    drawn: str


@dataclass(frozen=True)
class Window:
    """From `start` on, before `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Sides:
    """`where` is subject and environment of the one series that both come from; nothing where several do, or all combined."""

    before: Side
    after: Side
    told: Compared
    where: dict[str, str]


def of_windows(kpi: KPI, before: Window, after: Window, *, subject: str = "", environment: str | None = None) -> Sides:
    """Compare two windows. Raises BadSide where one is empty by its own words, or both overlap."""
    for name, window in (("before", before), ("after", after)):
        if window.start >= window.end:
            raise BadSide(f"{name}_to", "A window ends after its start.")
    if before.start < after.end and after.start < before.end:
        raise BadSide("after_from", "The two windows overlap: what lies in both would be compared with itself.")
    courses = [
        history(kpi, start=one.start, end=one.end, points=MOST_RUNS, subject=subject, environment=environment)
        for one in (before, after)
    ]
    where = {"subject": subject, "environment": environment or ""} if subject else {}
    return _sides(kpi, _side(before, courses[0]), _side(after, courses[1]), where)


def of_versions(kpi: KPI, before: str, after: str) -> Sides:
    """Compare what CI sent for two commits, each told by its beginning. Raises BadSide."""
    whole = [_commit(kpi, text, field) for text, field in ((before, "before"), (after, "after"))]
    if whole[0] == whole[1]:
        raise BadSide("after", "Both are the same version.")
    rows = [list(_results(kpi, commit)) for commit in whole]
    streams = {(row.series.subject, row.series.environment) for its in rows for row in its}
    where = {}
    if len(streams) == 1:
        where["subject"], where["environment"] = streams.pop()
    return _sides(kpi, _version(kpi, whole[0], rows[0]), _version(kpi, whole[1], rows[1]), where)


def _version(kpi: KPI, commit: str, rows: Sequence[Measurement]) -> Side:
    return Side(commit[:12], tuple(point_of(kpi, row) for row in rows), "result")


def versions(kpi: KPI) -> list[str]:
    """Commits with figures of this KPI, the newest first."""
    commits = _submissions(kpi).order_by("-received_at").values_list("commit", flat=True)[: 10 * MOST_VERSIONS]
    return list(dict.fromkeys(commits))[:MOST_VERSIONS]


def _sides(kpi: KPI, before: Side, after: Side, where: dict[str, str]) -> Sides:
    lower = kpi.direction == Direction.LOWER
    told = compare(before.points, after.points, aggregation=kpi.aggregation, lower_is_better=lower)
    return Sides(before, after, told, where)


def _side(window: Window, found: History) -> Side:
    return Side(
        " – ".join(dated(end, "%-d %b %H:%M") for end in (window.start, window.end)), found.points, DRAWN[found.resolution]
    )


def _submissions(kpi: KPI) -> QuerySet[Submission]:
    return Submission.objects.filter(samples__kpi=kpi, invalidated_at=None).exclude(commit="")


def _commit(kpi: KPI, text: str, field: str) -> str:
    if not text:
        raise BadSide(field, "Name a version by its commit.")
    found = sorted(set(_submissions(kpi).filter(commit__startswith=text).values_list("commit", flat=True)))
    if not found:
        raise BadSide(field, f"No result of this KPI came for a version {text!r}.")
    if len(found) > 1 and text not in found:
        raise BadSide(field, f"{text!r} is the beginning of {len(found)} versions: write more of it.")
    return text if text in found else found[0]


def _results(kpi: KPI, commit: str) -> QuerySet[Measurement]:
    origins = [f"result:{pk}" for pk in _submissions(kpi).filter(commit=commit).values_list("pk", flat=True)]
    rows = Measurement.objects.filter(series__kpi=kpi, series__enabled=True, origin__in=origins).select_related("series")
    if kpi.across == Across.NAMED:
        rows = rows.filter(series__subject=kpi.across_subject)
    return rows.order_by("at", "pk")
