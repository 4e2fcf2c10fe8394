"""The courses of a KPI and its series and what they were held to, as the dict that static/js/charts.js draws. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

GAP = 3.0
"""Neighbours further apart than so many usual steps are not joined: no data is never bridged."""


@dataclass(frozen=True)
class Course:
    """A line: (at, value) in time order, and how far apart neighbours usually stand. `short` is the name at its end."""

    label: str
    short: str
    points: Sequence[tuple[datetime, float]]
    step_s: float = 0


@dataclass(frozen=True)
class Held:
    """What a KPI was held to from `start` to `end`."""

    start: datetime
    end: datetime
    number: int
    target: float
    alert: float | None


def chart(
    courses: Sequence[Course],
    held: Sequence[Held],
    waived: Sequence[tuple[datetime, datetime]],
    *,
    unit: str,
    words: tuple[str, str],
    start: datetime,
    end: datetime,
    silenced: Sequence[tuple[datetime, datetime]] = (),
    fired: Sequence[datetime] = (),
) -> dict[str, Any]:
    """The first course is the one that is judged; times are milliseconds. `words` name the target and the alert line."""
    return {
        "unit": unit,
        "start": ms(start),
        "end": ms(end),
        "zero": _from_zero(courses, held),
        "series": [
            {"label": course.label, "short": course.short, "points": with_gaps(course.points, _step(course))}
            for course in courses
        ],
        "lines": _lines(held, words),
        "moments": [
            *({"at": ms(one.start), "label": f"target v{one.number}"} for one in held[1:]),
            *({"at": ms(at), "label": "alert fired"} for at in fired),
        ],
        "bands": [
            {"from": ms(max(since, start)), "to": ms(min(until, end)), "label": label}
            for label, spans in (("waived", waived), ("silenced", silenced))
            for since, until in spans
        ],
    }


def _from_zero(courses: Sequence[Course], held: Sequence[Held]) -> bool:
    """Whether the axis begins at 0: where figures are near it, compared with how far they reach."""
    values = [value for course in courses for _, value in course.points]
    limits = [value for one in held for value in (one.target, one.alert) if value is not None]
    low, high = min([*values, *limits], default=0), max([*values, *limits], default=1)
    return low >= 0 and low < high * 0.4


def _lines(held: Sequence[Held], words: tuple[str, str]) -> list[dict[str, Any]]:
    """What was held to, as stepped lines; none where nothing was stated."""
    lines: list[dict[str, Any]] = [
        {"kind": "target", "label": words[0], "points": _stepped([(one.start, one.end, one.target) for one in held])},
        {"kind": "alert", "label": words[1], "points": _stepped([(one.start, one.end, one.alert) for one in held])},
    ]
    return [line for line in lines if any(value is not None for _, value in line["points"])]


def ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def with_gaps(points: Sequence[tuple[datetime, float]], step_s: float) -> list[tuple[int, float | None]]:
    """Points for the chart, with a null in every gap."""
    found: list[tuple[int, float | None]] = []
    for index, (at, value) in enumerate(points):
        if index and step_s and (at - points[index - 1][0]).total_seconds() > GAP * step_s:
            found.append((ms(points[index - 1][0]) + 1, None))
        found.append((ms(at), value))
    return found


def _step(course: Course) -> float:
    """How far apart neighbours usually stand: measured every six hours is no gap between hourly points."""
    apart = [(later[0] - one[0]).total_seconds() for one, later in pairwise(course.points)]
    return max(course.step_s, median(apart)) if apart else course.step_s


def _stepped(parts: Sequence[tuple[datetime, datetime, float | None]]) -> list[tuple[int, float | None]]:
    """Level from start to end of each version; no line where nothing was stated."""
    return [(ms(at), value) for start, end, value in parts for at in (start, end)]
