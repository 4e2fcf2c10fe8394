"""The only writer of measurements: store, roll up, renew current values, judge; all of it or nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from django.db import transaction

from kpis import rollups
from kpis.actual import Stretch, aggregate
from kpis.models import KPI, PERCENTILES, CurrentValue, Measurement, Rollup, Series
from kpis.readings import Reading
from kpis.reductions import reduction
from kpis.standing import remember
from kpis.stats.histogram import Histogram
from kpis.units import factor

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(seconds=60)
"""How far a sender's clock may run before ours."""

MOST_POINTS = 10_000
MOST_COUNT = 2**63 - 1
LONGEST = {"subject": 80, "environment": 40, "origin": 80, "note": 300}
RAW_WINDOW = timedelta(hours=6)
"""Longer windows are read from hourly rollups, so their start is that of an hour."""

Identity = tuple[int, datetime, str]


@dataclass(frozen=True, kw_only=True)
class Point:
    """One measurement to store, in the KPI's unit. `origin` names what produced it (`run:17`, `result:<uuid>`, …).

    Of a reduction it holds the raw figure, in the unit of its reference; `record` computes the value and keeps both.
    """

    kpi: KPI
    subject: str
    at: datetime
    value: float
    origin: str
    environment: str = ""
    count: int = 1
    histogram: Histogram | None = None
    reported: bool = False
    note: str = ""
    raw: float | None = None


@dataclass(frozen=True)
class Receipt:
    """How many measurements were stored, and how many were there already with the same value."""

    stored: int
    ignored: int


class Rejected(ValueError):
    """Points that cannot be stored: (index, field, what is wrong)."""

    def __init__(self, errors: list[tuple[int, str, str]]) -> None:
        super().__init__("; ".join(f"[{index}].{field}: {detail}" for index, field, detail in errors[:5]))
        self.errors = errors


class Conflict(ValueError):
    """A measurement with the same identity but another value is stored already: the indices of such points."""

    def __init__(self, indices: list[int]) -> None:
        super().__init__(f"another value is stored already for {len(indices)} of the measurements")
        self.indices = indices


def point_of(reading: Reading, *, kpi: KPI, subject: str, environment: str, origin: str) -> Point:
    """A reading as a point of a KPI, in the unit that it takes. Raises UnitMismatch."""
    scale = factor(reading.unit, kpi.measured_unit)
    return Point(
        kpi=kpi,
        subject=subject,
        environment=environment,
        at=reading.at,
        value=reading.value * scale,
        count=reading.count,
        histogram=reading.histogram.scaled(scale) if reading.histogram and not kpi.is_reduction else None,
        reported=reading.reported,
        origin=origin,
    )


def record(points: Sequence[Point], *, now: datetime) -> Receipt:
    """Store points and everything that follows from them, in one transaction.

    Raises Rejected or Conflict, and then nothing is stored. Safe under concurrent calls: the rows of the series are
    locked, in the order of their ids.
    """
    points = [_reduced(point) if point.kpi.is_reduction else point for point in points]
    if errors := faults(points, now):
        raise Rejected(errors)
    if not points:
        return Receipt(0, 0)
    with transaction.atomic():
        by_key = _series_of(points)
        series = {row.pk: row for row in by_key.values()}
        fresh = _new_measurements(points, by_key)
        Measurement.objects.bulk_create(fresh, batch_size=1000)
        rollups.add(fresh)
        renew({series[row.series_id] for row in fresh})
        remember({row.kpi for row in series.values()}, now=now)
    return Receipt(len(fresh), len(points) - len(fresh))


def withdraw(*, origin: str, now: datetime) -> int:
    """Take the measurements of one origin out again (an invalidated CI result); returns how many there were.

    What is left is rolled up anew, so that no aggregate remembers them.
    """
    with transaction.atomic():
        rows = list(Measurement.objects.filter(origin=origin).select_related("series"))
        touched = {row.series_id: row.series for row in rows}
        list(Series.objects.select_for_update().filter(pk__in=touched).order_by("pk"))
        Measurement.objects.filter(pk__in=[row.pk for row in rows]).delete()
        for row in rows:
            Rollup.objects.filter(
                series_id=row.series_id,
                at__in=[rollups.bucket(row.at, resolution) for resolution in rollups.SPANS],
            ).delete()
        for series in touched.values():
            rollups.rebuild(series, since=min(row.at for row in rows if row.series_id == series.pk))
        renew(Series.objects.filter(pk__in=touched).select_related("kpi"))
        remember({series.kpi for series in Series.objects.filter(pk__in=touched).select_related("kpi")}, now=now)
    return len(rows)


def _reduced(point: Point) -> Point:
    """The point of a reduction with its value computed from the raw figure."""
    assert point.kpi.reference is not None
    return replace(point, raw=point.value, value=reduction(point.value, reference=point.kpi.reference, unit=point.kpi.unit))


