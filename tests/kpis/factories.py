"""Real rows for tests of KPIs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from kpis.models import KPI, Decision, Scorecard, Target
from kpis.points import Point
from kpis.recording import Receipt, record
from kpis.stats.histogram import Histogram

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
_numbers = count(1)


def make_scorecard(slug: str = "", **fields: Any) -> Scorecard:
    slug = slug or f"scorecard-{next(_numbers):05d}"
    return Scorecard.objects.create(slug=slug, name=fields.pop("name", slug), **fields)


def make_kpi(key: str = "", *, scorecard: Scorecard | None = None, **fields: Any) -> KPI:
    key = key or f"kpi-{next(_numbers):05d}"
    defaults = {"name": key, "unit": "ms", "direction": "lower", "aggregation": "mean", "window_s": 3600, "freshness_s": 3600}
    return KPI.objects.create(scorecard=scorecard or make_scorecard(), key=key, **(defaults | fields))


def make_target(kpi: KPI, comparator: str = "<", value: float = 500, **fields: Any) -> Target:
    defaults = {"number": kpi.targets.count() + 1, "decision": Decision.APPROVED, "effective_from": NOW - timedelta(days=60)}
    return Target.objects.create(kpi=kpi, comparator=comparator, value=value, **(defaults | fields))


def record_values(
    kpi: KPI, values: Sequence[float], *, until: datetime = NOW, step_s: float = 60, subject: str = "orders", **fields: Any
) -> Receipt:
    """Store values at even steps, the last one at `until`."""
    first = until - timedelta(seconds=step_s * (len(values) - 1))
    points = [
        Point(kpi=kpi, subject=subject, at=first + timedelta(seconds=step_s * i), value=value, origin=f"test:{i}", **fields)
        for i, value in enumerate(values)
    ]
    return record(points, now=max(until, NOW))


def latency_point(kpi: KPI, samples: Sequence[float], at: datetime, *, subject: str = "orders", origin: str = "run:1") -> Point:
    histogram = Histogram.from_values(samples)
    return Point(kpi=kpi, subject=subject, at=at, value=histogram.mean(), count=len(samples), histogram=histogram, origin=origin)
