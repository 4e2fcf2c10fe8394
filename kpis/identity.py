"""What makes a measurement the same as another: its series, time and origin. What is there is ignored, or contradicted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from kpis.actual import PERCENTILES
from kpis.points import EARLIEST, Point, Rejected
from kpis.retention import raw_from
from kpis.rollups import Row, bucket, pruned
from kpis.stats.histogram import Histogram
from kpis.storing import Identity, Kept, stored

STORED = "another one is stored already for this KPI, subject, environment, time and sender"
TWICE = "this KPI, subject, environment and time come twice in this batch, and say different things"
FORGOTTEN = "is of a day whose measurements are not kept one by one any more: whether it was stored before cannot be told"


class Conflict(ValueError):
    """A measurement with the same identity says something else, stored or in the same batch: (index, field, what is wrong)."""

    def __init__(self, errors: list[tuple[int, str, str]]) -> None:
        super().__init__(f"{len(errors)} of the measurements say something else than others of the same stream, time and sender")
        self.errors = errors

    @property
    def indices(self) -> list[int]:
        return [index for index, _, _ in self.errors]


def fresh(points: Sequence[Point], series: Sequence[int], known: Mapping[int, datetime], now: datetime) -> list[Row]:
    """Points that are not stored yet, as rows.

    Raises Conflict where an identity is there with another figure, Rejected where it is forgotten what was there.
    """
    identities = [
        (pk, at if (at := point.at).tzinfo is UTC else at.astimezone(UTC), point.origin)
        for pk, point in zip(series, points, strict=True)
    ]
    _refuse_forgotten(identities, now)
    # What is newer than the newest stored measurement of its series cannot be stored yet.
    there = stored([one for one in identities if one[1] <= known.get(one[0], EARLIEST)])
    new: Iterable[tuple[Identity, Point]] = zip(identities, points, strict=True)
    if there or len(set(identities)) < len(identities):
        new = _unlike(identities, points, there)
    return [
        Row(pk, at, origin, point.value, point.count, *_samples(point), point.raw, point.note, now)
        for (pk, at, origin), point in new
    ]


def _refuse_forgotten(identities: Sequence[Identity], now: datetime) -> None:
    """Raise Rejected for what lies in days whose measurements were pruned away: the same ones again would count twice."""
    edge = raw_from(now)
    old = {index: (pk, bucket(at, "day")) for index, (pk, at, _) in enumerate(identities) if at < edge}
    if old and (gone := pruned(set(old.values()))):
        raise Rejected([(index, "at", FORGOTTEN) for index, day in old.items() if day in gone])


def _unlike(
    identities: Sequence[Identity], points: Sequence[Point], there: Mapping[Identity, Kept]
) -> Iterable[tuple[Identity, Point]]:
    """The first point of each identity that is not `there`. Raises Conflict where others say something else."""
    seen: dict[Identity, Point | Kept] = {**there}
    new: dict[Identity, Point] = {}
    conflicts = []
    for index, (identity, point) in enumerate(zip(identities, points, strict=True)):
        if (first := seen.setdefault(identity, point)) is point:
            new[identity] = point
        elif field := _contradicted(first, point):
            conflicts.append((index, field, TWICE if isinstance(first, Point) else STORED))
    if conflicts:
        raise Conflict(conflicts)
    return new.items()


def _contradicted(first: Point | Kept, point: Point) -> str:
    """The field by which a point says something else than the first one of its identity; nothing where it says the same."""
    if first.value != point.value:
        return "value"
    if first.count != point.count:
        return "count"
    samples = Histogram.from_bytes(first.histogram) if isinstance(first.histogram, bytes) else first.histogram
    if samples != point.histogram:
        return "histogram"
    said = _samples(first)[1] if isinstance(first, Point) else first.reported
    return "reported" if said != _samples(point)[1] else ""


def _samples(point: Point) -> tuple[bytes | None, bool]:
    """The samples as they are kept, and whether the figure is a percentile that came ready-made.

    One below nothing can only be that: a histogram holds none.
    """
    if point.histogram is not None:
        return point.histogram.to_bytes(), point.reported
    return None, point.reported or (point.value < 0 and point.kpi.aggregation in PERCENTILES)
