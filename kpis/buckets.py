"""What the series of a KPI say bucket by bucket, and the KPI's figure that they make together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import NamedTuple

from django.db.models import QuerySet

from kpis import rollups
from kpis.actual import PERCENTILES, Combined, SeriesFigure, Stretch, aggregate, combine, counted
from kpis.models import KPI, Across, Direction, Rollup, Series
from kpis.stats.histogram import Histogram
from kpis.stats.stack import Stack


@dataclass(frozen=True)
class HistoryPoint:
    """`value` is the KPI's figure in the bucket that starts at `at`; raw, that of one measurement, or of neighbours of several
    series, the newest of them at `at`. `low` and `high` bound what was measured there by the series whose figure it is,
    `subject`, or by all where they are combined. `source`, `note` and the `raw` figure of a reduction are those of a raw
    measurement; percentile KPIs come with their histogram where it was asked for."""

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
class Part:
    """What one series contributes to the bucket at `at`."""

    at: datetime
    series: Series
    origin: str
    stretch: Stretch


class Rolled(NamedTuple):
    """One rollup with what is read of its histogram, and the histogram itself only where it is needed."""

    series_id: int
    at: datetime
    points: int
    samples: int
    total: float
    plain_total: float
    low: float
    high: float
    last: float
    last_at: datetime
    reported: bool
    percentile: float | None
    sample_low: float | None
    sample_high: float | None
    sample_count: int | None
    histogram: bytes | None = None


READ = ["series_id", "at", "points", "count", "total", "plain_total", "low", "high", "last", "last_at", "reported"]
READ += rollups.Read._fields[1:]
"""The columns that the tuple above stands for, in its order, but for the histogram."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A series as its buckets are told; `origin` is that of its newest measurement."""

    subject: str
    environment: str
    origin: str


def read(rows: QuerySet[Rollup], *, whole: bool) -> list[Rolled]:
    """Rollups in the order of time; with their histograms where they are asked for as a whole."""
    names = [*READ, "histogram"] if whole else READ
    return [Rolled(*row) for row in rows.order_by("at", "series_id").values_list(*names)]


def figure(aggregation: str, row: Rolled) -> float:
    """What `aggregate` says of this rollup alone, read without its histogram."""
    if aggregation in PERCENTILES:
        if row.percentile is None:
            return row.last
        # Every measurement is one sample, so its lowest and highest are exact: a lone 400 is told as 400, not as its bucket.
        exact = row.points == row.samples == row.sample_count
        return min(max(row.percentile, row.low), row.high) if exact else row.percentile
    if aggregation == "mean":
        return row.total / row.samples if row.samples else row.plain_total / row.points
    return {"sum": row.plain_total, "min": row.low, "max": row.high}.get(aggregation, row.last)


@dataclass(frozen=True)
class Bucket:
    """The series that count in one bucket, and the rollup of each."""

    at: datetime
    figures: list[SeriesFigure]
    rows: list[Rolled]

    @property
    def data(self) -> list[bytes]:
        """The histograms of its series: none, where one of them has none."""
        found = [row.histogram for row in self.rows if row.histogram is not None]
        return found if len(found) == len(self.rows) else []


def course(kpi: KPI, rows: Sequence[Rolled], streams: Mapping[int, Stream], *, samples: bool) -> list[HistoryPoint]:
    """One point a bucket, as `combined` makes it of the same rollups: one row a series and bucket, in the order of time.

    Histograms are merged where the KPI is the percentile of them all, in one pass over all buckets. With `samples` the
    points of percentiles keep theirs; then, and for merging, the rows need to have them.
    """
    buckets = list(_buckets(kpi, rows, streams))
    percent = PERCENTILES.get(kpi.aggregation)
    if percent is None or kpi.across != Across.MERGED:
        return [_point(kpi, bucket, samples=samples and percent is not None) for bucket in buckets]
    stack = Stack([bucket.data for bucket in buckets])
    values, counts = stack.percentiles(percent)
    points = []
    for number, bucket in enumerate(buckets):
        merged = bool(bucket.data) and len(bucket.rows) > 1
        point = _point(kpi, bucket, samples=False, merged=merged)
        if merged:
            point = replace(point, value=float(values[number]), count=int(counts[number]))
        points.append(replace(point, histogram=stack.histogram(number)) if bucket.data and samples else point)
    return points


