"""The only writer of measurements: store, roll up, renew current values, judge; all of it or nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db import connection, transaction

from accounts.prepared import Prepared, Slot, together, unwaiting
from kpis import current, locking, rollups, storing
from kpis.actual import PERCENTILES
from kpis.commitments import ask_in_force
from kpis.current import Known, Moved
from kpis.identity import Conflict, fresh
from kpis.models import KPI, Measurement, Series
from kpis.parts import parts
from kpis.points import Point, Rejected, faults, measured, read_with
from kpis.remembering import keep
from kpis.removing import remove
from kpis.rollups import Row
from kpis.standing import figures_of
from kpis.storing import Write

POLITE_FROM = 100
"""Who stores more points than these at once on SQLite lets others write for as long as it wrote itself."""

LONGEST_PAUSE_S = 0.05

MOST_SERIES = 2_000
"""Of one KPI, which count and hold figures: more are no services, but something that changes with every measurement."""

MEANING = ("unit", "reference", "reference_unit")
"""What a point's value was computed with."""

Key = tuple[int, str, str]


DEFINED = (
    "version", "unit", "reference", "reference_unit", "direction", "aggregation", "across", "across_subject", "window_s",
    "freshness_s",
)  # fmt: skip
"""What figures rest on; a file changes it without a new version."""

_DEFINED = Prepared(lambda: KPI.objects.filter(pk__any_of=Slot("kpis")).values_list("pk", *DEFINED))


@dataclass(frozen=True)
class Receipt:
    """How many measurements were stored, and how many were there already, saying the same."""

    stored: int
    ignored: int

    def __add__(self, other: Receipt) -> Receipt:
        return Receipt(self.stored + other.stored, self.ignored + other.ignored)


Then = Callable[[Receipt], object]


def record(points: Sequence[Point], *, now: datetime, then: Then | None = None) -> Receipt:
    """Store points and everything that follows from them, in one transaction; `then` is called within it.

    Raises Rejected or Conflict, and then nothing is stored. Safe under concurrent calls: the KPIs are locked, in the order
    of their ids. On SQLite many points are stored in parts (`_in_parts`).
    """
    points = measured(points)
    if errors := faults(points, now):
        raise Rejected(errors)
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        pieces = parts(points)
        if len(pieces) > 1 or len(points) > POLITE_FROM:
            return _in_parts(pieces, now, then)
    return _write(points, now, then)[0]


def _in_parts(pieces: Sequence[Sequence[Point]], now: datetime, then: Then | None) -> Receipt:
    """Store parts of a batch in short transactions, with a pause after each in which others can write.

    What contradicts stored values is found before the first. Should a later part be refused after all, for what others did
    meanwhile, what was stored is taken out again; where the process dies, the same batch sent again completes it.
    """
    _contradictions([point for piece in pieces for point in piece], now)
    total, start = Receipt(0, 0), 0
    rows: list[Row] = []
    for piece in pieces:
        began, earlier = time.monotonic(), total
        finish = (lambda receipt, before=earlier: then(before + receipt)) if then and piece is pieces[-1] else None
        try:
            receipt, new = _write(piece, now, finish)
        except (Conflict, Rejected) as error:
            _take_back(rows, now)
            raise type(error)([(start + index, field, detail) for index, field, detail in error.errors]) from error
        total, start, rows = total + receipt, start + len(piece), rows + new
        time.sleep(min(time.monotonic() - began, LONGEST_PAUSE_S))
    return total


def _contradictions(points: Sequence[Point], now: datetime) -> None:
    """Raise Conflict where points contradict stored values or each other, without locking or storing anything.

    Raises Rejected where they would give their KPIs too many series.
    """
    keys = _keys(points)
    known = {_key_of(one): one for one in current.read({point.kpi.pk for point in points})}
    _keep_few(keys, known)
    ids = {key: known[key].series_id if key in known else -number for number, key in enumerate(dict.fromkeys(keys), start=1)}
    fresh(points, [ids[key] for key in keys], _newest(known.values()), now)


def _take_back(rows: Sequence[Row], now: datetime) -> None:
    """Take out what an earlier part of a batch has stored."""
    ours = Measurement.objects.filter(recorded_at=now, series_id__in={row.series_id for row in rows})
    remove(ours.filter(origin__in={row.origin for row in rows}), now=now)


