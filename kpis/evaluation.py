"""The one judge: a goal, the points of a KPI and a clock reading give a status. Nothing else compares an actual with a target."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

COMPARATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Status(StrEnum):
    """In the order in which the judge decides: the first that fits."""

    NO_DATA = "no_data"
    STALE = "stale"
    NO_TARGET = "no_target"
    BREACHED = "breached"
    MET = "met"
    ON_TRACK = "on_track"
    BEHIND = "behind"


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A target as the judge needs it, all figures in the KPI's unit; what is None was not stated.

    `effective_from` is since when this version is in force.
    """

    comparator: str
    value: float
    lower_is_better: bool
    alert_threshold: float | None = None
    baseline: float | None = None
    baseline_on: date | None = None
    due_on: date | None = None
    for_s: int = 0
    recover_s: int = 0
    effective_from: datetime | None = None

    @property
    def met_from_the_start(self) -> bool:
        """Whether the baseline meets the target, or equals it: there is no way to go."""
        return self.baseline is not None and (self.baseline == self.value or self.met_by(self.baseline))

    def met_by(self, actual: float) -> bool:
        return COMPARATORS[self.comparator](actual, self.value)

    def alerted_by(self, actual: float) -> bool:
        """Whether the figure is strictly worse than the alert threshold; never, where there is none."""
        if self.alert_threshold is None:
            return False
        return actual > self.alert_threshold if self.lower_is_better else actual < self.alert_threshold


@dataclass(frozen=True)
class Point:
    """The KPI's actual at a time, in its unit."""

    at: datetime
    value: float


@dataclass(frozen=True)
class Memory:
    """What the judge remembers between two looks: the breach, since when a side of the threshold holds, and the status."""

    breached: bool = False
    bad_since: datetime | None = None
    good_since: datetime | None = None
    seen_until: datetime | None = None
    status: Status | None = None
    since: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON form, for keeping."""
        return {
            "breached": self.breached,
            "bad_since": _iso(self.bad_since),
            "good_since": _iso(self.good_since),
            "seen_until": _iso(self.seen_until),
            "status": self.status,
            "since": _iso(self.since),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Memory:
        return cls(
            breached=bool(data.get("breached")),
            bad_since=_moment(data.get("bad_since")),
            good_since=_moment(data.get("good_since")),
            seen_until=_moment(data.get("seen_until")),
            status=Status(data["status"]) if data.get("status") else None,
            since=_moment(data.get("since")),
        )


@dataclass(frozen=True)
class Evaluation:
    """The judgement: `asked` is the attainment that the plan asks for today; null figures could not be told."""

    status: Status
    since: datetime | None
    actual: float | None
    attainment: float | None
    asked: float | None
    memory: Memory


def attainment(goal: Goal, actual: float) -> float | None:
    """(baseline − actual) ÷ (baseline − target): 0 at the baseline, 1 at the target, in both directions.

    Where the baseline already meets the target, or equals it, there is no way to go: 1 while met and 0 otherwise.
    None without a baseline.
    """
    if goal.baseline is None:
        return None
    if goal.met_from_the_start:
        return 1.0 if goal.met_by(actual) else 0.0
    return (goal.baseline - actual) / (goal.baseline - goal.value)


def asked(goal: Goal, now: datetime) -> float | None:
    """The share of the way that a straight line from the baseline's date to the due date asks for at `now`, 0…1.

    None without a baseline, its date or a due date; all of it is asked for from the start of the due date on.
    """
    if goal.baseline is None or goal.baseline_on is None or goal.due_on is None:
        return None
    start, due = _midnight(goal.baseline_on), _midnight(goal.due_on)
    if due <= start or now >= due:
        return 1.0
    return max(0.0, (now - start) / (due - start))


def evaluate(
    goal: Goal | None,
    points: Sequence[Point],
    *,
    now: datetime,
    previous: Memory | None = None,
    freshness_s: int,
    oldest_at: datetime | None = None,
) -> Evaluation:
    """Judge a KPI by its points (any order; those of the *for* and *recover* windows, the newest being the actual).

    `previous` is the memory of the last look; `oldest_at` the newest measurement of the series that is the furthest
    behind, where several count. The result depends on nothing else: no clock, no database.
    """
    previous = previous or Memory()
    ordered = sorted((point for point in points if math.isfinite(point.value)), key=lambda point: point.at)
    if not ordered:
        return _judged(Status.NO_DATA, None, None, None, previous, now)
    newest = ordered[-1]
    actual = newest.value
    stale_from = min(newest.at, oldest_at or newest.at) + timedelta(seconds=freshness_s)
    if stale_from < now:
        return _judged(Status.STALE, actual, None, None, previous, stale_from)
    if goal is None:
        return _judged(Status.NO_TARGET, actual, None, None, Memory(status=previous.status, since=previous.since), newest.at)
    breach = _follow(goal, ordered, previous)
    way, wanted = attainment(goal, actual), asked(goal, now)
    if breach.breached:
        status = Status.BREACHED
    elif goal.met_by(actual):
        status = Status.MET
    elif way is not None and wanted is not None and way >= wanted:
        status = Status.ON_TRACK
    else:
        status = Status.BEHIND
    return _judged(
        status, actual, way, wanted, _judged_anew(goal, status, breach), max(newest.at, goal.effective_from or newest.at)
    )


def _judged_anew(goal: Goal, status: Status, memory: Memory) -> Memory:
    """A status is no older than the version that it is judged by, only a breach goes on from one version to the next."""
    if status == Status.BREACHED or memory.since is None or goal.effective_from is None:
        return memory
    return replace(memory, since=max(memory.since, goal.effective_from))


def _follow(goal: Goal, ordered: Sequence[Point], memory: Memory) -> Memory:
    """Carry the breach over the points not yet seen: it begins after *for* past the threshold, ends after *recover*.

    What was measured before the version took effect lasts from that moment on, however it arrived.
    """
    breached, bad_since, good_since = memory.breached, memory.bad_since, memory.good_since
    if goal.alert_threshold is None:
        return Memory(seen_until=ordered[-1].at, status=memory.status, since=memory.since)
    for point in ordered:
        if memory.seen_until is not None and point.at < memory.seen_until:
            continue
        at = max(point.at, goal.effective_from or point.at)
        if goal.alerted_by(point.value):
            bad_since, good_since = bad_since or at, None
            breached = breached or at - bad_since >= timedelta(seconds=goal.for_s)
        else:
            bad_since, good_since = None, good_since or at
            breached = breached and at - good_since < timedelta(seconds=goal.recover_s)
    return Memory(breached, bad_since, good_since, ordered[-1].at, memory.status, memory.since)


def _judged(
    status: Status, actual: float | None, way: float | None, wanted: float | None, memory: Memory, changed_at: datetime
) -> Evaluation:
    """Attach since when: unchanged while the status is, otherwise the moment that changed it."""
    since = memory.since if memory.status == status and memory.since is not None else changed_at
    kept = Memory(memory.breached, memory.bad_since, memory.good_since, memory.seen_until, status, since)
    return Evaluation(status, None if status == Status.NO_DATA else since, actual, way, wanted, kept)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
