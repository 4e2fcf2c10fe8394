"""The newest state of every series in one row each: its window's aggregate, so that a page reads no history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, NamedTuple

from django.db.models import Case, F, When

from accounts.prepared import Prepared, Slot
from kpis import sliding, storing
from kpis.actual import PERCENTILES, Figure, Stretch, aggregate, one
from kpis.models import KPI, Across, CurrentValue, Measurement, Rollup, Series
from kpis.rollups import MOMENT, Row, bucket
from kpis.sliding import Move
from kpis.stats.histogram import Histogram
from kpis.storing import Span, Write

RAW_WINDOW = timedelta(hours=6)
"""Longer windows are read from rollups, so their start is that of an hour."""

NAMES = ["series", "at", "value", "count", "histogram", "reported", "origin"]
RAW_SUMS = "MAX(m.at), COUNT(*), CAST(SUM(m.count) AS bigint), SUM(m.value * m.count), SUM(m.value), MIN(m.value), MAX(m.value)"
ROLLED = "m.at, m.points, m.count, m.total, m.plain_total, m.low, m.high, m.last, m.histogram, m.reported"
ROLLED_SUMS = (
    "MAX(m.at), CAST(SUM(m.points) AS bigint), CAST(SUM(m.count) AS bigint), SUM(m.total), SUM(m.plain_total),"
    " MIN(m.low), MAX(m.high)"
)
"""What is read of a window. Sums are enough where no percentile is asked for."""


class Head(NamedTuple):
    """The newest measurement of a series: of several at one moment, the one with the highest value."""

    series_id: int
    at: datetime
    value: float
    samples: int
    reported: bool
    origin: str


Moved = dict[int, tuple[Head, Figure]]
"""By series."""


class Known(NamedTuple):
    """A series and its current value; without measurements, that is nothing. The histogram only where series are merged."""

    kpi_id: int
    subject: str
    environment: str
    series_id: int
    enabled: bool
    at: datetime | None
    value: float
    samples: int
    origin: str
    reported: bool
    histogram: Histogram | None

    def renewed(self, head: Head, figure: Figure) -> Known:
        return self._replace(
            at=head.at, value=figure.value, samples=figure.count, origin=head.origin, reported=figure.reported,
            histogram=figure.histogram,
        )  # fmt: skip


_READ = Prepared(
    lambda: Series.objects.filter(kpi_id__any_of=Slot("kpis")).order_by("pk").values_list(
        "kpi_id", "subject", "environment", "pk", "enabled", "current__at", "current__value", "current__count", "current__origin",
        "current__reported", Case(When(kpi__across=Across.MERGED, then=F("current__histogram"))),
    )
)  # fmt: skip


def read(kpi_ids: Iterable[int]) -> list[Known]:
    """Every series of these KPIs, in the order of their ids, as it stands: one query, independent of history."""
    ids = list(kpi_ids)
    return ask(ids)() if ids else []


def ask(kpi_ids: Sequence[int]) -> Callable[[], list[Known]]:
    """The same, asked now and fetched later."""
    asked = _READ.ask(kpis=kpi_ids)
    return lambda: [Known._make(row if row[-1] is None else (*row[:-1], _histogram(row[-1]))) for row in asked()]


def advance(
    groups: Mapping[int, Sequence[Row]], kpis: Mapping[int, KPI], known: Mapping[int, datetime]
) -> Callable[[], tuple[Moved, Write]]:
    """Asks for the windows of the series of new measurements, which are stored already; calling what it returns gives the
    current values that change, and what keeps them.

    Everything is by series: the measurements, their KPIs, and when the newest before was (`known`). What came too late to lie
    in a window changes nothing.
    """
    latest = {pk: max(group, key=itemgetter(1, 3)) for pk, group in groups.items()}  # by time and value
    heads = {pk: Head(pk, row.at, row.value, row.samples, row.reported, row.origin) for pk, row in latest.items()}
    late = [pk for pk, head in heads.items() if pk in known and head.at <= known[pk]]
    for pk in late:
        if heads.pop(pk).at > _window_start(kpis[pk], known[pk]) or kpis[pk].aggregation == "last":
            heads[pk] = Head(pk, known[pk], 0.0, 0, False, "")
    heads |= _heads_at([(pk, known[pk]) for pk in late if pk in heads])
    moves = {
        pk: move
        for pk, group in groups.items()
        if _moves_on(group, kpis[pk], known.get(pk)) and (move := _move(heads[pk], kpis[pk], known[pk], group)).overlaps
    }
    slid = sliding.ask(moves.values())
    whole = _ask_figures([head for pk, head in heads.items() if pk not in moves], kpis)

    def moved() -> tuple[Moved, Write]:
        figures = whole() | slid()
        left = [head for pk, head in heads.items() if pk not in figures]
        return _moved(heads.values(), figures | _ask_figures(left, kpis)())

    return moved


def reads_rollups(kpis: Iterable[KPI]) -> bool:
    """Whether the windows of some of these KPIs are read from rollups, which then must be written first."""
    return any(_length(kpi) > RAW_WINDOW and kpi.aggregation != "last" for kpi in kpis)


def _moves_on(rows: Sequence[Row], kpi: KPI, before: datetime | None) -> bool:
    """Whether all that came is newer than what was there, in a window of a percentile that is read from measurements."""
    if before is None or kpi.aggregation not in PERCENTILES or _length(kpi) > RAW_WINDOW:
        return False
    return all(row.at > before for row in rows)


def _move(head: Head, kpi: KPI, before: datetime, rows: Sequence[Row]) -> Move:
    came = [one(row.value, row.samples, row.at, _histogram(row.histogram), row.reported) for row in rows]
    return Move(
        head.series_id, PERCENTILES[kpi.aggregation], _window_start(kpi, before), _window_start(kpi, head.at), before, head.at,
        sorted(came, key=lambda stretch: (stretch.at, stretch.last)),
    )  # fmt: skip


def renew(series: Iterable[Series]) -> None:
    """Make the current values of series anew from what is stored. The caller holds the locks of their KPIs."""
    heads, kpis = [], {}
    for row in series:
        kpis[row.pk] = row.kpi
        found = row.measurements.order_by("-at", "-value").first()
        if found is None:
            CurrentValue.objects.filter(series=row).delete()
        else:
            heads.append(Head(row.pk, found.at, found.value, found.count, found.reported, found.origin))
    storing.write(_moved(heads, _ask_figures(heads, kpis)())[1])


def _heads_at(moments: Sequence[tuple[int, datetime]]) -> dict[int, Head]:
    """The newest measurements of series whose newest moment is known."""
    spans = [Span(pk, at - MOMENT, at) for pk, at in moments]
    rows = storing.within(Measurement, "m.at, m.value, m.count, m.reported, m.origin", spans)
    found: dict[int, Head] = {}
    for pk, at, value, count, reported, origin in rows:
        if pk not in found or value > found[pk].value:
            found[pk] = Head(pk, storing.moment(at), value, count, bool(reported), origin)
    return found


def _moved(heads: Iterable[Head], figures: Mapping[int, Figure]) -> tuple[Moved, Write]:
    """The figures of heads, and what keeps them."""
    saved = {head.series_id: (head, figures[head.series_id]) for head in sorted(heads)}
    rows = [
        (pk, head.at, figure.value, figure.count, _bytes(figure), figure.reported, head.origin)
        for pk, (head, figure) in saved.items()
    ]
    changes = {name: f"excluded.{name}" for name in NAMES[1:]}
    return saved, storing.upserting(CurrentValue, NAMES, rows, unique=["series"], changes=changes)


def _bytes(figure: Figure) -> bytes | None:
    return figure.histogram.to_bytes() if figure.histogram else None


def _ask_figures(heads: Sequence[Head], kpis: Mapping[int, KPI]) -> Callable[[], dict[int, Figure]]:
    """The aggregate of each head's window, by series; asked now and fetched later."""
    last = {head.series_id: head for head in heads if kpis[head.series_id].aggregation == "last"}
    left = [head for head in heads if head.series_id not in last]
    kinds: dict[tuple[bool, bool], list[Head]] = {}
    for head in left:
        kpi = kpis[head.series_id]
        kinds.setdefault((kpi.aggregation in PERCENTILES, _length(kpi) <= RAW_WINDOW), []).append(head)
    asked = [_ask_read(some, kpis, exact=exact, raw=raw) for (exact, raw), some in kinds.items()]

    def figures() -> dict[int, Figure]:
        found = {pk: Figure(head.value, head.samples, None, head.reported) for pk, head in last.items()}
        stretches: dict[int, list[Stretch]] = {}
        for rows in asked:
            for pk, stretch in rows():
                stretches.setdefault(pk, []).append(stretch)
        for head in left:
            # A series that is silent for years has no hours left: then its newest measurement is all that is known.
            alone = [one(head.value, head.samples, head.at, None, head.reported)]
            parts = sorted(stretches.get(head.series_id, alone), key=lambda stretch: (stretch.at, stretch.last))
            found[head.series_id] = aggregate(kpis[head.series_id].aggregation, parts)
        return found

    return figures


