"""Hourly and daily rollups: sums, extremes and merged histograms, exact in whatever order measurements arrive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from kpis.actual import Stretch, one
from kpis.models import Measurement, Rollup, Series
from kpis.stats.histogram import Histogram

SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
Key = tuple[int, str, datetime]


def bucket(at: datetime, resolution: str) -> datetime:
    """Start of the UTC hour or day that holds `at`."""
    start = at.replace(minute=0, second=0, microsecond=0)
    return start if resolution == "hour" else start.replace(hour=0)


def stretch_of(measurement: Measurement) -> Stretch:
    histogram = Histogram.from_bytes(measurement.histogram) if measurement.histogram else None
    return one(measurement.value, measurement.count, measurement.at, histogram, measurement.reported)


def stretch_of_rollup(rollup: Rollup) -> Stretch:
    return Stretch(
        rollup.at,
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


def summed(series_id: int, resolution: str, at: datetime, measurements: Sequence[Measurement]) -> Rollup:
    """The rollup of one bucket's measurements (at least one, all of that series and bucket)."""
    newest = max(measurements, key=lambda m: (m.at, m.value))  # of the same moment: one rule for any order of arrival
    stretches = [stretch_of(measurement) for measurement in measurements]
    histograms = [stretch.histogram for stretch in stretches if stretch.histogram is not None]
    return Rollup(
        series_id=series_id,
        resolution=resolution,
        at=at,
        points=len(stretches),
        count=sum(stretch.count for stretch in stretches),
        total=sum(stretch.total for stretch in stretches),
        plain_total=sum(stretch.plain_total for stretch in stretches),
        low=min(stretch.low for stretch in stretches),
        high=max(stretch.high for stretch in stretches),
        last=newest.value,
        last_at=newest.at,
        reported=any(measurement.reported for measurement in measurements),
        histogram=Histogram.merge(histograms).to_bytes() if histograms else None,
    )


def merged(old: Rollup, new: Rollup) -> Rollup:
    """Both parts of one bucket as one."""
    histograms = [Histogram.from_bytes(part.histogram) for part in (old, new) if part.histogram]
    later = max(old, new, key=lambda part: (part.last_at, part.last))
    return Rollup(
        series_id=old.series_id,
        resolution=old.resolution,
        at=old.at,
        points=old.points + new.points,
        count=old.count + new.count,
        total=old.total + new.total,
        plain_total=old.plain_total + new.plain_total,
        low=min(old.low, new.low),
        high=max(old.high, new.high),
        last=later.last,
        last_at=later.last_at,
        reported=old.reported or new.reported,
        histogram=Histogram.merge(histograms).to_bytes() if histograms else None,
    )


FIELDS = ["points", "count", "total", "plain_total", "low", "high", "last", "last_at", "reported", "histogram"]


def add(measurements: Iterable[Measurement]) -> None:
    """Add new measurements to their buckets. The caller holds the locks of their series."""
    parts = {key: summed(*key, group) for key, group in _grouped(measurements).items()}
    if not parts:
        return
    wanted = Rollup.objects.filter(
        series_id__in={key[0] for key in parts},
        resolution__in=list(SPANS),
        at__gte=min(key[2] for key in parts),
        at__lte=max(key[2] for key in parts),
    )
    for old in wanted:
        key = (old.series_id, old.resolution, old.at)
        if key in parts:
            parts[key] = merged(old, parts[key])
    _save(parts.values())


def _save(rollups: Iterable[Rollup]) -> None:
    Rollup.objects.bulk_create(
        rollups, batch_size=500, update_conflicts=True, unique_fields=["series", "resolution", "at"], update_fields=FIELDS
    )


def _grouped(measurements: Iterable[Measurement]) -> dict[Key, list[Measurement]]:
    groups: dict[Key, list[Measurement]] = {}
    for measurement in measurements:
        for resolution in SPANS:
            key = (measurement.series_id, resolution, bucket(measurement.at, resolution))
            groups.setdefault(key, []).append(measurement)
    return groups


def rebuild(series: Series, *, since: datetime | None = None) -> int:
    """Make the rollups of one series anew from its raw measurements; from the day of `since` on, where given.

    Buckets whose raw measurements were pruned away are kept. Returns how many rollups were written.
    """
    start = bucket(since, "day") if since else None
    with transaction.atomic():
        Series.objects.select_for_update().get(pk=series.pk)
        written = 0
        for day in _by_day(series, start):
            groups = _grouped(day)
            _save([summed(*key, group) for key, group in groups.items()])
            written += len(groups)
    return written


def differences(series: Series, *, since: datetime | None = None) -> list[str]:
    """What the stored rollups of one series say otherwise than its raw measurements, in words; from a day on."""
    found = []
    start = bucket(since, "day") if since else None
    rows = Rollup.objects.filter(series=series)
    stored = {(rollup.resolution, rollup.at): rollup for rollup in (rows.filter(at__gte=start) if start else rows)}
    for day in _by_day(series, start):
        for (_, resolution, at), group in _grouped(day).items():
            rollup, fresh = stored.pop((resolution, at), None), summed(series.pk, resolution, at, group)
            if rollup is None:
                found.append(f"{resolution} {at:%Y-%m-%d %H:%M}: missing")
            elif wrong := [name for name in FIELDS if not _same(name, rollup, fresh)]:
                found.append(f"{resolution} {at:%Y-%m-%d %H:%M}: {', '.join(wrong)} differ")
    if start is not None:  # further back, raw measurements may have been pruned away
        found += [f"{resolution} {at:%Y-%m-%d %H:%M}: nothing was measured" for resolution, at in stored]
    return found


def _same(name: str, one_rollup: Rollup, other: Rollup) -> bool:
    mine, theirs = getattr(one_rollup, name), getattr(other, name)
    if name == "histogram":
        return (bytes(mine) if mine else None) == (bytes(theirs) if theirs else None)
    if name in ("total", "plain_total"):  # sums of floats depend on their order
        return bool(abs(mine - theirs) <= 1e-9 * max(1.0, abs(mine), abs(theirs)))
    return bool(mine == theirs)


def _by_day(series: Series, start: datetime | None) -> Iterator[list[Measurement]]:
    """Raw measurements, one UTC day at a time, so that memory stays bounded."""
    rows = series.measurements.order_by("at")
    if start is not None:
        rows = rows.filter(at__gte=start)
    day: list[Measurement] = []
    for measurement in rows.iterator(chunk_size=2000):
        if day and bucket(day[0].at, "day") != bucket(measurement.at, "day"):
            yield day
            day = []
        day.append(measurement)
    if day:
        yield day
