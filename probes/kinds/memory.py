"""Resident memory, CPU and restarts of the application's process, from its own metrics."""

from __future__ import annotations

import msgspec

from kpis.readings import Reading
from probes.kinds.base import Measured, Target, Tools
from probes.metrics.reading import Told, reading
from probes.metrics.reading import measure as from_metrics
from probes.metrics.scrape import Scrape
from probes.metrics.window import Window

LABEL = "Memory and CPU"
METRICS = {"resident_memory": "bytes", "cpu": "ratio", "restarts": "count"}
DEFAULT_INTERVAL_S = 60
TIMED = False
MEMORY = ("process_resident_memory_bytes", "process_memory_usage_bytes")
CPU = ("process_cpu_seconds_total", "process_cpu_time_seconds_total")


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


async def measure(target: Target, params: Params, tools: Tools) -> Measured:
    return await from_metrics(tools, told)


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
