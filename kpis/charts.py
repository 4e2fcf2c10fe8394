"""A history and its goals as the small dict that `static/js/charts.js` draws. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

Point = tuple[datetime, float]
GAP = 3.0
"""Neighbours further apart than so many usual steps are not joined: no data is never bridged."""


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def with_gaps(points: Sequence[Point], step_s: float) -> list[tuple[int, float | None]]:
    """Points for the chart, with a null in every gap."""
    found: list[tuple[int, float | None]] = []
    for index, (at, value) in enumerate(points):
        if index and step_s and (at - points[index - 1][0]).total_seconds() > GAP * step_s:
            found.append((ms(points[index - 1][0]) + 1, None))
        found.append((ms(at), value))
    return found


def chart(
    *,
    label: str,
    unit: str,
    points: Sequence[Point],
    step_s: float,
    start: datetime,
    end: datetime,
    targets: Iterable[tuple[datetime, datetime, float, float | None]],
) -> dict[str, Any]:
    """One series with its target and alert lines; `targets` are (from, to, value, alert threshold) of each version."""
    lines: dict[str, list[list[float]]] = {"target": [], "alert": []}
    for begin, finish, value, alert in targets:
        for kind, level in (("target", value), ("alert", alert)):
            if level is not None:
                lines[kind] += [[ms(begin), level], [ms(finish), level]]
    return {
        "series": [{"label": label, "points": with_gaps(points, step_s)}],
        "lines": [{"label": kind, "kind": kind, "points": drawn} for kind, drawn in lines.items() if drawn],
        "moments": [],
        "start": ms(start),
        "end": ms(end),
        "unit": unit,
        "zero": True,
    }
