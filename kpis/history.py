"""The course of a KPI over time, at the resolution that fits: raw, hourly or daily; where nothing was measured, no point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise

from django.db.models import Count, F, OuterRef, QuerySet, Subquery

from kpis import rollups
from kpis.actual import PERCENTILES, aggregate, counted
from kpis.buckets import HistoryPoint, Part, Stream, combined, course, kept, read, series_figure, span
from kpis.models import KPI, Across, Decision, Measurement, Rollup, Series, Target
from kpis.stats.histogram import Histogram
from kpis.stats.stack import Stack

MOST_RAW = 2000
"""More measurements than these are read rolled up, where one figure is made of all of them."""

LONGEST_BY_HOUR = timedelta(days=31)

SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


@dataclass(frozen=True)
class History:
    """Points in time order. `step_s` is how far apart neighbours stand; a wider distance is a gap."""

    unit: str
    resolution: str
    step_s: float
    points: tuple[HistoryPoint, ...]


@dataclass(frozen=True)
class Version:
    """A target version and when it was in force, within what was asked for."""

    target: Target
    start: datetime
    end: datetime


def history(
    kpi: KPI,
    *,
    start: datetime,
    end: datetime,
    points: int = 500,
    subject: str = "",
    environment: str | None = None,
    samples: bool = True,
) -> History:
    """The course of a KPI in [start, end), in at most `points` points where days allow it; quicker without their `samples`.

    Several series become one as the KPI says (worst, merged, …), bucket by bucket; `subject` and `environment` narrow them.
    """
    start, end, points = start.astimezone(UTC), end.astimezone(UTC), max(1, points)
    where = {"subject": subject} if subject else {"subject": kpi.across_subject} if kpi.across == Across.NAMED else {}
    if environment is not None:
        where["environment"] = environment
    there = _there(kpi.series.filter(enabled=True, **where), start, end)
    raw = Measurement.objects.filter(series_id__in=there.streams, at__gte=start, at__lt=end).order_by("at", "pk")
    rows = _whole(raw.select_related("series"), there, points)
    if rows is not None:
        return _raw(kpi, rows, start, end, points, samples=samples)
    rolled = Rollup.objects.filter(series_id__in=there.streams, at__lt=end)
    resolution = "day" if there.days_reach_further or _hours_pass(rolled, there, start, end, points) else "hour"
    needed = rolled.filter(resolution=resolution, at__gte=rollups.bucket(start, resolution))
    rolled_up = read(needed, whole=kpi.aggregation in PERCENTILES and (samples or kpi.across == Across.MERGED))
    found = course(kpi, rolled_up, there.streams, samples=samples)
    return History(kpi.unit, resolution, SPANS[resolution].total_seconds(), tuple(found))


@dataclass(frozen=True)
class Over:
    """The KPI's figure over a stretch of time as it was read; `runs` are the origins behind it, None where pruned away."""

    point: HistoryPoint
    start: datetime
    end: datetime
    runs: int | None


def over(kpi: KPI, *, start: datetime, end: datetime) -> Over | None:
    """One figure of all that was measured in [start, end); None where that is nothing.

    Many measurements are read as whole hours, and more than a month of them as whole days.
    """
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    where = {"subject": kpi.across_subject} if kpi.across == Across.NAMED else {}
    there = _there(kpi.series.filter(enabled=True, **where), start, end)
    every = Measurement.objects.filter(series_id__in=there.streams).select_related("series").order_by("at", "pk")
    raw = every.filter(at__gte=start, at__lt=end)
    rolled = Rollup.objects.filter(series_id__in=there.streams, at__lt=end).select_related("series").order_by("at", "series_id")
    hours = rolled.filter(resolution="hour", at__gte=rollups.bucket(start, "hour"))
    resolution = ""
    if (few := _whole(raw, there, MOST_RAW)) is not None:
        parts = [Part(start, row.series, row.origin, rollups.stretch_of(row)) for row in few]
    else:
        days = rolled.filter(resolution="day", at__gte=rollups.bucket(start, "day"))
        resolution = "day" if end - start > LONGEST_BY_HOUR or there.days_reach_further else "hour"
        rows = (days if resolution == "day" else hours).annotate(origin=F("series__current__origin"))
        parts = [Part(start, row.series, row.origin or "", rollups.stretch_of_rollup(row)) for row in rows]
    found = combined(kpi, parts)
    if not found:
        return None
    if resolution:
        start = rollups.bucket(start, resolution)
        end = rollups.bucket(end - rollups.MOMENT, resolution) + SPANS[resolution]
        raw = every.filter(at__gte=start, at__lt=end)
    return Over(found[0], start, end, _runs(kpi, raw, there, parts, found[0].subject))


def _runs(kpi: KPI, raw: QuerySet[Measurement], there: There, parts: Sequence[Part], subject: str) -> int | None:
    """How many runs and results the figure of these parts stands on: of one series, where one stands for the KPI."""
    if not _unpruned(raw.values_list("at", flat=True).first(), there):
        return None
    by_series: dict[Series, list[Part]] = {}
    for part in parts:
        by_series.setdefault(part.series, []).append(part)
    everyone = [series_figure(kpi, of_one) for of_one in by_series.values()]
    those = {(one.subject, one.environment) for one in counted(everyone, across=kpi.across, named=kpi.across_subject)}
    alone = kpi.across == Across.WORST
    ids = [one.pk for one in by_series if (one.subject, one.environment) in those and (not alone or one.subject == subject)]
    return raw.order_by().filter(series_id__in=ids).values("origin").distinct().count()


