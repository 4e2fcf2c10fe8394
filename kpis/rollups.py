"""Hourly and daily rollups: sums, extremes and merged histograms, exact in whatever order measurements arrive."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter, mul
from typing import Any, NamedTuple

from django.db import connection, transaction

from kpis import storing
from kpis.actual import PERCENTILES, Stretch, one
from kpis.models import Measurement, Rollup, Series
from kpis.stats.histogram import Histogram
from kpis.storing import Write

DAY = timedelta(days=1)
SPANS = {"hour": timedelta(hours=1), "day": DAY}
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


class Part(NamedTuple):
    """The sums of one bucket, and its histogram while more may come to it: what is read of that is read at last.

    `percent` says which percentile is that of the series; there a bare value is a sample.
    """

    sums: Sums
    histogram: Histogram | None
    percent: float | None

    def whole(self, stored: bytes | None = None) -> Sums:
        """With what is read of its histogram, that of the bucket which is `stored` included."""
        if self.histogram is None:
            return self.sums
        merged = self.histogram if stored is None else Histogram.merge([Histogram.from_bytes(stored), self.histogram])
        return Sums._make(self.sums[:SUMMED] + Read.of(merged, self.percent))


_at, _value = attrgetter("at"), attrgetter("value")
ROW_NAMES = ["series", "at", "origin", "value", "count", "histogram", "reported", "raw", "note", "recorded_at"]
UNIQUE = ["series", "resolution", "at"]
FIELDS = ["points", "count", "total", "plain_total", "low", "high", "last", "last_at", "reported", *Read._fields]
"""The fields of models that the tuples above stand for, in their order."""


def summed(rows: Iterable[Row], sampled: Mapping[int, float]) -> list[Sums]:
    """Measurements by hour and by day. `sampled` says which percentile is that of a series; there a bare value is a sample."""
    return [part.whole() for part in parts(by_series(rows), sampled)]


def by_series(rows: Iterable[Row]) -> dict[int, list[Row]]:
    """Measurements by the id of their series."""
    groups: dict[int, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.series_id, []).append(row)
    return groups


def parts(groups: Mapping[int, Sequence[Row]], sampled: Mapping[int, float]) -> list[Part]:
    """The sums of measurements by series, to whose histograms what is stored may come; first the hours, then the days."""
    days: dict[tuple[int, datetime], list[Part]] = {}
    result = []
    for series_id, group in groups.items():
        for at, rows_of_hour in _hours(group):
            hour = _hour(rows_of_hour, at, sampled.get(series_id))
            result.append(hour)
            days.setdefault((series_id, at.replace(hour=0)), []).append(hour)
    return result + [_day(at, hours) for (_, at), hours in days.items()]


def _hours(rows: Sequence[Row]) -> Iterator[tuple[datetime, list[Row]]]:
    """The rows of one series by hour, both in the order of time."""
    ordered, first = sorted(rows, key=_at), 0
    while first < len(ordered):
        start = bucket(ordered[first].at, "hour")
        end = bisect_left(ordered, start + SPANS["hour"], first, key=_at)
        yield start, ordered[first:end]
        first = end


def _hour(rows: Sequence[Row], at: datetime, percent: float | None) -> Part:
    if len(rows) == 1:  # as nearly always where a probe measures
        return _alone(rows[0], at, percent)
    values, samples = [row.value for row in rows], [row.samples for row in rows]
    last = bisect_left(rows, rows[-1].at, key=_at)
    newest = max(rows[last:], key=_value)  # of the same moment the highest: one rule for any order of arrival
    histograms = [Histogram.from_bytes(row.histogram) for row in rows if row.histogram is not None]
    if percent is not None:
        histograms.append(Histogram.from_values([row.value for row in rows if row.histogram is None and not row.reported]))
    sums = Sums(
        newest.series_id, "hour", at, len(rows), sum(samples), sum(map(mul, values, samples)), sum(values), min(values),
        max(values), newest.value, newest.at, any(row.reported for row in rows),
    )  # fmt: skip
    return Part(sums, _merged(histograms), percent)


def _alone(row: Row, at: datetime, percent: float | None) -> Part:
    """The same of one measurement."""
    value = row.value
    sums = Sums(
        row.series_id, "hour", at, 1, row.samples, value * row.samples, value, value, value, value, row.at, row.reported
    )  # fmt: skip
    if row.histogram is not None:
        samples = Histogram.from_bytes(row.histogram)
    else:
        samples = Histogram.from_values([value] if percent is not None and not row.reported else [])
    return Part(sums, samples if samples.count else None, percent)


def _day(at: datetime, of_hours: Sequence[Part]) -> Part:
    hours = [part.sums for part in of_hours]
    if len(hours) == 1:
        return Part(Sums._make((hours[0].series_id, "day", at, *hours[0][3:])), of_hours[0].histogram, of_hours[0].percent)
    newest = max(hours, key=lambda sums: (sums.last_at, sums.last))
    sums = Sums(
        newest.series_id, "day", at, sum(one.points for one in hours), sum(one.samples for one in hours),
        sum(one.total for one in hours), sum(one.plain_total for one in hours), min(one.low for one in hours),
        max(one.high for one in hours), newest.last, newest.last_at, any(one.reported for one in hours),
    )  # fmt: skip
    return Part(sums, _merged([part.histogram for part in of_hours if part.histogram is not None]), of_hours[0].percent)


def _merged(histograms: Sequence[Histogram]) -> Histogram | None:
    """Of some that may all be empty: then of nothing."""
    full = [one for one in histograms if one.count]
    return Histogram.merge(full) if full else None


def adding(new: Iterable[Part]) -> Callable[[], Write]:
    """Asks what is in the buckets of new measurements; calling what it returns gives what adds their parts there.

    The caller holds the locks of their KPIs. Sums and extremes are added up by the database; histograms are merged here.
    """
    ordered = sorted(new, key=lambda part: part.sums[:3])
    spans = [
        storing.Span(part.sums.series_id, part.sums.at - MOMENT, part.sums.at, part.sums.resolution)
        for part in ordered
        if part.histogram is not None
    ]
    stored = storing.ask_within(Rollup, "m.resolution, m.at, m.histogram", spans)

    def merged() -> Write:
        known = {(pk, name, storing.moment(at)): bytes(data) for pk, name, at, data in stored() if data is not None}
        sums = [part.whole(known.get(part.sums[:3])) for part in ordered]
        return storing.upserting(Rollup, UNIQUE + FIELDS, sums, unique=UNIQUE, changes=_added())

    return merged


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


def sampled(series: Series) -> dict[int, float]:
    """Which percentile is that of a series, as `parts` and `summed` take it."""
    percent = PERCENTILES.get(series.kpi.aggregation)
    return {} if percent is None else {series.pk: percent}


def pruned(days: Collection[tuple[int, datetime]]) -> set[tuple[int, datetime]]:
    """Of days of series, those whose measurements are not all there any more: their rollup counts more than there are."""
    spans = [storing.Span(pk, day - MOMENT, day) for pk, day in days]
    rolled = storing.within(Rollup, "m.at, m.points", [span._replace(resolution="day") for span in spans])
    if not rolled:
        return set()
    wide = [span._replace(after=span.until - MOMENT, until=span.until + DAY - MOMENT) for span in spans]
    found = storing.within(Measurement, "MIN(m.at), COUNT(*)", wide, grouped=True)
    there = {(pk, bucket(storing.moment(first), "day")): points for pk, first, points in found}
    return {day for pk, at, points in rolled if points > there.get(day := (pk, storing.moment(at)), 0)}


def rebuild(series: Series, *, since: datetime | None = None, until: datetime | None = None) -> int:
    """Make the rollups of one series anew from its raw measurements; from the day of `since` on and before `until`, where given.

    Buckets whose raw measurements were pruned away are kept. Returns how many rollups were written. The caller holds the lock
    of its KPI.
    """
    start = bucket(since, "day") if since else None
    with transaction.atomic():
        written = 0
        for day in _by_day(series, start, until):
            sums = summed(day, sampled(series))
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
        for fresh in summed(day, sampled(series)):
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


def _by_day(series: Series, start: datetime | None, end: datetime | None = None) -> Iterator[list[Row]]:
    """Raw measurements, one UTC day at a time, so that memory stays bounded."""
    rows = series.measurements.order_by("at")
    if start is not None:
        rows = rows.filter(at__gte=start)
    if end is not None:
        rows = rows.filter(at__lt=end)
    day: list[Row] = []
    for row in map(Row._make, rows.values_list(*ROW_NAMES).iterator(chunk_size=2000)):
        if day and bucket(day[0].at, "day") != bucket(row.at, "day"):
            yield day
            day = []
        day.append(row)
    if day:
        yield day
