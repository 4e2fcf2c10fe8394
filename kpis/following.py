"""The way of a KPI's actual since the judge last looked: what *for* and *recover* durations are measured on.

A batch may bring many measurements at once; judging only the newest would miss a breach that began and lasted in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from kpis.actual import SeriesFigure, Stretch, aggregate, combine, counted
from kpis.evaluation import Memory, Point
from kpis.models import KPI, Direction, Measurement, Target
from kpis.rollups import stretch_of

MOST_TIMES = 200
"""Of more measurements than these since the last look, the newest are followed."""

LONGEST_WINDOW = timedelta(hours=6)
"""The actual over a longer window moves so slowly that following it from look to look is enough."""

Rows = dict[tuple[str, str], list[tuple[Stretch, str]]]


def paths(kpis: Iterable[KPI], targets: Mapping[int, Target], memories: Mapping[int, Memory]) -> dict[int, list[Point]]:
    """The actuals since the last look, by KPI id, of those KPIs whose target in force has a *for* or *recover* duration.

    What was measured before that version took effect is no breach of it.
    """
    found = {}
    for kpi in kpis:
        target = targets.get(kpi.pk)
        if target is None or target.alert_threshold is None or not (target.for_s or target.recover_s):
            continue
        if timedelta(seconds=kpi.window_s) <= LONGEST_WINDOW:
            seen = path(kpi, memories.get(kpi.pk))
            found[kpi.pk] = [point for point in seen if target.effective_from is None or point.at >= target.effective_from]
    return found


def path(kpi: KPI, memory: Memory | None) -> list[Point]:
    """The KPI's actual at every measurement since the last look, oldest first."""
    rows = Measurement.objects.filter(series__kpi=kpi, series__enabled=True)
    unseen = rows.filter(at__gte=memory.seen_until) if memory and memory.seen_until else rows
    times = sorted(set(unseen.order_by("-at").values_list("at", flat=True)[:MOST_TIMES]))
    if not times:
        return []
    window = timedelta(seconds=kpi.window_s)
    by_series: Rows = {}
    reach = window + timedelta(seconds=kpi.freshness_s)
    for row in rows.filter(at__gt=times[0] - reach).select_related("series").order_by("at", "pk"):
        by_series.setdefault((row.series.subject, row.series.environment), []).append((stretch_of(row), row.origin))
    return [Point(at, value) for at in times if (value := _actual(kpi, by_series, at, window)) is not None]


def _actual(kpi: KPI, by_series: Rows, at: datetime, window: timedelta) -> float | None:
    figures = []
    for (subject, environment), rows in by_series.items():
        past = [row for row in rows if row[0].at <= at]
        if past:
            figures.append(_figure(kpi, subject, environment, past, window))
    combined = combine(
        counted(figures, across=kpi.across, named=kpi.across_subject),
        across=kpi.across,
        aggregation=kpi.aggregation,
        lower_is_better=kpi.direction == Direction.LOWER,
        named=kpi.across_subject,
    )
    return combined[0] if combined else None


def _figure(kpi: KPI, subject: str, environment: str, past: Sequence[tuple[Stretch, str]], window: timedelta) -> SeriesFigure:
    newest, origin = past[-1]
    figure = aggregate(kpi.aggregation, [stretch for stretch, _ in past if stretch.at > newest.at - window])
    return SeriesFigure(subject, environment, newest.at, figure.value, figure.count, origin, figure.histogram, figure.reported)
