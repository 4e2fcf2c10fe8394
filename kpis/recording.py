"""The only writer of measurements: store, roll up, renew current values, judge; all of it or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection, transaction
from django.db.models import QuerySet

from kpis import current, rollups, storing
from kpis.actual import PERCENTILES
from kpis.models import Measurement, Rollup, Series
from kpis.points import Point, Rejected, faults, reduced
from kpis.remembering import make_states, remember
from kpis.rollups import Row

PART = 500
"""Points in one transaction on SQLite, where a writer keeps all others waiting: it lasts about 20 ms."""

POLITE_FROM = 100
"""Who stores more points than these at once on SQLite lets others write for as long as it wrote itself."""

LONGEST_PAUSE_S = 0.05

Key = tuple[int, str, str]
Identity = tuple[int, datetime, str]


@dataclass(frozen=True)
class Receipt:
    """How many measurements were stored, and how many were there already with the same value."""

    stored: int
    ignored: int

    def __add__(self, other: Receipt) -> Receipt:
        return Receipt(self.stored + other.stored, self.ignored + other.ignored)


class Conflict(ValueError):
    """A measurement with the same identity but another value is stored already: the indices of such points."""

    def __init__(self, indices: list[int]) -> None:
        super().__init__(f"another value is stored already for {len(indices)} of the measurements")
        self.indices = indices


Then = Callable[[Receipt], object]


def record(points: Sequence[Point], *, now: datetime, then: Then | None = None) -> Receipt:
    """Store points and everything that follows from them, in one transaction; `then` is called within it.

    Raises Rejected or Conflict, and then nothing is stored. Safe under concurrent calls: the rows of the series are
    locked, in the order of their ids. On SQLite many points are stored in parts (`_in_parts`).
    """
    points = [reduced(point) if point.kpi.is_reduction else point for point in points]
    if errors := faults(points, now):
        raise Rejected(errors)
    if connection.vendor == "sqlite" and len(points) > POLITE_FROM and not connection.in_atomic_block:
        return _in_parts(points, now, then)
    return _in_one(points, now, then)[0]


def _in_one(points: Sequence[Point], now: datetime, then: Then | None) -> tuple[Receipt, list[Row]]:
    """Store points in one transaction; what was new, as rows too."""
    try:
        return _write(points, now, then)
    except _Missing as error:
        _open(error.keys, now)
    return _write(points, now, then)


def _in_parts(points: Sequence[Point], now: datetime, then: Then | None) -> Receipt:
    """Store points in short transactions, with a pause after each in which others can write.

    What contradicts stored values is found before the first. Should another writer contradict a later part meanwhile, what
    was stored is taken out again; where the process dies, the same batch sent again completes it.
    """
    _contradictions(points, now)
    total = Receipt(0, 0)
    rows: list[Row] = []
    for start in range(0, len(points), PART):
        began, earlier, last = time.monotonic(), total, start + PART >= len(points)
        finish = (lambda receipt, before=earlier: then(before + receipt)) if then and last else None
        try:
            receipt, new = _in_one(points[start : start + PART], now, finish)
        except Conflict as error:
            _take_back(rows, now)
            raise Conflict([start + index for index in error.indices]) from error
        total, rows = total + receipt, rows + new
        time.sleep(min(time.monotonic() - began, LONGEST_PAUSE_S))
    return total


def _contradictions(points: Sequence[Point], now: datetime) -> None:
    """Raise Conflict where points contradict stored values or each other, without locking or storing anything."""
    keys = [_key(point) for point in points]
    ids = dict(_series(set(keys)))
    for number, key in enumerate(sorted(set(keys) - ids.keys()), start=1):
        ids[key] = -number
    _fresh(points, [ids[key] for key in keys], current.newest(ids.values()), now)


def _take_back(rows: Sequence[Row], now: datetime) -> None:
    """Take out what an earlier part of a batch has stored."""
    ours = Measurement.objects.filter(recorded_at=now, series_id__in={row.series_id for row in rows})
    _remove(ours.filter(origin__in={row.origin for row in rows}), now)


def _write(points: Sequence[Point], now: datetime, then: Then | None) -> tuple[Receipt, list[Row]]:
    keys = [_key(point) for point in points]
    with transaction.atomic():
        ids = _series_ids(set(keys))
        series = [ids[key] for key in keys]
        kpis = {pk: point.kpi for pk, point in zip(series, points, strict=True)}
        known = current.newest(kpis)
        rows = _fresh(points, series, known, now)
        if rows:
            sampled = {pk: PERCENTILES[kpi.aggregation] for pk, kpi in kpis.items() if kpi.aggregation in PERCENTILES}
            storing.insert(Measurement, rollups.ROW_NAMES, rows)
            rollups.add(rows, sampled=sampled)
            current.advance(rows, kpis, known)
            remember(kpis.values(), now=now)
        receipt = Receipt(len(rows), len(points) - len(rows))
        if then:
            then(receipt)
    return receipt, rows


def _key(point: Point) -> Key:
    return (point.kpi.id, point.subject, point.environment)


def withdraw(*, origin: str, now: datetime) -> int:
    """Take the measurements of one origin out again (an invalidated CI result); returns how many there were.

    What is left is rolled up anew, so that no aggregate remembers them.
    """
    return _remove(Measurement.objects.filter(origin=origin), now)


def _remove(measurements: QuerySet[Measurement], now: datetime) -> int:
    with transaction.atomic():
        ids = set(measurements.order_by().values_list("series_id", flat=True))
        locked = Series.objects.select_for_update(of=("self",), no_key=True).select_related("kpi")
        held = list(locked.filter(pk__in=ids).order_by("pk"))
        rows = list(measurements.filter(series_id__in=ids))  # as they stand now that nobody else can take them out
        times: dict[int, list[datetime]] = {}
        for row in rows:
            times.setdefault(row.series_id, []).append(row.at)
        touched = [series for series in held if series.pk in times]
        Measurement.objects.filter(pk__in=[row.pk for row in rows]).delete()
        for series in touched:
            starts = {rollups.bucket(at, resolution) for at in times[series.pk] for resolution in rollups.SPANS}
            Rollup.objects.filter(series=series, at__in=starts).delete()
            rollups.rebuild(series, since=min(times[series.pk]))
        current.renew(touched)
        remember([series.kpi for series in touched], now=now)
    return len(rows)


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
    found = dict(_series(keys, locked=True))
    if missing := keys - found.keys():
        raise _Missing(sorted(missing))
    return found


def _series(keys: set[Key], *, locked: bool = False) -> Iterator[tuple[Key, int]]:
    rows = Series.objects.filter(kpi_id__in={key[0] for key in keys}, subject__in={key[1] for key in keys})
    if locked:
        rows = rows.select_for_update(no_key=True)
    for kpi, subject, environment, pk in rows.order_by("pk").values_list("kpi_id", "subject", "environment", "pk"):
        if (kpi, subject, environment) in keys:
            yield (kpi, subject, environment), pk


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