def _write(points: Sequence[Point], now: datetime, then: Then | None) -> tuple[Receipt, list[Row]]:
    """Store points in one transaction; what was new, as rows too."""
    kpis = dict(sorted({kpi.pk: kpi for kpi in read_with(points).values()}.items()))
    keys, ids = _keys(points), list(kpis)
    quick = then is None and len(points) < storing.COPY_FROM  # what others do in here may want to see its errors at once
    with together() if quick else transaction.atomic():
        questions: list[locking.Ask] = [
            partial(current.ask, ids),
            partial(ask_in_force, ids, now),
            partial(_DEFINED.ask, kpis=ids),
        ]
        with unwaiting():
            states, (there, targets, defined) = locking.behind(ids, questions, now=now)
        known = _series(there, keys)
        kpis = _as_now(kpis, defined)
        _keep_meaning(points, kpis)
        newest = _newest(known.values())
        rows = fresh(points, [known[key].series_id for key in keys], newest, now)
        if rows:
            of = {known[key].series_id: kpis[key[0]] for key in set(keys)}
            storing.write(Write(Measurement, rollups.ROW_NAMES, rows))
            with unwaiting():
                moved, writes = _followed(rollups.by_series(rows), of, newest)
                stand = [one.renewed(*moved[one.series_id]) if one.series_id in moved else one for one in known.values()]
                keep(list(kpis.values()), states, figures_of(stand), targets, now=now, besides=writes)
        receipt = Receipt(len(rows), len(points) - len(rows))
        if then:
            then(receipt)
    return receipt, rows


def _followed(
    groups: Mapping[int, Sequence[Row]], kpis: Mapping[int, KPI], newest: Mapping[int, datetime]
) -> tuple[Moved, list[Write]]:
    """The current values that new measurements change, and what is still to be written for them; all is by series."""
    sampled = {pk: PERCENTILES[kpi.aggregation] for pk, kpi in kpis.items() if kpi.aggregation in PERCENTILES}
    added = rollups.adding(rollups.parts(groups, sampled))
    if current.reads_rollups(kpis.values()):
        storing.write(added())
        moved, figures = current.advance(groups, kpis, newest)()
        return moved, [figures]
    advanced = current.advance(groups, kpis, newest)
    rolled = added()
    moved, figures = advanced()
    return moved, [rolled, figures]


def _keep_few(keys: Sequence[Key], known: Mapping[Key, Known]) -> None:
    """Raise Rejected for points that would give their KPI too many series. `known` are those that their KPIs have."""
    unseen = {key for key in set(keys) if key not in known or (known[key].enabled and known[key].at is None)}
    if not unseen:
        return
    size = Counter(key[0] for key in (*unseen, *(key for key, one in known.items() if one.enabled and one.at is not None)))
    if wrong := [index for index, key in enumerate(keys) if key in unseen and size[key[0]] > MOST_SERIES]:
        told = f"its KPI would have more than {MOST_SERIES:,} series: name services, not what is new with every measurement"
        raise Rejected([(index, "subject", f"{told}, and set strays aside") for index in wrong])


def _keys(points: Iterable[Point]) -> list[Key]:
    return [(point.kpi.id, point.subject, point.environment) for point in points]


def _key_of(series: Known) -> Key:
    return (series.kpi_id, series.subject, series.environment)


def _newest(series: Iterable[Known]) -> dict[int, datetime]:
    """When the newest measurement of each series was, by its id."""
    return {one.series_id: one.at for one in series if one.at is not None}


def _series(there: Iterable[Known], keys: Sequence[Key]) -> dict[Key, Known]:
    """The series that are there, and those of the keys, made where nobody wrote to them yet. The caller holds the KPIs' locks.

    Raises Rejected where they would be too many.
    """
    known = {_key_of(one): one for one in there}
    _keep_few(keys, known)
    if missing := sorted(set(keys) - known.keys()):
        storing.insert_missing(Series, ["kpi", "subject", "environment", "enabled"], [(*key, True) for key in missing])
        known = {_key_of(one): one for one in current.read({key[0] for key in keys})}
    return known


def _as_now(kpis: Mapping[int, KPI], defined: Iterable[tuple[Any, ...]]) -> dict[int, KPI]:
    """The KPIs as they stand behind their locks: the caller may have read one before somebody changed its window."""
    had = {pk: (pk, *(getattr(kpi, name) for name in DEFINED)) for pk, kpi in kpis.items()}
    return {**kpis, **KPI.objects.in_bulk([now[0] for now in defined if now != had[now[0]]])}


def _keep_meaning(points: Sequence[Point], kpis: Mapping[int, KPI]) -> None:
    """Raise Rejected for figures in a unit, or against a reference, that their KPI left before the first one was stored."""
    read = read_with(points).values()
    left = {kpi.id for kpi in read if any(getattr(kpis[kpi.id], name) != getattr(kpi, name) for name in MEANING)}
    if left:
        told = "its KPI took another unit or reference meanwhile: send it anew"
        raise Rejected([(index, "value", told) for index, point in enumerate(points) if point.kpi.id in left])


def withdraw(*, origin: str, now: datetime) -> int:
    """Take the measurements of one origin out again (an invalidated CI result); returns how many there were.

    No aggregate remembers them.
    """
    return remove(Measurement.objects.filter(origin=origin), now=now)
