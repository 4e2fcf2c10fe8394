"""Parameters that several kinds have."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from kpis.readings import Reading
from kpis.units import convert, family

Paths = list[Annotated[str, Meta(pattern=r"^/[^\s#]*$(?#a path that begins with /, without spaces and #)", max_length=300)]]
"""Paths below a service's base address, asked in turn."""

Unit = Literal[
    "ns", "us", "ms", "s", "min", "h", "ratio", "%", "bytes", "kB", "MB", "GB", "KiB", "MiB", "GiB", "bytes/h", "MB/h", "1/s",
    "1/min", "count", "score",
]  # fmt: skip

FIGURES = {
    "duration": "ms", "share": "ratio", "size": "bytes", "growth": "bytes/h", "frequency": "1/s", "amount": "count",
    "score": "score",
}  # fmt: skip
"""What a source of anything reads: one metric for each sort of unit, in its base unit."""

METRIC_OF = {family(unit): metric for metric, unit in FIGURES.items()}


def free_reading(value: float, unit: str, at: datetime, *, count: int = 1, note: str = "") -> Reading:
    """A figure of any source, in the base unit of what it measures."""
    metric = METRIC_OF[family(unit)]
    base = FIGURES[metric]
    return Reading(metric=metric, value=convert(value, unit, base), unit=base, at=at, count=count, note=note)
