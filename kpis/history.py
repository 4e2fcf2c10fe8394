"""The course of a KPI over time, at the resolution that fits: raw, hourly or daily; where nothing was measured, no point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from django.db.models import QuerySet

from kpis import rollups
from kpis.actual import PERCENTILES, SeriesFigure, Stretch, aggregate, combine
from kpis.models import KPI, Decision, Direction, Measurement, Rollup, Target
from kpis.stats.histogram import Histogram

SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


@dataclass(frozen=True)
class HistoryPoint:
    """`value` is the KPI's figure in the bucket that starts at `at` (raw: of one measurement); `low` and `high` bound
    what was measured there. `source`, `note` and the `raw` figure of a reduction are those of a raw measurement."""

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


def history(kpi: KPI, *, start: datetime, end: datetime, points: int = 500, subject: str = "", environment: str = "") -> History:
    """The course of a KPI in [start, end), in at most `points` points where days allow it.

    Several series become one as the KPI says (worst, merged, …), bucket by bucket; `subject` and `environment` narrow them.
    """
    start, end, points = start.astimezone(UTC), end.astimezone(UTC), max(1, points)
    where = {"series__kpi": kpi, "series__enabled": True}
    if subject:
        where["series__subject"] = subject
    if environment:
        where["series__environment"] = environment
    raw = Measurement.objects.filter(at__gte=start, at__lt=end, **where).select_related("series").order_by("at", "pk")
    rolled = Rollup.objects.filter(at__lt=end, **where).select_related("series").order_by("at", "series_id")
    hours = rolled.filter(resolution="hour", at__gte=rollups.bucket(start, "hour"))
    if _raw_fits(raw, hours, points):
        return _raw(kpi, list(raw), start, end, points)
    days = rolled.filter(resolution="day", at__gte=rollups.bucket(start, "day"))
    hourly = hours.values("at").distinct()[: points + 1].count() <= points and not _older(days, hours)
    resolution = "hour" if hourly else "day"
    found = _combined(kpi, [(row.at, row.series, rollups.stretch_of_rollup(row)) for row in (hours if hourly else days)])
    return History(kpi.unit, resolution, SPANS[resolution].total_seconds(), tuple(found))


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


def _raw_fits(raw: QuerySet[Measurement], hours: QuerySet[Rollup], points: int) -> bool:
    """Whether the raw measurements are few enough, and none of that time were pruned away."""
    if raw[: points + 1].count() > points:
        return False
    oldest, first_hour = raw.first(), hours.first()
    return first_hour is None or (oldest is not None and first_hour.at >= rollups.bucket(oldest.at, "hour"))


def _older(days: QuerySet[Rollup], hours: QuerySet[Rollup]) -> bool:
    """Whether days reach back further than the hours that are kept."""
    day, hour = days.first(), hours.first()
    return day is not None and (hour is None or day.at < rollups.bucket(hour.at, "day"))


def _raw(kpi: KPI, rows: Sequence[Measurement], start: datetime, end: datetime, points: int) -> History:
    if len({row.series_id for row in rows}) > 1:
        slot = max(60.0, (end - start).total_seconds() / points)
        slotted = [(_slot(row.at, start, slot), row.series, rollups.stretch_of(row)) for row in rows]
        return History(kpi.unit, "raw", slot, tuple(_combined(kpi, slotted)))
    gaps = sorted((later.at - row.at).total_seconds() for row, later in pairwise(rows))
    return History(kpi.unit, "raw", gaps[len(gaps) // 2] if gaps else 0.0, tuple(_point(kpi, row) for row in rows))


def _slot(at: datetime, start: datetime, length_s: float) -> datetime:
    return start + timedelta(seconds=(at - start).total_seconds() // length_s * length_s)


def _point(kpi: KPI, row: Measurement) -> HistoryPoint:
    stretch = rollups.stretch_of(row)
    figure = aggregate(kpi.aggregation, [stretch])
    low, high = _span(stretch)
    return HistoryPoint(
        row.at, figure.value, row.count, low, high, row.origin, row.series.subject, figure.reported, row.raw, row.note
    )


def _span(stretch: Stretch) -> tuple[float, float]:
    """Lowest and highest of what was measured: of the samples where they are known."""
    if stretch.histogram is None or not stretch.histogram.count:
        return stretch.low, stretch.high
    return stretch.histogram.percentile(0), stretch.histogram.percentile(100)


def _combined(kpi: KPI, rows: Sequence[tuple[datetime, object, Stretch]]) -> list[HistoryPoint]:
    """One point a bucket: each series' stretches aggregated, then the series combined as the KPI says."""
    buckets: dict[datetime, dict[object, list[Stretch]]] = {}
    for at, series, stretch in rows:
        buckets.setdefault(at, {}).setdefault(series, []).append(stretch)
    found = []
    for at, by_series in sorted(buckets.items()):
        figures = [_figure(kpi, series, at, stretches) for series, stretches in by_series.items()]
        combined = combine(
            figures,
            across=kpi.across,
            aggregation=kpi.aggregation,
            lower_is_better=kpi.direction == Direction.LOWER,
            named=kpi.across_subject,
        )
        if combined is None:
            continue
        spans = [_span(stretch) for stretches in by_series.values() for stretch in stretches]
        low, high = min(low for low, _ in spans), max(high for _, high in spans)
        value, count, stands = combined
        found.append(HistoryPoint(at, value, count, low, high, subject=stands.subject, reported=stands.reported))
    return found


def _figure(kpi: KPI, series: object, at: datetime, stretches: Sequence[Stretch]) -> SeriesFigure:
    figure = aggregate(kpi.aggregation, stretches)
    histogram = figure.histogram if kpi.aggregation in PERCENTILES else None
    return SeriesFigure(
        getattr(series, "subject", ""), getattr(series, "environment", ""), at, figure.value, figure.count,
        histogram=histogram, reported=figure.reported,
    )  # fmt: skip
