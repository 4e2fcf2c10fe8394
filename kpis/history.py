"""The course of a KPI over time, at the resolution that fits: raw, hourly or daily; where nothing was measured, no point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from operator import itemgetter
from typing import Any

from django.db.models import Count, F, Min, Q, QuerySet

from kpis import rollups
from kpis.actual import PERCENTILES, SeriesFigure, Stretch, aggregate, combine, counted
from kpis.models import KPI, Across, Decision, Direction, Measurement, Rollup, Series, Target
from kpis.stats.histogram import Histogram

MOST_RAW = 2000
"""More measurements than these are read rolled up, where one figure is made of all of them."""

LONGEST_BY_HOUR = timedelta(days=31)

SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


@dataclass(frozen=True)
class HistoryPoint:
    """`value` is the KPI's figure in the bucket that starts at `at` (raw: of one measurement); `low` and `high` bound
    what was measured there. `source`, `note` and the `raw` figure of a reduction are those of a raw measurement;
    percentile KPIs come with their histogram."""

    at: datetime
    value: float
    count: int
    low: float
    high: float
    source: str = ""
    subject: str = ""
    reported: bool = False
    raw: float | None = None
    note: str = ""
    histogram: Histogram | None = field(default=None, repr=False)


@dataclass(frozen=True)
class History:
    """Points in time order. `step_s` is how far apart neighbours stand; a wider distance is a gap."""

    unit: str
    resolution: str
    step_s: float
    points: tuple[HistoryPoint, ...]


@dataclass(frozen=True)
class Part:
    """What one series contributes to the bucket at `at`."""

    at: datetime
    series: Series
    origin: str
    stretch: Stretch


@dataclass(frozen=True)
class Version:
    """A target version and when it was in force, within what was asked for."""

    target: Target
    start: datetime
    end: datetime


def history(kpi: KPI, *, start: datetime, end: datetime, points: int = 500, subject: str = "", environment: str = "") -> History:
    """The course of a KPI in [start, end), in at most `points` points where days allow it.

    Several series become one as the KPI says (worst, merged, …), bucket by bucket; `subject` and `environment` narrow them.
    """
    start, end, points = start.astimezone(UTC), end.astimezone(UTC), max(1, points)
    where = {"series__kpi": kpi, "series__enabled": True}
    if subject:
        where["series__subject"] = subject
    elif kpi.across == Across.NAMED:
        where["series__subject"] = kpi.across_subject
    if environment:
        where["series__environment"] = environment
    raw = Measurement.objects.filter(at__gte=start, at__lt=end, **where).select_related("series").order_by("at", "pk")
    rolled = Rollup.objects.filter(at__lt=end, **where)
    kept = _kept_rollups(rolled, start)
    if _raw_fits(raw, kept.first_hour, points):
        return _raw(kpi, list(raw), start, end, points)
    resolution = "hour" if kept.hours <= points and not kept.days_reach_further else "day"
    needed = rolled.filter(resolution=resolution, at__gte=rollups.bucket(start, resolution)).select_related("series")
    found = needed.annotate(origin=F("series__current__origin")).order_by("at", "series_id")
    parts = [Part(row.at, row.series, row.origin or "", rollups.stretch_of_rollup(row)) for row in found]
    return History(kpi.unit, resolution, SPANS[resolution].total_seconds(), tuple(_combined(kpi, parts)))


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
    where: dict[str, Any] = {"series__kpi": kpi, "series__enabled": True}
    if kpi.across == Across.NAMED:
        where["series__subject"] = kpi.across_subject
    every = Measurement.objects.filter(**where).select_related("series").order_by("at", "pk")
    raw = every.filter(at__gte=start, at__lt=end)
    rolled = Rollup.objects.filter(at__lt=end, **where).select_related("series").order_by("at", "series_id")
    hours = rolled.filter(resolution="hour", at__gte=rollups.bucket(start, "hour"))
    resolution = ""
    kept = _kept_rollups(rolled, start)
    if _raw_fits(raw, kept.first_hour, MOST_RAW):
        parts = [Part(start, row.series, row.origin, rollups.stretch_of(row)) for row in raw]
    else:
        days = rolled.filter(resolution="day", at__gte=rollups.bucket(start, "day"))
        resolution = "day" if end - start > LONGEST_BY_HOUR or kept.days_reach_further else "hour"
        rows = (days if resolution == "day" else hours).annotate(origin=F("series__current__origin"))
        parts = [Part(start, row.series, row.origin or "", rollups.stretch_of_rollup(row)) for row in rows]
    found = _combined(kpi, parts)
    if not found:
        return None
    if resolution:
        start = rollups.bucket(start, resolution)
        end = rollups.bucket(end - rollups.MOMENT, resolution) + SPANS[resolution]
        raw = every.filter(at__gte=start, at__lt=end)
    return Over(found[0], start, end, _runs(kpi, raw, kept.first_hour, parts, found[0].subject))


def _runs(kpi: KPI, raw: QuerySet[Measurement], first_hour: datetime | None, parts: Sequence[Part], subject: str) -> int | None:
    """How many runs and results the figure of these parts stands on: of one series, where one stands for the KPI."""
    if not _unpruned(raw, first_hour):
        return None
    by_series: dict[Series, list[Part]] = {}
    for part in parts:
        by_series.setdefault(part.series, []).append(part)
    everyone = [_figure(kpi, of_one[-1].at, of_one) for of_one in by_series.values()]
    those = {(one.subject, one.environment) for one in counted(everyone, across=kpi.across, named=kpi.across_subject)}
    alone = kpi.across == Across.WORST
    ids = [one.pk for one in by_series if (one.subject, one.environment) in those and (not alone or one.subject == subject)]
    return raw.order_by().filter(series_id__in=ids).values("origin").distinct().count()


def distribution(kpi: KPI, *, start: datetime, end: datetime, subject: str = "", environment: str = "") -> Histogram | None:
    """All samples of whole hours in [start, end), merged; None where no source gave its samples."""
    rows = Rollup.objects.filter(
        series__kpi=kpi, series__enabled=True, resolution="hour", at__gte=rollups.bucket(start, "hour"), at__lt=end
    ).exclude(histogram=None)
    if subject:
        rows = rows.filter(series__subject=subject)
    if environment:
        rows = rows.filter(series__environment=environment)
    parts = [Histogram.from_bytes(data) for data in rows.values_list("histogram", flat=True) if data]
    return Histogram.merge(parts) if parts else None


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
class Kept:
    """How many different hours are kept in a span of time, and from when on there are hours and days."""

    hours: int
    first_hour: datetime | None
    first_day: datetime | None

    @property
    def days_reach_further(self) -> bool:
        hour = self.first_hour
        return self.first_day is not None and (hour is None or self.first_day < rollups.bucket(hour, "day"))


def _kept_rollups(rolled: QuerySet[Rollup], start: datetime) -> Kept:
    hours, days = (Q(resolution=name, at__gte=rollups.bucket(start, name)) for name in ("hour", "day"))
    found = rolled.aggregate(
        hours=Count("at", filter=hours, distinct=True), first_hour=Min("at", filter=hours), first_day=Min("at", filter=days)
    )
    return Kept(**found)


def _raw_fits(raw: QuerySet[Measurement], first_hour: datetime | None, points: int) -> bool:
    """Whether the raw measurements are few enough, and none of that time were pruned away."""
    if raw.values("pk")[: points + 1].count() > points:
        return False
    return _unpruned(raw, first_hour)


def _unpruned(raw: QuerySet[Measurement], first_hour: datetime | None) -> bool:
    """Whether the raw measurements of that time are all still there."""
    if first_hour is None:
        return True
    oldest = raw.values_list("at", flat=True).first()
    return oldest is not None and first_hour >= rollups.bucket(oldest, "hour")


def _raw(kpi: KPI, rows: Sequence[Measurement], start: datetime, end: datetime, points: int) -> History:
    if len({row.series_id for row in rows}) > 1:
        slot = max(60.0, (end - start).total_seconds() / points)
        slotted = [Part(_slot(row.at, start, slot), row.series, row.origin, rollups.stretch_of(row)) for row in rows]
        return History(kpi.unit, "raw", slot, tuple(_combined(kpi, slotted)))
    gaps = sorted((later.at - row.at).total_seconds() for row, later in pairwise(rows))
    return History(kpi.unit, "raw", gaps[len(gaps) // 2] if gaps else 0.0, tuple(point_of(kpi, row) for row in rows))


def _slot(at: datetime, start: datetime, length_s: float) -> datetime:
    return start + timedelta(seconds=(at - start).total_seconds() // length_s * length_s)


def point_of(kpi: KPI, row: Measurement) -> HistoryPoint:
    stretch = rollups.stretch_of(row)
    figure = aggregate(kpi.aggregation, [stretch])
    low, high = _span(stretch)
    return HistoryPoint(
        row.at, figure.value, row.count, low, high, row.origin, row.series.subject, figure.reported, row.raw, row.note,
        _kept(kpi, figure.histogram),
    )  # fmt: skip


def _kept(kpi: KPI, histogram: Histogram | None) -> Histogram | None:
    return histogram if kpi.aggregation in PERCENTILES else None


def _span(stretch: Stretch) -> tuple[float, float]:
    """Lowest and highest of what was measured: of the samples where they are known."""
    if stretch.histogram is None or not stretch.histogram.count:
        return stretch.low, stretch.high
    return min(stretch.low, stretch.histogram.percentile(0)), max(stretch.high, stretch.histogram.percentile(100))


def _combined(kpi: KPI, parts: Sequence[Part]) -> list[HistoryPoint]:
    """One point a bucket: each series' stretches aggregated, then the series that count combined as the KPI says."""
    buckets: dict[datetime, dict[Series, list[Part]]] = {}
    for part in parts:
        buckets.setdefault(part.at, {}).setdefault(part.series, []).append(part)
    found = []
    for at, by_series in sorted(buckets.items(), key=itemgetter(0)):
        everyone = [_figure(kpi, at, of_one) for of_one in by_series.values()]
        figures = counted(everyone, across=kpi.across, named=kpi.across_subject)
        combined = combine(
            figures,
            across=kpi.across,
            aggregation=kpi.aggregation,
            lower_is_better=kpi.direction == Direction.LOWER,
            named=kpi.across_subject,
        )
        if combined is None:
            continue
        those = {(figure.subject, figure.environment) for figure in figures}
        counting = [of_one for one, of_one in by_series.items() if (one.subject, one.environment) in those]
        spans = [_span(part.stretch) for of_one in counting for part in of_one]
        low, high = min(low for low, _ in spans), max(high for _, high in spans)
        value, count, stands = combined
        merged = _merged(figures) if kpi.across == Across.MERGED else stands.histogram
        found.append(
            HistoryPoint(at, value, count, low, high, subject=stands.subject, reported=stands.reported, histogram=merged)
        )
    return found


def _merged(figures: Sequence[SeriesFigure]) -> Histogram | None:
    parts = [figure.histogram for figure in figures if figure.histogram is not None]
    return Histogram.merge(parts) if len(parts) == len(figures) else None


def _figure(kpi: KPI, at: datetime, parts: Sequence[Part]) -> SeriesFigure:
    """`at` is that of the bucket; what CI sent is told by the newest origin."""
    series, figure = parts[-1].series, aggregate(kpi.aggregation, [part.stretch for part in parts])
    return SeriesFigure(
        series.subject, series.environment, at, figure.value, figure.count, parts[-1].origin, _kept(kpi, figure.histogram),
        figure.reported,
    )  # fmt: skip
