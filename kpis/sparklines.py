"""A coarse line per KPI, for lists of many: a constant number of queries, whatever the history."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Min, QuerySet

from kpis.actual import SeriesFigure, combine, counted
from kpis.models import KPI, Aggregation, Direction, Rollup
from kpis.stats.histogram import Histogram

Sparkline = list[tuple[datetime, float]]


def sparklines(kpi_ids: Iterable[int], *, now: datetime, days: int = 30, resolution: str = "") -> dict[int, Sparkline]:
    """A coarse line per KPI: its series' rollups combined bucket by bucket; hourly in the first two days, then daily.

    `resolution` asks for one of the two, however young the measurements are.
    """
    kpis = {kpi.pk: kpi for kpi in KPI.objects.filter(pk__in=list(kpi_ids))}
    start = now - timedelta(days=days)
    rows = Rollup.objects.filter(series__kpi_id__in=kpis, series__enabled=True, at__gte=start)
    resolution = resolution or _resolution(rows, now)
    buckets: dict[tuple[int, datetime], list[SeriesFigure]] = {}
    needed = (
        rows.filter(resolution=resolution)
        .order_by("at")
        .annotate(kpi_id=F("series__kpi_id"), subject=F("series__subject"), origin=F("series__current__origin"))
    )
    percentiles = [pk for pk, kpi in kpis.items() if kpi.aggregation.startswith("p")]
    for row in needed.defer("histogram").exclude(kpi_id__in=percentiles):
        kpi = kpis[row.kpi_id]
        buckets.setdefault((row.kpi_id, row.at), []).append(_bucket_figure(row, kpi.aggregation))
    for row in needed.filter(kpi_id__in=percentiles):
        kpi = kpis[row.kpi_id]
        buckets.setdefault((row.kpi_id, row.at), []).append(_bucket_figure(row, kpi.aggregation))
    lines: dict[int, Sparkline] = {pk: [] for pk in kpis}
    for (pk, at), figures in sorted(buckets.items(), key=lambda item: item[0][1]):
        kpi = kpis[pk]
        combined = combine(
            counted(figures, across=kpi.across, named=kpi.across_subject),
            across=kpi.across,
            aggregation=kpi.aggregation,
            lower_is_better=kpi.direction == Direction.LOWER,
            named=kpi.across_subject,
        )
        if combined:
            lines[pk].append((at, combined[0]))
    return lines


def _resolution(rows: QuerySet[Rollup], now: datetime) -> str:
    first = rows.filter(resolution="hour").aggregate(first=Min("at"))["first"]
    return "hour" if first and now - first <= timedelta(days=2) else "day"


def _bucket_figure(row: Any, aggregation: str) -> SeriesFigure:
    histogram = None
    if aggregation in (Aggregation.P50, Aggregation.P90, Aggregation.P95, Aggregation.P99):
        histogram = Histogram.from_bytes(row.histogram) if row.histogram else None
        value = histogram.percentile(float(aggregation[1:])) if histogram else row.last
    else:
        mean = row.total / row.count if row.count else row.plain_total / row.points
        value = {"mean": mean, "sum": row.plain_total, "min": row.low, "max": row.high}.get(aggregation, row.last)
    return SeriesFigure(row.subject, "", row.last_at, value, row.count, row.origin or "", histogram)