def faults(points: Sequence[Point], now: datetime) -> list[tuple[int, str, str]]:
    """What is wrong with points, as (index, field, detail)."""
    if len(points) > MOST_POINTS:
        return [(MOST_POINTS, "", f"at most {MOST_POINTS:,} measurements at once")]
    found = []
    for index, point in enumerate(points):
        if not math.isfinite(point.value):
            found.append((index, "value", "a value is a finite number"))
        if point.at.tzinfo is None:
            found.append((index, "at", "a time has an offset from UTC"))
        elif point.at > now + AHEAD:
            found.append((index, "at", "lies in the future"))
        elif point.at < EARLIEST:
            found.append((index, "at", "lies before the year 2000"))
        if not 1 <= point.count <= MOST_COUNT:
            found.append((index, "count", "a count is at least 1, and below 2^63"))
        if point.raw is not None and point.histogram is not None:
            found.append((index, "histogram", "a reduction is computed from a single figure"))
        if point.kpi.archived_at is not None:
            found.append((index, "kpi", "is archived: restore it first"))
        if not point.subject:
            found.append((index, "subject", "a subject is needed"))
        for name, longest in LONGEST.items():
            text = getattr(point, name)
            if len(text) > longest or "\0" in text:
                found.append((index, name, f"at most {longest} characters, none of them NUL"))
    return found


def _series_of(points: Sequence[Point]) -> dict[tuple[int, str, str], Series]:
    """The series of all points, made where missing, locked in the order of their ids.

    Missing ones are made before anything is locked, in sorted order, so that two writers never wait for each other.
    """
    kpis = {point.kpi.pk: point.kpi for point in points}
    keys = {(point.kpi.pk, point.subject, point.environment) for point in points}
    wanted = Series.objects.filter(kpi_id__in=kpis, subject__in={key[1] for key in keys})
    missing = keys - set(wanted.values_list("kpi_id", "subject", "environment"))
    if missing:
        Series.objects.bulk_create(
            [Series(kpi_id=k, subject=s, environment=e) for k, s, e in sorted(missing)], ignore_conflicts=True
        )
    ids = [pk for pk, *key in wanted.values_list("pk", "kpi_id", "subject", "environment") if tuple(key) in keys]
    locked = Series.objects.select_for_update().filter(pk__in=ids).order_by("pk")
    there = {(row.kpi_id, row.subject, row.environment): row for row in locked}
    for row in there.values():
        row.kpi = kpis[row.kpi_id]
    return there


def _new_measurements(points: Sequence[Point], series: dict[tuple[int, str, str], Series]) -> list[Measurement]:
    """Points that are not stored yet. Raises Conflict where an identity is there with another value."""
    identities = [
        (series[point.kpi.pk, point.subject, point.environment].pk, point.at.astimezone(UTC), point.origin) for point in points
    ]
    known = _stored_values(identities)
    fresh: list[Measurement] = []
    conflicts = []
    for index, (identity, point) in enumerate(zip(identities, points, strict=True)):
        if identity not in known:
            known[identity] = point.value
            fresh.append(_measurement(identity, point))
        elif known[identity] != point.value:
            conflicts.append(index)
    if conflicts:
        raise Conflict(conflicts)
    return fresh


def _stored_values(identities: Sequence[Identity]) -> dict[Identity, float]:
    times = [at for _, at, _ in identities]
    rows = Measurement.objects.filter(
        series_id__in={series for series, _, _ in identities}, at__gte=min(times), at__lte=max(times)
    )
    origins = {origin for _, _, origin in identities}
    if len(origins) <= 100:
        rows = rows.filter(origin__in=origins)
    wanted = set(identities)
    values = rows.values_list("series_id", "at", "origin", "value").iterator(chunk_size=2000)
    return {(s, at, origin): value for s, at, origin, value in values if (s, at, origin) in wanted}


def _measurement(identity: Identity, point: Point) -> Measurement:
    series_id, at, origin = identity
    histogram, reported = point.histogram, point.reported
    if histogram is None and not reported and point.kpi.aggregation in PERCENTILES:
        # A single sample is its own histogram. A bare figure over many samples can only be a ready-made percentile.
        reported = point.count > 1 or point.value < 0
        histogram = None if reported else Histogram.from_values([point.value])
    return Measurement(
        series_id=series_id,
        at=at,
        origin=origin,
        value=point.value,
        count=point.count,
        histogram=histogram.to_bytes() if histogram else None,
        reported=reported,
        raw=point.raw,
        note=point.note,
    )


def renew(series: Iterable[Series]) -> None:
    """Make the current values of series anew from what is stored. The caller holds their locks."""
    rows = []
    for one_series in series:
        newest = one_series.measurements.order_by("-at", "-pk").first()
        if newest is None:
            CurrentValue.objects.filter(series=one_series).delete()
            continue
        figure = aggregate(one_series.kpi.aggregation, window(one_series, newest.at))
        histogram = figure.histogram.to_bytes() if figure.histogram else None
        rows.append(
            CurrentValue(
                series=one_series,
                at=newest.at,
                value=figure.value,
                count=figure.count,
                histogram=histogram,
                reported=figure.reported,
                origin=newest.origin,
            )
        )
    fields = ["at", "value", "count", "histogram", "reported", "origin"]
    CurrentValue.objects.bulk_create(rows, update_conflicts=True, unique_fields=["series"], update_fields=fields)


def window(series: Series, end: datetime) -> list[Stretch]:
    """What lies in the KPI's window that ends at `end`, oldest first."""
    length = timedelta(seconds=series.kpi.window_s)
    if series.kpi.aggregation == "last":
        newest = series.measurements.filter(at__lte=end).order_by("-at", "-pk")[:1]
        return [rollups.stretch_of(row) for row in newest]
    if length <= RAW_WINDOW:
        rows = series.measurements.filter(at__gt=end - length, at__lte=end).order_by("at", "pk")
        return [rollups.stretch_of(row) for row in rows]
    hours = series.rollups.filter(resolution="hour", at__gte=rollups.bucket(end - length, "hour"), at__lte=end).order_by("at")
    return [rollups.stretch_of_rollup(row) for row in hours]
