"""The only writer of measurements: store, roll up, renew current values, judge; all of it or nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from django.db import transaction

from kpis import current, rollups, storing
from kpis.models import KPI, PERCENTILES, Measurement, Rollup, Series
from kpis.readings import Reading
from kpis.reductions import reduction
from kpis.rollups import Row
from kpis.standing import make_states, remember
from kpis.stats.histogram import Histogram
from kpis.units import factor

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(seconds=60)
"""How far a sender's clock may run before ours."""

MOST_POINTS = 10_000
MOST_COUNT = 10**12
MOST_VALUE = 1e100
"""Far beyond anything measured, and small enough that no sum of a day overflows."""

LONGEST = {"subject": 80, "environment": 40, "origin": 80, "note": 300}

Key = tuple[int, str, str]
Identity = tuple[int, datetime, str]


class Point(msgspec.Struct, frozen=True, kw_only=True):
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
    try:
        return _record(points, now)
    except _Missing as error:
        _open(error.keys, now)
    return _record(points, now)


def _record(points: Sequence[Point], now: datetime) -> Receipt:
    keys = [(point.kpi.id, point.subject, point.environment) for point in points]
    with transaction.atomic():
        ids = _series_ids(set(keys))
        series = [ids[key] for key in keys]
        kpis = {pk: point.kpi for pk, point in zip(series, points, strict=True)}
        known = current.newest(kpis)
        rows = _fresh(points, series, known, now)
        if rows:
            sampled = {pk for pk, kpi in kpis.items() if kpi.aggregation in PERCENTILES}
            storing.insert(Measurement, rollups.ROW_NAMES, rows)
            rollups.add(rows, sampled=sampled)
            current.advance(rows, kpis, known)
            remember(kpis.values(), now=now)
    return Receipt(len(rows), len(points) - len(rows))


def withdraw(*, origin: str, now: datetime) -> int:
    """Take the measurements of one origin out again (an invalidated CI result); returns how many there were.

    What is left is rolled up anew, so that no aggregate remembers them.
    """
    with transaction.atomic():
        rows = list(Measurement.objects.filter(origin=origin).order_by("series_id", "at"))
        ids = sorted({row.series_id for row in rows})
        touched = list(
            Series.objects.select_for_update(of=("self",), no_key=True).select_related("kpi").filter(pk__in=ids).order_by("pk")
        )
        Measurement.objects.filter(pk__in=[row.pk for row in rows]).delete()
        for row in rows:
            starts = [rollups.bucket(row.at, resolution) for resolution in rollups.SPANS]
            Rollup.objects.filter(series_id=row.series_id, at__in=starts).delete()
        for series in touched:
            rollups.rebuild(series, since=min(row.at for row in rows if row.series_id == series.pk))
        current.renew(touched)
        remember([series.kpi for series in touched], now=now)
    return len(rows)


def _reduced(point: Point) -> Point:
    """The point of a reduction with its value computed from the raw figure."""
    assert point.kpi.reference is not None
    return msgspec.structs.replace(
        point, raw=point.value, value=reduction(point.value, reference=point.kpi.reference, unit=point.kpi.unit)
    )


def faults(points: Sequence[Point], now: datetime) -> list[tuple[int, str, str]]:
    """What is wrong with points, as (index, field, detail)."""
    if len(points) > MOST_POINTS:
        return [(MOST_POINTS, "", f"at most {MOST_POINTS:,} measurements at once")]
    latest = now + AHEAD
    return [
        (index, field, detail)
        for index, point in enumerate(points)
        if not _plausible(point, latest)
        for field, detail in _faults_of(point, latest)
    ]


def _plausible(point: Point, latest: datetime) -> bool:
    """Whether nothing is wrong with a point; quick, since of ten thousand nearly all are right."""
    return (
        -MOST_VALUE <= point.value <= MOST_VALUE
        and point.at.tzinfo is not None
        and EARLIEST <= point.at <= latest
        and 1 <= point.count <= MOST_COUNT
        and 1 <= len(point.subject) <= LONGEST["subject"]
        and len(point.environment) <= LONGEST["environment"]
        and len(point.origin) <= LONGEST["origin"]
        and len(point.note) <= LONGEST["note"]
        and "\0" not in point.subject + point.environment + point.origin + point.note
        and (point.raw is None or point.histogram is None)
        and point.kpi.archived_at is None
    )