def _ask_read(
    heads: Sequence[Head], kpis: Mapping[int, KPI], *, exact: bool, raw: bool
) -> Callable[[], list[tuple[int, Stretch]]]:
    """What lies in the windows of series: every row where histograms are needed (`exact`), else sums made by the database."""
    spans = [span for head in heads for span in _spans(head, kpis[head.series_id])]
    if not exact:
        sums = storing.ask_within(Measurement if raw else Rollup, RAW_SUMS if raw else ROLLED_SUMS, spans, grouped=True)
        return lambda: [
            (pk, Stretch(storing.moment(at), points, count, total, plain, low, high, high))
            for pk, at, points, count, total, plain, low, high in sums()
        ]
    if raw:
        return sliding.ask_read(spans)
    rolled = storing.ask_within(Rollup, ROLLED, spans)
    return lambda: [
        (pk, Stretch(storing.moment(at), points, count, total, plain, low, high, last, _histogram(data), bool(reported)))
        for pk, at, points, count, total, plain, low, high, last, data, reported in rolled()
    ]


def _histogram(data: Any) -> Histogram | None:
    return Histogram.from_bytes(data) if data is not None else None


def _length(kpi: KPI) -> timedelta:
    return timedelta(seconds=kpi.window_s)


def _window_start(kpi: KPI, end: datetime) -> datetime:
    """What is not after this moment lies before the window."""
    if _length(kpi) <= RAW_WINDOW:
        return end - _length(kpi)
    return bucket(end - _length(kpi), "hour") - MOMENT


def _spans(head: Head, kpi: KPI) -> list[Span]:
    """The rows to read for a window: raw ones, or hours at both ends and days between them."""
    pk, start = head.series_id, _window_start(kpi, head.at)
    if _length(kpi) <= RAW_WINDOW:
        return [Span(pk, start, head.at)]
    first_day = bucket(start, "day") + timedelta(days=1)  # the first that lies wholly in the window
    today = bucket(head.at, "day")
    if first_day >= today:
        return [Span(pk, start, head.at, "hour")]
    parts = [(start, first_day - MOMENT, "hour"), (first_day - MOMENT, today - MOMENT, "day"), (today - MOMENT, head.at, "hour")]
    return [Span(pk, *part) for part in parts]
