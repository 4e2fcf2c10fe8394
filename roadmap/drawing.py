"""Geometry of the plan's drawings, as numbers for SVG attributes.

Time lines run in per cent of their width, so that a phone and a wall screen draw the same file. The matrix and the
cash-flow chart have a view box of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from math import ceil, floor, log10

CELL_W, CELL_H, GAP, LEFT, TOP = 86, 60, 2, 35, 9
NAME, SHORT_NAME, FLAG = 14, 7, 7.5
"""Per cent of a time line that the name of a month takes, its first three letters, and half of the flag of today."""
CHART_W, CHART_H, CHART_LEFT, CHART_RIGHT, CHART_TOP, CHART_BOTTOM = 500, 270, 66, 72, 14, 34


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Mark:
    x: float
    text: str
    now: bool = False


@dataclass(frozen=True, kw_only=True)
class Axis:
    """`days` whole weeks from `first`; the plan ends at `plan_end` %, today stands at `today` % (None: outside).

    `raised`: the flag of today stands above the months, since the name of one would lie under it.
    """

    first: date
    days: int
    weeks: tuple[Mark, ...]
    months: tuple[Mark, ...]
    plan_end: float
    today: float | None
    raised: bool

    def at(self, day: date) -> float:
        """Per cent of the width at which the day begins, held to 0…100."""
        return round(min(100.0, max(0.0, 100 * (day - self.first).days / self.days)), 3)

    def bar(self, first: date, last: date) -> Bar:
        """From the beginning of the first day to the end of the last."""
        left = self.at(first)
        return Bar(left, round(self.at(last + timedelta(days=1)) - left, 3))


@dataclass(frozen=True, kw_only=True)
class PhaseBars:
    planned: Bar
    planned_gate: float
    actual: Bar | None
    closed: bool
    gate: float


def axis(starts_on: date, plan_weeks: int, today: date, last: date | None = None) -> Axis:
    """An axis for the plan's weeks, and as many more as `today` or `last` need while the plan is not over for long."""
    plan_days = 7 * max(1, plan_weeks)
    reach = max([plan_days, *([(last - starts_on).days + 1] if last else [])])
    if plan_days <= (today - starts_on).days < 2 * plan_days:
        reach = max(reach, (today - starts_on).days + 1)
    weeks = ceil(reach / 7)
    days = 7 * weeks
    inside = 0 <= (today - starts_on).days < days
    at = round(100 * ((today - starts_on).days + 0.5) / days, 3) if inside else None
    every = ceil(weeks / 16)
    names = tuple(
        Mark(round(100 * (week - 0.5) / weeks, 3), f"W{week}", now=inside and (today - starts_on).days // 7 + 1 == week)
        for week in range(1, weeks + 1, every)
    )
    months = tuple(_months(starts_on, days))
    return Axis(
        first=starts_on,
        days=days,
        weeks=names,
        months=months,
        plan_end=round(100 * plan_days / days, 3),
        today=at,
        raised=at is not None and any(-FLAG - NAME < mark.x - at < FLAG for mark in months),
    )


def _months(first: date, days: int) -> Iterator[Mark]:
    """Every month inside the axis, named where it begins, or at the start of the axis where it began before; in short, or not
    at all, where the next one leaves no room. Of a long axis, every second, third … month."""
    room = SHORT_NAME * days / 100
    step = next(step for step in (1, 2, 3, 4, 6, 12, ceil(room / 28)) if 28 * step >= room)
    begins = [day for day in _firsts(first, days) if (day.year * 12 + day.month - 1) % step == 0]
    places = [round(100 * max(0, (day - first).days) / days, 3) for day in begins]
    for day, x, end in zip(begins, places, [*places[1:], 100.0], strict=True):
        if end - x >= SHORT_NAME:
            yield Mark(x, f"{day:%B}" if end - x >= NAME else f"{day:%b}")


def _firsts(first: date, days: int) -> Iterator[date]:
    """The first day of each month that lies in the axis, or reaches into it."""
    day = first.replace(day=1)
    while (day - first).days < days:
        yield day
        day = (day + timedelta(days=32)).replace(day=1)


def phase_bars(
    ruler: Axis, *, planned_first: date, planned_last: date, started_on: date | None, finished_on: date | None, today: date
) -> PhaseBars:
    """Planned above actual. The gate stands at the finish, or where it is planned while the phase is not finished."""
    planned = ruler.bar(planned_first, planned_last)
    planned_gate = round(planned.x + planned.width, 3)
    end = finished_on or today
    actual = ruler.bar(started_on, max(end, started_on)) if started_on and started_on <= end else None
    gate = round(actual.x + actual.width, 3) if actual and finished_on else max(planned_gate, ruler.today or 0.0)
    return PhaseBars(planned=planned, planned_gate=planned_gate, actual=actual, closed=finished_on is not None, gate=gate)


@dataclass(frozen=True, slots=True)
class Cell:
    x: int
    y: int
    score: int
    level: str


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Arrow:
    x1: float
    y1: float
    x2: float
    y2: float
    kind: str


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A risk as the matrix needs it: (likelihood, impact) before treatment and now."""

    text: str
    inherent: tuple[int, int] | None
    current: tuple[int, int] | None
    triggered: bool = False


@dataclass(frozen=True, kw_only=True)
class Matrix:
    cells: tuple[Cell, ...]
    dots: tuple[Dot, ...]
    arrows: tuple[Arrow, ...]
    columns: tuple[Mark, ...]
    rows: tuple[Mark, ...]


def centre(likelihood: int, impact: int) -> tuple[float, float]:
    return (
        LEFT + (likelihood - 1) * (CELL_W + GAP) + CELL_W / 2,
        TOP + (5 - impact) * (CELL_H + GAP) + CELL_H / 2 + 6,
    )


def matrix(risks: Sequence[Placed], levels: Sequence[tuple[int, str]]) -> Matrix:
    """`levels` are (highest score, name) from low up. Inherent dots lie beside the current ones of their cell."""
    cells = tuple(
        Cell(
            LEFT + (likelihood - 1) * (CELL_W + GAP),
            TOP + (5 - impact) * (CELL_H + GAP),
            likelihood * impact,
            next(name for limit, name in levels if likelihood * impact <= limit),
        )
        for likelihood in range(1, 6)
        for impact in range(1, 6)
    )
    spots = _spots(risks)
    dots: list[Dot] = []
    arrows: list[Arrow] = []
    for risk in risks:
        before, now = spots.get((risk.text, "inherent")), spots.get((risk.text, "current"))
        if before and risk.inherent != risk.current:
            dots.append(Dot(*before, risk.text, "inherent"))
        if now:
            dots.append(Dot(*now, risk.text, "triggered" if risk.triggered else "current"))
        if before and now and risk.inherent != risk.current:
            arrows.append(_arrow(before, now, "triggered" if risk.triggered else "eased"))
    dots.sort(key=lambda dot: dot.kind != "inherent")
    return Matrix(
        cells=cells,
        dots=tuple(dots),
        arrows=tuple(arrows),
        columns=tuple(Mark(centre(step, 1)[0], str(step)) for step in range(1, 6)),
        rows=tuple(Mark(centre(1, step)[1] - 2, str(step)) for step in range(1, 6)),
    )


def _spots(risks: Sequence[Placed]) -> dict[tuple[str, str], tuple[float, float]]:
    """Where each dot stands: those of one cell side by side, at most 26 units apart and never out of their cell."""
    wanted: dict[tuple[int, int], list[tuple[str, str]]] = {}
    for risk in risks:
        if risk.inherent and risk.inherent != risk.current:
            wanted.setdefault(risk.inherent, []).append((risk.text, "inherent"))
        if risk.current:
            wanted.setdefault(risk.current, []).append((risk.text, "current"))
    spots = {}
    for cell, names in wanted.items():
        x, y = centre(*cell)
        step = min(26.0, (CELL_W - 28) / max(1, len(names) - 1))
        for index, name in enumerate(names):
            spots[name] = (round(x + (index - (len(names) - 1) / 2) * step, 1), y)
    return spots


def _arrow(before: tuple[float, float], now: tuple[float, float], kind: str) -> Arrow:
    """From rim to rim: 12 units off the first centre, 18 off the second."""
    dx, dy = now[0] - before[0], now[1] - before[1]
    length = max((dx * dx + dy * dy) ** 0.5, 31.0)
    ux, uy = dx / length, dy / length
    return Arrow(
        round(before[0] + 12 * ux, 1), round(before[1] + 12 * uy, 1), round(now[0] - 18 * ux, 1), round(now[1] - 18 * uy, 1), kind
    )


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True, kw_only=True)
class FlowChart:
    """A step-free line of cumulative cash flow over months 0…n, in a view box `width` × `height`."""

    width: int
    height: int
    left: int
    right: int
    path: str
    zero: float
    ticks: tuple[Tick, ...]
    months: tuple[Tick, ...]
    crossing: float | None
    last: tuple[float, float]
    booked: str

    @property
    def late(self) -> bool:
        """The crossing lies too far right for words on that side."""
        return self.crossing is not None and self.crossing > self.width / 2


def flow_chart(
    cumulative: Sequence[Decimal], *, crossing: Decimal | None, booked: Sequence[Decimal] = (), symbol: str = ""
) -> FlowChart:
    """`crossing` is where the line meets zero, in months. `booked` is what was really spent and realised, from month 0."""
    low = float(min([Decimal(0), *cumulative, *booked]))
    high = float(max([Decimal(0), *cumulative, *booked]))
    step = _nice((high - low) / 5 or 1.0)
    bottom, top = floor(low / step) * step, max(ceil(high / step) * step, step)
    span_x, span_y = CHART_W - CHART_LEFT - CHART_RIGHT, CHART_H - CHART_TOP - CHART_BOTTOM
    months = max(1, len(cumulative) - 1)

    def x(month: float) -> float:
        return round(CHART_LEFT + span_x * month / months, 1)

    def y(amount: float) -> float:
        return round(CHART_TOP + span_y * (top - amount) / (top - bottom), 1)

    def path(amounts: Sequence[Decimal]) -> str:
        return " ".join(f"{'M' if i == 0 else 'L'}{x(i)} {y(float(amount))}" for i, amount in enumerate(amounts))

    count = round((top - bottom) / step)
    return FlowChart(
        width=CHART_W,
        height=CHART_H,
        left=CHART_LEFT,
        right=CHART_W - CHART_RIGHT,
        path=path(cumulative),
        zero=y(0),
        ticks=tuple(Tick(y(bottom + i * step), short_money(bottom + i * step, symbol)) for i in range(count + 1)),
        months=tuple(Tick(x(month), "start" if month == 0 else str(month)) for month in range(months + 1)),
        crossing=None if crossing is None else x(float(crossing)),
        last=(x(months), y(float(cumulative[-1]))),
        booked=path(booked) if len(booked) > 1 else "",
    )


def short_money(amount: float, symbol: str = "") -> str:
    """−$40k, $1.5M: for axis marks only."""
    sign, size = "−" if amount < 0 else "", abs(amount)
    for limit, letter in ((1e6, "M"), (1e3, "k")):
        if size >= limit:
            return f"{sign}{symbol}{size / limit:g}{letter}"
    return f"{sign}{symbol}{size:g}"


def _nice(rough: float) -> float:
    """The next of 1, 2, 2.5, 4, 5, 10 × a power of ten."""
    power = 10.0 ** floor(log10(rough))
    return next(power * factor for factor in (1, 2, 2.5, 4, 5, 10) if power * factor >= rough * 0.999)