def _buckets(kpi: KPI, rows: Sequence[Rolled], streams: Mapping[int, Stream]) -> Iterator[Bucket]:
    for at, group in groupby(rows, key=attrgetter("at")):
        there = list(group)
        everyone = [_rolled_figure(kpi.aggregation, row, streams[row.series_id]) for row in there]
        figures = counted(everyone, across=kpi.across, named=kpi.across_subject)
        places = {id(one): row for one, row in zip(everyone, there, strict=True)}
        if figures:
            yield Bucket(at, figures, [places[id(one)] for one in figures])


def _rolled_figure(aggregation: str, row: Rolled, stream: Stream) -> SeriesFigure:
    # Of a percentile, ready-made ones beside its samples are none of them.
    count = row.sample_count if row.percentile is not None and row.sample_count is not None else row.samples
    return SeriesFigure(
        stream.subject, stream.environment, row.last_at, figure(aggregation, row), count, stream.origin, None, row.reported
    )


def _point(kpi: KPI, bucket: Bucket, *, samples: bool, merged: bool = False) -> HistoryPoint:
    """`merged`: the caller puts the figure of all histograms in place of the worst one's."""
    value, count, stands, alone = _combine(kpi, bucket.figures)
    alone = alone and not merged
    own = bucket.rows[bucket.figures.index(stands)]
    rows = [own] if alone else bucket.rows
    low = min(row.low if row.sample_low is None else min(row.low, row.sample_low) for row in rows)
    high = max(row.high if row.sample_high is None else max(row.high, row.sample_high) for row in rows)
    data = own.histogram if samples else None
    return HistoryPoint(
        bucket.at, value, count, low, high, subject=stands.subject if alone else "", reported=stands.reported,
        histogram=None if data is None else Histogram.from_bytes(data),
    )  # fmt: skip


def combined(kpi: KPI, parts: Sequence[Part]) -> list[HistoryPoint]:
    """One point a bucket: each series' stretches aggregated, then the series that count combined as the KPI says."""
    buckets: dict[datetime, dict[Series, list[Part]]] = {}
    for part in parts:
        buckets.setdefault(part.at, {}).setdefault(part.series, []).append(part)
    found = []
    for at, by_series in sorted(buckets.items(), key=itemgetter(0)):
        everyone = [series_figure(kpi, of_one) for of_one in by_series.values()]
        figures = counted(everyone, across=kpi.across, named=kpi.across_subject)
        if not figures:
            continue
        value, count, stands, alone = _combine(kpi, figures)
        those = {(one.subject, one.environment) for one in ([stands] if alone else figures)}
        counting = [of_one for one, of_one in by_series.items() if (one.subject, one.environment) in those]
        spans = [span(part.stretch) for of_one in counting for part in of_one]
        merged = _merged(figures) if kpi.across == Across.MERGED else stands.histogram
        low, high = min(low for low, _ in spans), max(high for _, high in spans)
        found.append(
            HistoryPoint(
                at, value, count, low, high, subject=stands.subject if alone else "", reported=stands.reported, histogram=merged
            )
        )
    return found


def _combine(kpi: KPI, figures: Sequence[SeriesFigure]) -> Combined:
    """The figure of the series that count, of which there is at least one."""
    found = combine(
        figures,
        across=kpi.across,
        aggregation=kpi.aggregation,
        lower_is_better=kpi.direction == Direction.LOWER,
        named=kpi.across_subject,
    )
    assert found is not None
    return found


def series_figure(kpi: KPI, parts: Sequence[Part]) -> SeriesFigure:
    """What one series says, as of its newest measurement; what CI sent is told by the newest origin."""
    series, at, told = parts[-1].series, parts[-1].stretch.at, aggregate(kpi.aggregation, [part.stretch for part in parts])
    return SeriesFigure(
        series.subject, series.environment, at, told.value, told.count, parts[-1].origin, kept(kpi, told.histogram),
        told.reported,
    )  # fmt: skip


def kept(kpi: KPI, histogram: Histogram | None) -> Histogram | None:
    return histogram if kpi.aggregation in PERCENTILES else None


def span(stretch: Stretch) -> tuple[float, float]:
    """Lowest and highest of what was measured: of the samples where they are known."""
    if stretch.histogram is None or not stretch.histogram.count:
        return stretch.low, stretch.high
    low, high = stretch.histogram.ends
    return min(stretch.low, low), max(stretch.high, high)


def _merged(figures: Sequence[SeriesFigure]) -> Histogram | None:
    parts = [one.histogram for one in figures if one.histogram is not None]
    return Histogram.merge(parts) if len(parts) == len(figures) else None
