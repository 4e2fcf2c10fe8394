"""What a KPI is now: one series' measurements become a figure, and several series' figures become one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from kpis.stats.histogram import Histogram

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0}


class Stretch(msgspec.Struct, frozen=True):
    """One measurement, or the sum of many (a rollup): figures in the KPI's unit; `total` is Σ value × count."""

    at: datetime
    points: int
    count: int
    total: float
    plain_total: float
    low: float
    high: float
    last: float
    histogram: Histogram | None = None
    reported: bool = False


class Figure(msgspec.Struct, frozen=True):
    """The aggregate of a window. `reported`: a percentile that the source gave ready-made, so never merged as if exact."""

    value: float
    count: int
    histogram: Histogram | None
    reported: bool


class SeriesFigure(msgspec.Struct, frozen=True, gc=False):
    """What one series says now. `by_ci` marks a series whose newest value came from a CI result."""

    subject: str
    environment: str
    at: datetime
    value: float
    count: int
    origin: str = ""
    histogram: Histogram | None = None
    reported: bool = False

    @property
    def by_ci(self) -> bool:
        return self.origin.startswith("result:")


def one(value: float, count: int, at: datetime, histogram: Histogram | None = None, reported: bool = False) -> Stretch:
    """A single measurement as a stretch."""
    return Stretch(at, 1, count, value * count, value, value, value, value, histogram, reported)


def aggregate(aggregation: str, stretches: Sequence[Stretch]) -> Figure:
    """Aggregate stretches in time order. Raises ValueError when there are none.

    A mean is weighted by count. A percentile is read from the merged histograms; single values without one are samples
    themselves, and where the source gave percentiles ready-made the newest of them stands alone.
    """
    if not stretches:
        raise ValueError("nothing to aggregate")
    newest = stretches[-1]
    count = sum(stretch.count for stretch in stretches)
    if aggregation in PERCENTILES:
        return _percentile(PERCENTILES[aggregation], stretches, count)
    histograms = [stretch.histogram for stretch in stretches if stretch.histogram is not None]
    merged = Histogram.merge(histograms) if histograms else None
    if aggregation == "mean":
        value = sum(s.total for s in stretches) / count if count else sum(s.plain_total for s in stretches) / len(stretches)
    elif aggregation == "sum":
        value = sum(stretch.plain_total for stretch in stretches)
    elif aggregation == "min":
        value = min(stretch.low for stretch in stretches)
    elif aggregation == "max":
        value = max(stretch.high for stretch in stretches)
    else:
        value = newest.last
    return Figure(value, newest.count if aggregation == "last" else count, merged, newest.reported)


def _percentile(percent: float, stretches: Sequence[Stretch], count: int) -> Figure:
    newest = stretches[-1]
    if newest.reported and newest.histogram is None:
        return Figure(newest.last, newest.count, None, True)
    merged = of_samples(stretches)
    value = merged.percentile(percent)
    if merged.count == count == sum(s.points for s in stretches):
        # Every measurement is one sample, so its lowest and highest are exact: a lone 400 is told as 400, not as its bucket.
        value = min(max(value, min(s.low for s in stretches)), max(s.high for s in stretches))
    return Figure(value, merged.count, merged, newest.reported)


def exact(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Those whose samples are known.

    A rollup of both kinds is marked, and says what its samples say: its newest figure may be the mean of a run.
    """
    return [s for s in stretches if s.histogram is not None or not s.reported]


def of_samples(stretches: Iterable[Stretch]) -> Histogram:
    """The histogram of all samples that are known; a bare value is a sample itself."""
    known = exact(stretches)
    parts = [s.histogram for s in known if s.histogram is not None]
    if singles := [s.last for s in known if s.histogram is None]:
        parts.append(Histogram.from_values(singles))
    return Histogram.merge(parts)


def counted(figures: Sequence[SeriesFigure], *, across: str, named: str = "") -> list[SeriesFigure]:
    """The series that decide: what CI sent counts only while nothing measures the KPI continuously.

    Between two pushes a CI result is hours old by nature; it must not make a KPI stale that a probe measures every minute.
    Where one series is named, the others are no part of the figure, so neither are their age and kind.
    """
    if across == "named":
        figures = [figure for figure in figures if figure.subject == named]
    live = [figure for figure in figures if not figure.by_ci]
    return live or list(figures)


def _combined(figures: Sequence[SeriesFigure], across: str, aggregation: str, count: int) -> float:
    """Figures that are no percentiles: `merged` is what the aggregation over all measurements would give."""
    values = [figure.value for figure in figures]
    if across == "sum" or (across == "merged" and aggregation == "sum"):
        return sum(values)
    if across == "mean":
        return sum(values) / len(values)
    if aggregation == "mean":
        return sum(figure.value * figure.count for figure in figures) / count if count else sum(values) / len(values)
    if aggregation in ("min", "max"):
        return min(values) if aggregation == "min" else max(values)
    return max(figures, key=lambda figure: figure.at).value


class Combined(NamedTuple):
    """The figure of the series that count. `stands` is the worst of them; `alone` says that the figure is its own."""

    value: float
    samples: int
    stands: SeriesFigure
    alone: bool


def combine(
    figures: Sequence[SeriesFigure], *, across: str, aggregation: str, lower_is_better: bool, named: str = ""
) -> Combined | None:
    """One figure out of the counted series; None where none counts.

    Means of percentiles do not exist: such a KPI falls back to its worst series (and cannot be saved that way).
    """
    if across == "named":
        figures = [figure for figure in figures if figure.subject == named]
    if not figures:
        return None
    worst = (max if lower_is_better else min)(figures, key=lambda figure: figure.value)
    if len(figures) == 1:
        return Combined(worst.value, worst.count, worst, True)
    count = sum(figure.count for figure in figures)
    percent = PERCENTILES.get(aggregation)
    if across == "merged" and percent is not None and all(figure.histogram is not None for figure in figures):
        merged = Histogram.merge([figure.histogram for figure in figures if figure.histogram is not None])
        return Combined(merged.percentile(percent), merged.count, worst, False)
    if percent is None and across in ("merged", "mean", "sum"):
        return Combined(_combined(figures, across, aggregation, count), count, worst, False)
    return Combined(worst.value, worst.count, worst, True)
