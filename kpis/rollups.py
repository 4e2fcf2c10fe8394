"""Hourly and daily rollups: sums, extremes and merged histograms, exact in whatever order measurements arrive."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter, itemgetter, mul
from typing import Any, NamedTuple

from django.db import connection, transaction

from kpis import storing
from kpis.actual import PERCENTILES, Stretch, one
from kpis.models import Measurement, Rollup, Series
from kpis.stats.histogram import Histogram
from kpis.storing import Write

SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
MOMENT = timedelta(microseconds=1)
"""The smallest step between two times."""


def bucket(at: datetime, resolution: str) -> datetime:
    """Start of the UTC hour or day that holds `at`."""
    start = at.replace(minute=0, second=0, microsecond=0)
    return start if resolution == "hour" else start.replace(hour=0)


def stretch_of(measurement: Measurement) -> Stretch:
    histogram = Histogram.from_bytes(measurement.histogram) if measurement.histogram else None
    return one(measurement.value, measurement.count, measurement.at, histogram, measurement.reported)


def stretch_of_rollup(rollup: Rollup) -> Stretch:
    """A rollup as a stretch, as of its newest measurement."""
    return Stretch(
        rollup.last_at,
        rollup.points,
        rollup.count,
        rollup.total,
        rollup.plain_total,
        rollup.low,
        rollup.high,
        rollup.last,
        Histogram.from_bytes(rollup.histogram) if rollup.histogram else None,
        rollup.reported,
    )


class Row(NamedTuple):
    """One measurement as its table keeps it."""

    series_id: int
    at: datetime
    origin: str
    value: float
    samples: int
    histogram: bytes | None
    reported: bool
    raw: float | None
    note: str
    recorded_at: datetime


class Sums(NamedTuple):
    """The measurements of one bucket, as the table of rollups keeps them."""

    series_id: int
    resolution: str
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
    histogram: bytes | None = None
    percentile: float | None = None
    sample_low: float | None = None
    sample_high: float | None = None
    sample_count: int | None = None


class Read(NamedTuple):
    """A histogram as it is kept, beside what is read of it most: the percentile of its KPI, ends and number of its samples."""

    histogram: bytes | None = None
    percentile: float | None = None
    sample_low: float | None = None
    sample_high: float | None = None
    sample_count: int | None = None

    @classmethod
    def of(cls, histogram: Histogram, percent: float | None) -> Read:
        percentile = None if percent is None else histogram.percentile(percent)
        return cls(histogram.to_bytes(), percentile, *histogram.ends, histogram.count)


SUMMED = len(Sums._fields) - len(Read._fields)
"""So many fields of sums come before those that are read of a histogram."""


class _Part(NamedTuple):
    """The sums of one bucket, and its histogram while more may come to it: what is read of that is read at last."""

    sums: Sums
    histogram: Histogram | None

    def with_stored(self, histogram: bytes | None) -> _Part:
        if self.histogram is None or histogram is None:
            return self
        return _Part(self.sums, Histogram.merge([Histogram.from_bytes(histogram), self.histogram]))

    def whole(self, sampled: Mapping[int, float]) -> Sums:
        if self.histogram is None:
            return self.sums
        return Sums._make((*self.sums[:SUMMED], *Read.of(self.histogram, sampled.get(self.sums.series_id))))


_at, _value = attrgetter("at"), attrgetter("value")
ROW_NAMES = ["series", "at", "origin", "value", "count", "histogram", "reported", "raw", "note", "recorded_at"]
UNIQUE = ["series", "resolution", "at"]
FIELDS = ["points", "count", "total", "plain_total", "low", "high", "last", "last_at", "reported", *Read._fields]
"""The fields of models that the tuples above stand for, in their order."""


def summed(rows: Iterable[Row], *, sampled: Mapping[int, float]) -> list[Sums]:
    """Measurements by hour and by day. `sampled` says which percentile is that of a series; there a bare value is a sample."""
    return [part.whole(sampled) for part in _parts(rows, sampled)]


def _parts(rows: Iterable[Row], sampled: Mapping[int, float]) -> list[_Part]:
    series: dict[int, list[Row]] = {}
    for row in rows:
        series.setdefault(row.series_id, []).append(row)
    days: dict[tuple[int, datetime], list[_Part]] = {}
    result = []
    for series_id, group in series.items():
        for at, rows_of_hour in _hours(group):
            hour = _hour(rows_of_hour, at, are_samples=series_id in sampled)
            result.append(hour)
            days.setdefault((series_id, at.replace(hour=0)), []).append(hour)
    return result + [_day(at, hours) for (_, at), hours in days.items()]


def _hours(rows: Iterable[Row]) -> Iterator[tuple[datetime, list[Row]]]:
    """The rows of one series by hour, both in the order of time."""
    ordered, first = sorted(rows, key=_at), 0
    while first < len(ordered):
        start = bucket(ordered[first].at, "hour")
        end = bisect_left(ordered, start + SPANS["hour"], first, key=_at)
        yield start, ordered[first:end]
        first = end


def _hour(rows: Sequence[Row], at: datetime, *, are_samples: bool) -> _Part:
    values, samples = [row.value for row in rows], [row.samples for row in rows]
    last = bisect_left(rows, rows[-1].at, key=_at)
    newest = max(rows[last:], key=_value)  # of the same moment the highest: one rule for any order of arrival
    parts = [Histogram.from_bytes(row.histogram) for row in rows if row.histogram is not None]
    if are_samples:
        parts.append(Histogram.from_values([row.value for row in rows if row.histogram is None and not row.reported]))
    sums = Sums(
        newest.series_id, "hour", at, len(rows), sum(samples), sum(map(mul, values, samples)), sum(values), min(values),
        max(values), newest.value, newest.at, any(row.reported for row in rows),
    )  # fmt: skip
    return _Part(sums, _merged(parts))


def _day(at: datetime, parts: Sequence[_Part]) -> _Part:
    hours = [sums for sums, _ in parts]
    if len(hours) == 1:
        return _Part(hours[0]._replace(resolution="day", at=at), parts[0].histogram)
    newest = max(hours, key=lambda sums: (sums.last_at, sums.last))
    sums = Sums(
        newest.series_id, "day", at, sum(one.points for one in hours), sum(one.samples for one in hours),
        sum(one.total for one in hours), sum(one.plain_total for one in hours), min(one.low for one in hours),
        max(one.high for one in hours), newest.last, newest.last_at, any(one.reported for one in hours),
    )  # fmt: skip
    return _Part(sums, _merged([histogram for _, histogram in parts if histogram is not None]))


def _merged(histograms: Sequence[Histogram]) -> Histogram | None:
    """Of some that may all be empty: then of nothing."""
    full = [one for one in histograms if one.count]
    return Histogram.merge(full) if full else None


def adding(rows: Iterable[Row], *, sampled: Mapping[int, float]) -> Write:
    """What adds new measurements to their buckets. The caller holds the locks of their KPIs.

    Sums and extremes are added up by the database; histograms are merged here.
    """
    parts = _parts(rows, sampled)
    known = _histograms([sums for sums, histogram in parts if histogram is not None])
    merged = sorted((part.with_stored(known.get(part.sums[:3])).whole(sampled) for part in parts), key=itemgetter(0, 1, 2))
    return storing.upserting(Rollup, UNIQUE + FIELDS, merged, unique=UNIQUE, changes=_added())


def _histograms(parts: Sequence[Sums]) -> dict[tuple[int, str, datetime], bytes]:
    """The stored histograms of the buckets of some parts."""
    spans = [storing.Span(part.series_id, part.at - MOMENT, part.at, part.resolution) for part in parts]
    rows = storing.within(Rollup, "m.resolution, m.at, m.histogram", spans)
    return {(pk, resolution, storing.moment(at)): bytes(data) for pk, resolution, at, data in rows if data is not None}


def _added() -> dict[str, str]:
    """How a new part changes the bucket that is there, in SQL."""
    low, high = ("LEAST", "GREATEST") if connection.vendor == "postgresql" else ("MIN", "MAX")
    later = "(excluded.last_at, excluded.last) > (old.last_at, old.last)"
    return {
        **{name: f"old.{name} + excluded.{name}" for name in ("points", "count", "total", "plain_total")},
        "low": f"{low}(old.low, excluded.low)",
        "high": f"{high}(old.high, excluded.high)",
        **{name: f"CASE WHEN {later} THEN excluded.{name} ELSE old.{name} END" for name in ("last", "last_at")},
        "reported": "old.reported OR excluded.reported",
        **{name: f"COALESCE(excluded.{name}, old.{name})" for name in Read._fields},
    }


def _sampled(series: Series) -> dict[int, float]:
    percent = PERCENTILES.get(series.kpi.aggregation)
    return {} if percent is None else {series.pk: percent}


def rebuild(series: Series, *, since: datetime | None = None) -> int:
    """Make the rollups of one series anew from its raw measurements; from the day of `since` on, where given.

    Buckets whose raw measurements were pruned away are kept. Returns how many rollups were written. The caller holds the lock
    of its KPI.
    """
    start = bucket(since, "day") if since else None
    with transaction.atomic():
        written = 0
        for day in _by_day(series, start):
            sums = summed(day, sampled=_sampled(series))
            anew = {name: f"excluded.{name}" for name in FIELDS}
            storing.write(storing.upserting(Rollup, UNIQUE + FIELDS, sums, unique=UNIQUE, changes=anew))
            written += len(sums)
    return written


def differences(series: Series, *, since: datetime | None = None) -> list[str]:
    """What the stored rollups of one series say otherwise than its raw measurements, in words; from a day on."""
    found = []
    start = bucket(since, "day") if since else None
    rows = Rollup.objects.filter(series=series)
    stored = {(rollup.resolution, rollup.at): rollup for rollup in (rows.filter(at__gte=start) if start else rows)}
    for day in _by_day(series, start):
        for fresh in summed(day, sampled=_sampled(series)):
            rollup, name = stored.pop((fresh.resolution, fresh.at), None), f"{fresh.resolution} {fresh.at:%Y-%m-%d %H:%M}"
            if rollup is None:
                found.append(f"{name}: missing")
            elif wrong := [
                field for field, value in zip(FIELDS, fresh[3:], strict=True) if not _same(field, getattr(rollup, field), value)
            ]:
                found.append(f"{name}: {', '.join(wrong)} differ")
    if start is not None:  # further back, raw measurements may have been pruned away
        found += [f"{resolution} {at:%Y-%m-%d %H:%M}: nothing was measured" for resolution, at in stored]
    return found


def _same(name: str, mine: Any, theirs: Any) -> bool:
    if name == "histogram":  # the same samples may be stored in an earlier form
        return (Histogram.from_bytes(mine) if mine else None) == (Histogram.from_bytes(theirs) if theirs else None)
    if name in ("total", "plain_total"):  # sums of floats depend on their order
        return bool(abs(mine - theirs) <= 1e-9 * max(1.0, abs(mine), abs(theirs)))
    return bool(mine == theirs)


def _by_day(series: Series, start: datetime | None) -> Iterator[list[Row]]:
    """Raw measurements, one UTC day at a time, so that memory stays bounded."""
    rows = series.measurements.order_by("at")
    if start is not None:
        rows = rows.filter(at__gte=start)
    day: list[Row] = []
    for row in map(Row._make, rows.values_list(*ROW_NAMES).iterator(chunk_size=2000)):
        if day and bucket(day[0].at, "day") != bucket(row.at, "day"):
            yield day
            day = []
        day.append(row)
    if day:
        yield day