def _faults_of(point: Point, latest: datetime) -> list[tuple[str, str]]:
    found = []
    if not math.isfinite(point.value):
        found.append(("value", "a value is a finite number"))
    elif abs(point.value) > MOST_VALUE:
        found.append(("value", f"at most {MOST_VALUE:g}"))
    if point.at.tzinfo is None:
        found.append(("at", "a time has an offset from UTC"))
    elif point.at > latest:
        found.append(("at", "lies in the future"))
    elif point.at < EARLIEST:
        found.append(("at", "lies before the year 2000"))
    if not 1 <= point.count <= MOST_COUNT:
        found.append(("count", f"a count is at least 1 and at most {MOST_COUNT:,}"))
    if point.raw is not None and point.histogram is not None:
        found.append(("histogram", "a reduction is computed from a single figure"))
    if point.kpi.archived_at is not None:
        found.append(("kpi", "is archived: restore it first"))
    if not point.subject:
        found.append(("subject", "a subject is needed"))
    for name, longest in LONGEST.items():
        text = getattr(point, name)
        if len(text) > longest or "\0" in text:
            found.append((name, f"at most {longest} characters, none of them NUL"))
    return found


class _Missing(Exception):
    """Series that nobody has written to yet."""

    def __init__(self, keys: list[Key]) -> None:
        super().__init__()
        self.keys = keys


def _series_ids(keys: set[Key]) -> dict[Key, int]:
    """The ids of series, locked in their order.

    Raises _Missing where one is missing: what is locked already is let go before it is made, so that no two writers ever
    wait for each other.
    """
    rows = Series.objects.filter(kpi_id__in={key[0] for key in keys}, subject__in={key[1] for key in keys})
    names = ("kpi_id", "subject", "environment", "pk")
    locked = rows.select_for_update(no_key=True).order_by("pk").values_list(*names)
    found = {(kpi, subject, environment): pk for kpi, subject, environment, pk in locked}
    if missing := keys - found.keys():
        raise _Missing(sorted(missing))
    return found


def _open(keys: Sequence[Key], now: datetime) -> None:
    """Make series, and what the judge needs of their KPIs, where nobody else did."""
    with transaction.atomic():
        storing.insert_missing(Series, ["kpi", "subject", "environment", "enabled"], [(*key, True) for key in keys])
        make_states({key[0] for key in keys}, now=now)


def _fresh(points: Sequence[Point], series: Sequence[int], known: Mapping[int, datetime], now: datetime) -> list[Row]:
    """Points that are not stored yet, as rows. Raises Conflict where an identity is there with another value."""
    identities = [(pk, point.at.astimezone(UTC), point.origin) for pk, point in zip(series, points, strict=True)]
    # What is newer than the newest stored measurement of its series cannot be stored yet.
    seen = storing.stored_values([one for one in identities if one[0] in known and one[1] <= known[one[0]]])
    rows: list[Row] = []
    conflicts = []
    for index, (identity, point) in enumerate(zip(identities, points, strict=True)):
        if identity not in seen:
            seen[identity] = point.value
            rows.append(_row(identity, point, now))
        elif seen[identity] != point.value:
            conflicts.append(index)
    if conflicts:
        raise Conflict(conflicts)
    return rows


def _row(identity: Identity, point: Point, now: datetime) -> Row:
    """The row of a point. A bare figure over many samples can only be a ready-made percentile, where the KPI is one."""
    histogram, reported = point.histogram, point.reported
    if histogram is None and not reported and point.kpi.aggregation in PERCENTILES:
        reported = point.count > 1 or point.value < 0
    data = histogram.to_bytes() if histogram else None
    return Row(*identity, point.value, point.count, data, reported, point.raw, point.note, now)