def distribution(
    kpi: KPI, *, start: datetime, end: datetime, subject: str = "", environment: str | None = None
) -> Histogram | None:
    """All samples of whole hours in [start, end), merged; None where no source gave its samples."""
    rows = Rollup.objects.filter(
        series__kpi=kpi, series__enabled=True, resolution="hour", at__gte=rollups.bucket(start, "hour"), at__lt=end
    ).exclude(histogram=None)
    if subject:
        rows = rows.filter(series__subject=subject)
    if environment is not None:
        rows = rows.filter(series__environment=environment)
    parts = [bytes(data) for data in rows.values_list("histogram", flat=True) if data]
    return Stack([parts]).histogram(0) if parts else None


def versions(kpi: KPI, *, start: datetime, end: datetime) -> list[Version]:
    """The target versions in force between two times: they follow each other without a gap and never overlap."""
    approved = kpi.targets.filter(decision=Decision.APPROVED, effective_from__lt=end).order_by("effective_from", "number")
    rows = [(target, target.effective_from) for target in approved if target.effective_from is not None]
    found = []
    for index, (target, since) in enumerate(rows):
        until = rows[index + 1][1] if index + 1 < len(rows) else end
        if max(since, start) < min(until, end):
            found.append(Version(target, max(since, start), min(until, end)))
    return found


@dataclass(frozen=True)
class There:
    """The series that are asked for, by id, and from when on they have hours and days in a span of time."""

    streams: dict[int, Stream]
    first_hour: datetime | None
    first_day: datetime | None

    @property
    def days_reach_further(self) -> bool:
        hour = self.first_hour
        return self.first_day is not None and (hour is None or self.first_day < rollups.bucket(hour, "day"))


def _there(series: QuerySet[Series], start: datetime, end: datetime) -> There:
    """In one query: a look at the beginning of each series, whatever lies after it."""
    firsts = {}
    for resolution in SPANS:
        rows = Rollup.objects.filter(series=OuterRef("pk"), resolution=resolution, at__lt=end)
        first = rows.filter(at__gte=rollups.bucket(start, resolution)).order_by("at")
        firsts[f"first_{resolution}"] = Subquery(first.values("at")[:1])
    found = list(series.annotate(**firsts).values_list("pk", "subject", "environment", "current__origin", *firsts))
    hours, days = ([row[place] for row in found if row[place] is not None] for place in (4, 5))
    streams = {pk: Stream(subject, environment, origin or "") for pk, subject, environment, origin, *_ in found}
    return There(streams, min(hours, default=None), min(days, default=None))


def _hours_pass(rolled: QuerySet[Rollup], there: There, start: datetime, end: datetime, points: int) -> bool:
    """Whether there are more hours than points. At most so many are counted that it can be told."""
    if end - start <= (points - 1) * SPANS["hour"]:
        return False
    most = points * len(there.streams) + 1
    hours = rolled.filter(resolution="hour", at__gte=rollups.bucket(start, "hour")).values("at")[:most]
    found = hours.aggregate(rows=Count("*"), hours=Count("at", distinct=True))
    return bool(found["rows"] == most or found["hours"] > points)


def _whole(raw: QuerySet[Measurement], there: There, points: int) -> list[Measurement] | None:
    """The raw measurements where they are few enough, and none of that time were pruned away."""
    if raw.order_by().values("pk")[: points + 1].count() > points:
        return None
    rows = list(raw)
    return rows if _unpruned(rows[0].at if rows else None, there) else None


def _unpruned(oldest: datetime | None, there: There) -> bool:
    """Whether the raw measurements of that time, of which the oldest is known, are all still there."""
    return there.first_hour is None or (oldest is not None and there.first_hour >= rollups.bucket(oldest, "hour"))


def _raw(kpi: KPI, rows: Sequence[Measurement], start: datetime, end: datetime, points: int, *, samples: bool) -> History:
    if len({row.series_id for row in rows}) > 1:
        found = combined(kpi, _together(rows, max(60.0, (end - start).total_seconds() / max(1, points - 1))))
    else:
        found = [point_of(kpi, row, samples=samples) for row in rows]
    gaps = sorted((later.at - one.at).total_seconds() for one, later in pairwise(found))
    return History(kpi.unit, "raw", gaps[len(gaps) // 2] if gaps else 0.0, tuple(found))


def _together(rows: Sequence[Measurement], length_s: float) -> list[Part]:
    """Measurements of several series, in time order, put together in slots of time, each at the newest time in it.

    The slots do not move with what is asked for, so that the same measurements are told alike from call to call.
    """
    slots = [list(those) for _, those in groupby(rows, key=lambda row: row.at.timestamp() // length_s)]
    return [Part(those[-1].at, row.series, row.origin, rollups.stretch_of(row)) for those in slots for row in those]


def point_of(kpi: KPI, row: Measurement, *, samples: bool = True) -> HistoryPoint:
    """One measurement as a point; a bare value is told as it is, and only with `samples` becomes a histogram."""
    value, low, high, histogram = row.value, row.value, row.value, None
    if row.histogram is not None or (samples and kpi.aggregation in PERCENTILES):
        stretch = rollups.stretch_of(row)
        figure = aggregate(kpi.aggregation, [stretch])
        value, histogram, (low, high) = figure.value, kept(kpi, figure.histogram), span(stretch)
    return HistoryPoint(
        row.at, value, row.count, low, high, row.origin, row.series.subject, row.reported, row.raw, row.note, histogram
    )
