"""The course of a KPI as a table, for spreadsheets. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kpis.buckets import HistoryPoint

COLUMNS = ("at", "value", "low", "high", "samples", "unit", "reported", "subject", "origin")


def table(points: Iterable[HistoryPoint], unit: str) -> Iterator[Sequence[object]]:
    """A line a point, in their order; where nothing was measured there is none. `reported`: a percentile that came ready-made."""
    yield COLUMNS
    for point in points:
        yield (
            point.at.isoformat(), point.value, point.low, point.high, point.count, unit, "yes" if point.reported else "",
            point.subject, point.source,
        )  # fmt: skip
