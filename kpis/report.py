"""One KPI in full, ready to render: where it stands, its course in a span of time, its distribution, its targets and waivers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from django.db.models import OuterRef, Subquery

from accounts.differences import Line
from accounts.templatetags.ui import unit_word
from kpis import rollups
from kpis.buckets import HistoryPoint
from kpis.charts import Course, Held, chart
from kpis.commitments import Then, difference, holding
from kpis.drawing import Distribution
from kpis.drawing import distribution as drawn
from kpis.duty import fired, quiet
from kpis.faults import doubts
from kpis.history import History, distribution, history, versions
from kpis.models import KPI, Across, Decision, Rollup, Target, Waiver
from kpis.rows import source_of, way_of
from kpis.sides import DRAWN
from kpis.standing import SeriesStanding, Standing, standing

SPANS: dict[str, tuple[str, timedelta | None]] = {
    "1h": ("1 h", timedelta(hours=1)),
    "24h": ("24 h", timedelta(hours=24)),
    "7d": ("7 d", timedelta(days=7)),
    "30d": ("30 d", timedelta(days=30)),
    "all": ("All", None),
}
BESIDE = timedelta(minutes=15)
MOST_POINTS = 400
MOST_DRAWN, MOST_LISTED = 5, 100
"""Drawn in the chart, and listed below it."""

MOST_DISTRIBUTION = timedelta(days=7)
RESOLUTIONS = {"raw": "Points as measured", "hour": "A point an hour", "day": "A point a day"}


@dataclass(frozen=True)
class Report:
    """`points` are those of the chart's first line, newest first; `way` holds for a stale figure too."""

    standing: Standing
    span: str
    start: datetime
    end: datetime
    way: float | None
    chart: dict[str, Any]
    points: tuple[HistoryPoint, ...]
    resolution: str
    drawn: str
    distribution: Distribution | None
    distribution_since: datetime
    distribution_of: str

    @property
    def kpi(self) -> KPI:
        return self.standing.kpi

    @property
    def listed(self) -> Sequence[SeriesStanding]:
        """Of many series the one that stands for the KPI, then those whose last figure is the oldest."""
        rows, stands = self.standing.series, self.standing.worst_subject
        if len(rows) <= MOST_LISTED:
            return rows
        return sorted(rows, key=lambda row: (not row.counts, row.subject != stands, row.at))[:MOST_LISTED]

    @property
    def reported(self) -> int:
        """How many points are percentiles that came ready-made."""
        return sum(point.reported for point in self.points)

    @property
    def source(self) -> str:
        return source_of(self.standing)

    @property
    def span_word(self) -> str:
        return f"Last {SPANS[self.span][0]}" if SPANS[self.span][1] else "Since it was first measured"


def report(kpi: KPI, *, span: str, now: datetime) -> Report:
    """`span` is a key of SPANS; anything else means the shortest one that tells something."""
    stands = standing(kpi, now=now)
    first, young = _beginning(kpi)
    span = span if span in SPANS else _telling(young, stands.at, now)
    length = SPANS[span][1]
    end = _end(now, length)
    start = end - length if length else min(first or now, now - timedelta(hours=1))
    rows = _rows(stands)
    courses = _courses(kpi, rows, start, end)
    course = courses[0][1] if courses else None
    since = rollups.bucket(max(start, end - MOST_DISTRIBUTION), "hour")
    where = stands_for(stands)
    histogram = distribution(kpi, start=since, end=end, **where)
    return Report(
        standing=stands,
        span=span,
        start=start,
        end=end,
        way=way_of(stands),
        chart=_chart(stands, courses, start, end),
        points=course.points[::-1] if course else (),
        resolution=RESOLUTIONS[course.resolution] if course else "",
        drawn=DRAWN[course.resolution] if course else "",
        distribution=drawn(histogram, stands.target.value if stands.target else None) if histogram and histogram.count else None,
        distribution_since=since,
        distribution_of=where.get("subject") or kpi.get_across_display(),
    )


