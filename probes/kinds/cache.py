"""Cache hit rate from the application's own counters."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from probes.kinds.base import Measured, Target, Tools
from probes.metrics.reading import Told, ratio, reading
from probes.metrics.reading import measure as from_metrics
from probes.metrics.scrape import Scrape
from probes.metrics.window import Window

LABEL = "Cache"
METRICS = {"cache_hit_rate": "ratio"}
DEFAULT_INTERVAL_S = 60
TIMED = False
RESULTS = {"hit": True, "hits": True, "miss": False, "misses": False}


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cache_name: Annotated[
        str, Meta(title="Cache", description="Only the cache of this name; empty: all together.", max_length=80)
    ] = ""


async def measure(target: Target, params: Params, tools: Tools) -> Measured:
    return await from_metrics(tools, lambda now, since: told(now, since, params.cache_name))


def told(now: Scrape, since: Window | None, cache_name: str = "") -> Told:
    """Δhits ÷ (Δhits + Δmisses). Hits without a series of misses are refused: the naive rate would be 100 %."""
    if since is None:
        return Told([], [])
    counts = counted(since, cache_name)
    if not counts:
        return Told([], ["the application counts no cache look-ups"])
    if False not in counts:
        return Told([], ["hits are counted but no misses, so no rate can be told"])
    if True not in counts:
        return Told([], ["misses are counted but no hits, so no rate can be told"])
    asked = counts[True] + counts[False]
    rate = ratio(counts[True], asked)
    if rate is None:
        return Told([], ["no look-up in the window"])
    return Told([reading("cache_hit_rate", rate, "ratio", now.at, asked)], [])


def counted(since: Window, cache_name: str) -> dict[bool, float]:
    """Look-ups in the window by whether they hit; a side whose series does not exist is left out."""
    found: dict[bool, float] = {}
    for (_, labels), grown in since.deltas("cache_requests_total").items():
        told = dict(labels)
        hit = RESULTS.get(told.get("result", told.get("status", "")))
        if hit is not None and cache_name in ("", told.get("cache_name", told.get("cache", ""))):
            found[hit] = found.get(hit, 0.0) + grown
    for name, hit in (("cache_hits_total", True), ("cache_misses_total", False)):
        grown_by = since.grown(name)
        if grown_by is not None:
            found[hit] = found.get(hit, 0.0) + grown_by
    return found
