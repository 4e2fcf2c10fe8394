"""Error budgets: how fast they burn, over a long and a short window together. Pure.

Windows and factors are those of the Google SRE workbook, chapter 5, for a budget of 30 days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Pair:
    """Both windows burn at least `factor` times as fast as the budget allows."""

    long: timedelta
    short: timedelta
    factor: float


PAIRS = (
    Pair(timedelta(hours=1), timedelta(minutes=5), 14.4),
    Pair(timedelta(hours=6), timedelta(minutes=30), 6.0),
    Pair(timedelta(days=3), timedelta(hours=6), 1.0),
)
LONGEST = PAIRS[-1].long


@dataclass(frozen=True)
class Events:
    """What happened by a time: how many events, and which share of them was bad."""

    at: datetime
    count: int
    bad: float


@dataclass(frozen=True)
class Burn:
    """The pair that burns the fastest: its rate over the long window."""

    rate: float
    pair: Pair
    events: int


def rate(events: Sequence[Events], *, since: datetime, objective: float, min_events: int) -> tuple[float, int] | None:
    """Error ratio ÷ (1 − objective) of what happened after a time, and the number of events; None with too few."""
    inside = [one for one in events if one.at > since]
    count = sum(one.count for one in inside)
    if count < max(1, min_events):
        return None
    return sum(one.count * one.bad for one in inside) / count / (1 - objective), count


def burn(events: Sequence[Events], *, now: datetime, objective: float, min_events: int) -> Burn | None:
    """The fastest pair that burns past its factor in both windows; None where none does.

    The minimum of events holds for the long window; the short one must have some, and tells whether it still burns.
    """
    for pair in PAIRS:
        long = rate(events, since=now - pair.long, objective=objective, min_events=min_events)
        short = rate(events, since=now - pair.short, objective=objective, min_events=1)
        if long and short and long[0] >= pair.factor and short[0] >= pair.factor:
            return Burn(long[0], pair, long[1])
    return None


def known(events: Sequence[Events], *, now: datetime, min_events: int) -> bool:
    """Whether there are enough events, in any long window, to say that nothing burns."""
    return any(rate(events, since=now - pair.long, objective=0.5, min_events=min_events) is not None for pair in PAIRS)
