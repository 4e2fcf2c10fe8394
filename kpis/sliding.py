"""A percentile's window that moves on: what left it is taken out of its histogram, and what came is put in.

A new figure then costs the same whether a window holds ten measurements or ten thousand. Counts are whole numbers, so that
nothing drifts: the histogram is the one that reading the whole window would give.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from accounts.prepared import Prepared, Slot
from kpis import storing
from kpis.actual import Figure, Stretch, exact, of_samples, one
from kpis.models import CurrentValue, Measurement
from kpis.stats.histogram import Histogram
from kpis.storing import Span

RAW = "m.at, m.value, m.count, m.histogram, m.reported"
SUMS = "COUNT(*), CAST(SUM(m.count) AS bigint), MIN(m.value), MAX(m.value)"


class Move(NamedTuple):
    """A window that ended at `before` and ends at `end` now; its start moved from `since` to `start`.

    `came` is what was measured after `before`.
    """

    series_id: int
    percent: float
    since: datetime
    start: datetime
    before: datetime
    end: datetime
    came: Sequence[Stretch]


_STORED = Prepared(lambda: CurrentValue.objects.filter(pk__any_of=Slot("series")).values_list("pk", "histogram"))


def figures(moves: Sequence[Move]) -> dict[int, Figure]:
    """The figures of windows after their moves, by series; without those that must be read as a whole."""
    near = {move.series_id: move for move in moves if move.start < move.before and exact(move.came[-1:])}
    if not near:
        return {}
    left: dict[int, list[Stretch]] = {pk: [] for pk in near}
    stored = _STORED.ask(series=list(near))
    for pk, stretch in read([Span(pk, move.since, move.start) for pk, move in near.items()]):
        left[pk].append(stretch)
    merged = {}
    for pk, data in stored():
        came = [stretch for stretch in near[pk].came if stretch.at > near[pk].start]
        try:
            kept = Histogram.from_bytes(data).without(of_samples(left[pk])) if data is not None else None
        except ValueError:  # it is not the histogram of what is stored
            kept = None
        if kept is not None:
            merged[pk] = Histogram.merge([kept, of_samples(came)])
    ends = _ends([pk for pk, found in merged.items() if found.at_an_end(near[pk].percent)], near)
    return {pk: _figure(found, near[pk], ends.get(pk)) for pk, found in merged.items()}


def read(spans: Sequence[Span]) -> list[tuple[int, Stretch]]:
    """The measurements of stretches of series, each as it is."""
    return [
        (pk, one(value, count, storing.moment(at), Histogram.from_bytes(data) if data is not None else None, bool(reported)))
        for pk, at, value, count, data, reported in storing.within(Measurement, RAW, spans)
    ]


def _ends(series_ids: Sequence[int], moves: dict[int, Move]) -> dict[int, tuple[int, int, float, float]]:
    """How many measurements windows hold, how many samples, the lowest and the highest."""
    spans = [Span(pk, moves[pk].start, moves[pk].end) for pk in series_ids]
    rows = storing.within(Measurement, SUMS, spans, grouped=True)
    return {pk: (points, count, low, high) for pk, points, count, low, high in rows}


def _figure(merged: Histogram, move: Move, ends: tuple[int, int, float, float] | None) -> Figure:
    value = merged.percentile(move.percent)
    if ends and ends[0] == ends[1] == merged.count:  # every measurement is one sample
        value = min(max(value, ends[2]), ends[3])
    return Figure(value, merged.count, merged, move.came[-1].reported)