def course_around(kpi: KPI, begun: datetime, ended: datetime | None, *, now: datetime) -> dict[str, Any] | None:
    """The chart of a KPI from some time before something happened until some time after it; None where nothing was measured."""
    length = max((ended or now) - begun, BESIDE)
    start, end = begun - length, min((ended or now) + length, now)
    stands = standing(kpi, now=now)
    courses = _courses(kpi, _rows(stands), start, end)
    return _chart(stands, courses, start, end) if any(found.points for _, found in courses) else None


def _beginning(kpi: KPI) -> tuple[datetime | None, datetime | None]:
    """The day from which on it was measured, and when its first figures came: a look at the beginning of each series."""
    days, hours = (Rollup.objects.filter(series=OuterRef("pk"), resolution=name).order_by("at") for name in ("day", "hour"))
    firsts = {"day": days.values("at"), "day_until": days.values("last_at"), "hour_until": hours.values("last_at")}
    series = kpi.series.filter(enabled=True).annotate(**{name: Subquery(rows[:1]) for name, rows in firsts.items()})
    rows = series.values_list(*firsts)
    moments = [moment for _, *until in rows for moment in until if moment]
    return min((day for day, *_ in rows if day), default=None), min(moments, default=None)


def _telling(first: datetime | None, newest: datetime | None, now: datetime) -> str:
    """An hour while measuring is young, else a day; longer where the newest figure is older than that."""
    if first is None or newest is None:
        return "24h"
    for name in ("1h", "24h", "7d", "30d"):
        length = SPANS[name][1]
        if length and now - newest < length and (name != "1h" or now - first < timedelta(hours=6)):
            return name
    return "all"


