"""Resident memory and how it grows, CPU and restarts of the application's process, from its own metrics."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from kpis.readings import Reading
from kpis.stats.trend import FEWEST_POINTS, Trend, trend
from probes.kinds.base import Measured, Outcome, Target, Tools
from probes.metrics.reading import Told, reading
from probes.metrics.reading import measure as from_metrics
from probes.metrics.scrape import Scrape
from probes.metrics.window import Window

LABEL = "Memory and CPU"
METRICS = {"resident_memory": "bytes", "memory_growth": "bytes/h", "cpu": "ratio", "restarts": "count"}
DEFAULT_INTERVAL_S = 60
TIMED = False
MEMORY = ("process_resident_memory_bytes", "process_memory_usage_bytes")
CPU = ("process_cpu_seconds_total", "process_cpu_time_seconds_total")
HOUR_S = 3600.0
MOST_POINTS = 160
SHORTEST_S = 600.0
"""A slope over less than this says how a process warms up, not whether it leaks."""

Points = list[tuple[float, float]]


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    growth_h: Annotated[
        float,
        Meta(
            title="Growth over, hours",
            description="How far back the slope of resident memory looks; it begins anew with the process.",
            ge=0.25,
            le=72,
        ),
    ] = 6.0


async def measure(target: Target, params: Params, tools: Tools) -> Measured:
    found = await from_metrics(tools, told)
    if found.outcome == Outcome.INVALID:  # another process, or several: what one of them used says nothing of the next
        return found
    resident = next((one for one in found.readings if one.metric == "resident_memory"), None)
    if resident is None:
        return found
    at = resident.at.timestamp()
    points = within(kept(tools.previous), at, params.growth_h * HOUR_S)
    line = slope([*points, (at, resident.value)])
    memory = found.memory | {"resident": thinned([*points, (at, resident.value)])}
    if line is None:
        told_ = f"not told: it takes {FEWEST_POINTS} points and {SHORTEST_S / 60:g} minutes of one process"
        return replace(found, memory=memory, details=found.details | {"memory_growth": told_})
    hours = (at - points[0][0]) / HOUR_S
    growth = Reading(
        metric="memory_growth", value=line.slope, unit="bytes/h", at=resident.at, count=len(points) + 1, low=line.low,
        high=line.high, note=f"95 % interval {line.low / 1e6:.3g} to {line.high / 1e6:.3g} MB/h, over {hours:.2g} h",
    )  # fmt: skip
    return replace(found, memory=memory, readings=[*found.readings, growth])


def kept(memory: dict[str, Any]) -> Points:
    """(time, bytes) of earlier runs; none where they cannot be understood any more."""
    try:
        return [(float(at), float(value)) for at, value in memory["resident"]]
    except (KeyError, TypeError, ValueError):
        return []


def within(points: Points, at: float, length_s: float) -> Points:
    return [point for point in points if at - length_s <= point[0] < at]


def thinned(points: Points) -> Points:
    """Every second point once there are too many: all pairs are compared, beside requests that are being timed."""
    return points if len(points) <= MOST_POINTS else points[::-1][::2][::-1]


def slope(points: Points) -> Trend | None:
    """Bytes an hour with its 95 % interval (Theil and Sen); None from too little."""
    if points[-1][0] - points[0][0] < SHORTEST_S:
        return None
    return trend([((at - points[0][0]) / HOUR_S, value) for at, value in points])


def told(now: Scrape, since: Window | None) -> Told:
    found: list[Reading] = []
    missing: list[str] = []
    resident = _resident(now)
    if resident is None:
        missing.append("the application shows no process metrics (several worker processes hide them)")
    else:
        found.append(reading("resident_memory", resident, "bytes", now.at))
    if since is None:
        return Told(found, missing)
    used = since.grown(*CPU)
    if used is not None:
        found.append(reading("cpu", used / since.seconds, "ratio", now.at, note="of one core"))
    if now.started is None and used is None:
        missing.append("the application tells no start time, so restarts cannot be seen")
    else:
        found.append(reading("restarts", 0, "count", now.at))
    return Told(found, missing)


def _resident(now: Scrape) -> float | None:
    """Resident memory; OpenTelemetry tells resident and virtual apart by a label."""
    for name in MEMORY:
        rows = list(now.named(name))
        typed = [value for labels, value in rows if labels.get("type") == "rss"]
        if rows:
            return typed[0] if typed else rows[0][1]
    return None
