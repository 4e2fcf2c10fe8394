"""A percentile's window that moves on: what left it is taken out of its histogram, and what came is put in.

A new figure then costs the same whether a window holds ten measurements or ten thousand. Counts are whole numbers, so that
nothing drifts: the histogram is the one that reading the whole window would give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

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

    @property
    def overlaps(self) -> bool:
        """Whether the window still holds some of what it held, and what came last has its samples."""
        return self.start < self.before and bool(exact(self.came[-1:]))


_STORED = Prepared(lambda: CurrentValue.objects.filter(pk__any_of=Slot("series")).values_list("pk", "histogram"))


def ask(moves: Iterable[Move]) -> Callable[[], dict[int, Figure]]:
    """Asks for what windows that overlap held; calling what it returns gives their figures after the moves, by series.

    Those whose stored histogram is not that of the window are left out: they must be read as a whole.
    """
    near = {move.series_id: move for move in moves}
    if not near:
        return dict
    stored = _STORED.ask(series=list(near))
    gone = ask_read([Span(pk, move.since, move.start) for pk, move in near.items()])

    def moved() -> dict[int, Figure]:
        left: dict[int, list[Stretch]] = {pk: [] for pk in near}
        for pk, stretch in gone():
            left[pk].append(stretch)
        merged = {pk: found for pk, data in stored() if (found := _merged(near[pk], data, left[pk])) is not None}
        ends = _ends([pk for pk, found in merged.items() if found.at_an_end(near[pk].percent)], near)
        return {pk: _figure(found, near[pk], ends.get(pk)) for pk, found in merged.items()}

    return moved


def _merged(move: Move, data: Any, left: Sequence[Stretch]) -> Histogram | None:
    """The histogram of a window after its move; nothing where the stored one does not hold what left."""
    if data is None:
        return None
    try:
        kept = Histogram.from_bytes(data)
        if left:
            kept = kept.without(of_samples(left))
    except ValueError:
        return None
    return Histogram.merge([kept, of_samples([stretch for stretch in move.came if stretch.at > move.start])])


def ask_read(spans: Sequence[Span]) -> Callable[[], list[tuple[int, Stretch]]]:
    """The measurements of stretches of series, each as it is; asked now and fetched later."""
    asked = storing.ask_within(Measurement, RAW, spans)
    return lambda: [
        (pk, one(value, count, storing.moment(at), Histogram.from_bytes(data) if data is not None else None, bool(reported)))
        for pk, at, value, count, data, reported in asked()
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
