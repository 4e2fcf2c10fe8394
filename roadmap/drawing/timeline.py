"""The time line of a plan and its phases, in per cent of its width, so that a phone and a wall screen draw the same file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil

NAME, SHORT_NAME, FLAG = 14, 7, 7.5
"""Per cent of a time line that the name of a month takes, its first three letters, and half of the flag of today."""


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

    @property
    def last_week(self) -> int:
        """Of a long axis not every week is named."""
        return self.days // 7

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
