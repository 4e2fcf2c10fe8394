"""The cumulative cash flow of a plan, in a view box of its own, and money as its axis tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor, log10

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 500, 270, 66, 72, 14, 34


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
    span_x, span_y = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    months = max(1, len(cumulative) - 1)

    def x(month: float) -> float:
        return round(LEFT + span_x * month / months, 1)

    def y(amount: float) -> float:
        return round(TOP + span_y * (top - amount) / (top - bottom), 1)

    def path(amounts: Sequence[Decimal]) -> str:
        return " ".join(f"{'M' if i == 0 else 'L'}{x(i)} {y(float(amount))}" for i, amount in enumerate(amounts))

    count = round((top - bottom) / step)
    return FlowChart(
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
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