def _end(now: datetime, length: timedelta | None) -> datetime:
    """The next edge of the chart: it stands still for a 120th of its length, so that what did not change is not drawn anew."""
    grain_s = length.total_seconds() / 120 if length else 60
    return datetime.fromtimestamp((now.timestamp() // grain_s + 1) * grain_s, UTC)


def _rows(stands: Standing) -> list[SeriesStanding]:
    """The series that stands for the KPI first."""
    counting = [row for row in stands.series if row.counts]
    return sorted(counting or stands.series, key=lambda row: row.subject != stands.worst_subject)


def _alone(kpi: KPI, rows: Sequence[SeriesStanding]) -> bool:
    """Whether one series stands for the KPI, rather than all of them combined."""
    return len(rows) == 1 or (bool(rows) and kpi.across in (Across.WORST, Across.NAMED))


def stands_for(stands: Standing) -> dict[str, str]:
    """Subject and environment of the series that stands for the KPI; nothing where all of them combined do."""
    rows = _rows(stands)
    return {"subject": rows[0].subject, "environment": rows[0].environment} if _alone(stands.kpi, rows) else {}


def _courses(kpi: KPI, rows: Sequence[SeriesStanding], start: datetime, end: datetime) -> list[tuple[str, History]]:
    """What the KPI is judged by comes first, with its samples: the series that stands for it, or all of them combined."""
    alone = _alone(kpi, rows)
    found = [] if alone or not rows else [(kpi.get_across_display(), history(kpi, start=start, end=end, points=MOST_POINTS))]
    for row in rows[:MOST_DRAWN]:
        first = alone and not found
        one = history(
            kpi, start=start, end=end, points=MOST_POINTS, subject=row.subject, environment=row.environment, samples=first
        )
        found.append((row.subject, one))
    return found


def _chart(stands: Standing, courses: Sequence[tuple[str, History]], start: datetime, end: datetime) -> dict[str, Any]:
    kpi = stands.kpi
    lines = [
        Course(
            f"{name}, worst: it is judged" if index == 0 and len(courses) > 1 and kpi.across == Across.WORST else name,
            name,
            [(point.at, point.value) for point in found.points],
            found.step_s,
        )
        for index, (name, found) in enumerate(courses)
    ]
    held = [
        Held(one.start, one.end, one.target.number, one.target.value, one.target.alert_threshold)
        for one in versions(kpi, start=start, end=end)
    ]
    waived = kpi.waivers.filter(decision=Decision.APPROVED, subject="", expires_at__gt=start, decided_at__lt=end)
    return chart(
        lines,
        held,
        [(since, until) for since, until in waived.values_list("decided_at", "expires_at") if since],
        unit=unit_word(kpi.unit),
        words=("target", "alert"),
        start=start,
        end=end,
        silenced=quiet(kpi, start, end, subjects={row.subject for row in stands.series}),
        fired=fired(kpi, start, end),
    )


COUNTING = ("waits", "in force", "later")
"""States of a version that counts, or may come to."""


@dataclass(frozen=True)
class Version:
    """A target version as its history shows it: `until` is when the next one took over, `lines` are what it changes of the
    version before it: of one that waits, against what is in force (`seen`, 0 for nothing). `overtaken` is the later version
    that was approved already, so that this one is approved no more; `doubts` ask whether its figures were meant, while it counts
    or may come to count."""

    target: Target
    state: str
    until: datetime | None
    lines: tuple[Line, ...]
    seen: int
    overtaken: int | None
    doubts: tuple[str, ...] = ()


def target_history(kpi: KPI, *, now: datetime) -> list[Version]:
    """Newest first. States: waits, in force, later, past, rejected, withdrawn."""
    rows = list(kpi.targets.select_related("proposed_by", "decided_by").order_by("number"))
    approved = sorted((row for row in rows if row.decision == Decision.APPROVED and row.effective_from), key=_order)
    followers = {row.pk: later.effective_from for row, later in pairwise(approved)}
    before = {later.pk: row for row, later in pairwise(approved)}
    current = holding(approved, now)
    before |= {row.pk: current for row in rows if row.decision == Decision.PROPOSED and current}
    newest, seen = max((row.number for row in approved), default=0), current.number if current else 0
    states = {row.pk: _state(row, current, now) for row in rows}
    return [
        Version(
            target=row,
            state=states[row.pk],
            until=followers.get(row.pk),
            lines=_lines(before.get(row.pk), row, kpi, _then(row, approved, now)),
            seen=seen,
            overtaken=newest if row.decision == Decision.PROPOSED and newest > row.number else None,
            doubts=tuple(doubts(row, kpi).values()) if states[row.pk] in COUNTING else (),
        )
        for row in reversed(rows)
    ]


def _then(row: Target, approved: Sequence[Target], now: datetime) -> Then | None:
    """Of a proposal: the approved version that takes over after it."""
    start = max(row.effective_from or now, now)
    later = ((one.number, one.effective_from) for one in approved if one.effective_from and one.effective_from > now)
    return next(((number, at) for number, at in later if at >= start), None)


def _lines(before: Target | None, row: Target, kpi: KPI, then: Then | None) -> tuple[Line, ...]:
    """Of a proposal all that it changes; of what is decided only the figures, since its dates stand beside it."""
    if row.decision == Decision.PROPOSED:
        return tuple(difference(before, row, kpi, then))
    return tuple(difference(before, row, kpi)[:-1]) if before and row.decision == Decision.APPROVED else ()


def _order(row: Target) -> tuple[float, int]:
    return (row.effective_from.timestamp() if row.effective_from else 0.0, row.number)


def _state(row: Target, in_force: Target | None, now: datetime) -> str:
    if row.decision == Decision.PROPOSED:
        return "waits"
    if row.decision != Decision.APPROVED:
        return str(row.decision)
    if row == in_force:
        return "in force"
    return "later" if row.effective_from and row.effective_from > now else "past"


def waivers(kpi: KPI) -> Sequence[Waiver]:
    """Newest first, at most ten."""
    return list(kpi.waivers.select_related("requested_by", "decided_by")[:10])
