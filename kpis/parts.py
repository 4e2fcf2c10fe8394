"""SQLite, where a writer keeps all others waiting: which points of a batch are stored in one transaction."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from datetime import datetime

from kpis import rollups
from kpis.actual import PERCENTILES
from kpis.points import Point

MOST_US = 32_000
"""What a transaction may cost by the figures below: it shall last no longer than 50 ms."""

POINT_US, BUCKET_US = 18, 2.5
KPI_US, SERIES_US, HOUR_US = 130, 110, 40
PERCENTILE_SERIES_US, PERCENTILE_HOUR_US = 210, 90
"""About what each point costs, each bucket of its histogram, and what is new in its part: taken on a machine of two cores from
batches that differ in one of these alone. What a window holds already is not known here: one full of large histograms takes
longer."""


def parts(points: Sequence[Point]) -> list[Sequence[Point]]:
    """The points in their order, cut where the transaction that stores them would last too long. A part has at least one."""
    cuts = [*_cuts(points), len(points)]
    return [points[start:end] for start, end in zip([0, *cuts], cuts, strict=False)]


def _cuts(points: Sequence[Point]) -> Iterator[int]:
    seen: set[Hashable] = set()
    hours: dict[datetime, datetime] = {}
    cost = 0.0
    for index, point in enumerate(points):
        hour = hours.get(point.at) or hours.setdefault(point.at, rollups.bucket(point.at, "hour"))
        more = _cost(point, hour, seen)
        if index and cost + more > MOST_US:
            yield index
            seen.clear()
            cost, more = 0.0, _cost(point, hour, seen)
        cost += more


def _cost(point: Point, hour: datetime, seen: set[Hashable]) -> float:
    """Of storing a point in µs, in a transaction that knows what was `seen` already, where it is noted."""
    kpi, cost = point.kpi, POINT_US + (0.0 if point.histogram is None else BUCKET_US * point.histogram.size)
    series = (kpi.pk, point.subject, point.environment)
    if (series, hour) in seen:
        return cost
    exact = kpi.aggregation in PERCENTILES
    seen.add((series, hour))
    cost += PERCENTILE_HOUR_US if exact else HOUR_US
    if series not in seen:
        seen.add(series)
        cost += PERCENTILE_SERIES_US if exact else SERIES_US
    if kpi.pk not in seen:
        seen.add(kpi.pk)
        cost += KPI_US
    return cost
