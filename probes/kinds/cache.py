"""Cache hit rate: from the application's counters, from Redis itself, or from what answers say."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from probes.kinds.base import Measured, Outcome, Target, Tools
from probes.kinds.params import Paths
from probes.metrics.reading import Told, ratio, reading
from probes.metrics.reading import measure as from_metrics
from probes.metrics.scrape import Scrape
from probes.metrics.window import Window
from probes.sources import NO_WINDOW, Unread, hit_header, nothing, redis, remembered

LABEL = "Cache"
METRICS = {"cache_hit_rate": "ratio"}
DEFAULT_INTERVAL_S = 60
TIMED = False
RESULTS = {"hit": True, "hits": True, "miss": False, "misses": False}


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: Annotated[
        Literal["metrics", "redis", "header"],
        Meta(
            title="Read from",
            description="redis needs the service's Redis address.",
            extra_json_schema={
                "labels": {
                    "metrics": "metrics: the application's own counters",
                    "redis": "redis: INFO of the service's Redis, all its clients together",
                    "header": "header: what answers say of a few own requests",
                }
            },
        ),
    ] = "metrics"
    cache_name: Annotated[
        str, Meta(title="Cache", description="For metrics: only the cache of this name; empty: all together.", max_length=80)
    ] = ""
    header: Annotated[
        str,
        Meta(
            title="Header",
            description="For header: the one that says HIT or MISS.",
            pattern=r"^[A-Za-z0-9-]{1,60}$(?#the name of a header, 1 to 60 letters, digits and dashes)",
        ),
    ] = "X-FastAPI-Cache"
    paths: Annotated[
        Paths, Meta(title="Paths", description="For header: one a line, asked in turn.", min_length=1, max_length=20)
    ] = msgspec.field(default_factory=lambda: ["/"])
    requests: Annotated[int, Meta(title="Requests a run", description="For header.", ge=1, le=50)] = 10


async def measure(target: Target, params: Params, tools: Tools) -> Measured:
    if params.source == "metrics":
        return await from_metrics(tools, lambda now, since: told(now, since, params.cache_name))
    try:
        found = await (_from_redis if params.source == "redis" else _from_header)(target, params, tools)
    except Unread as why:
        return why.measured(tools.previous)
    return replace(found, details={"source": params.source} | found.details)


async def _from_redis(target: Target, params: Params, tools: Tools) -> Measured:
    at = tools.now()
    before = remembered(tools.previous, params.source, at)
    now = await redis.lookups(target.redis_url, tools.policy)
    memory = {"source": params.source, "at": at.isoformat(), **now.to_memory()}
    if not before:
        return nothing(NO_WINDOW, memory)
    try:
        hits, misses = redis.between(before, now)
    except Unread as why:
        return why.measured(memory)
    rate = ratio(hits, hits + misses)
    if rate is None:
        return nothing("no look-up in the window", memory)
    found = reading("cache_hit_rate", rate, "ratio", at, hits + misses, note="server-wide: all clients of this Redis")
    return Measured(outcome=Outcome.OK, readings=[found], memory=memory, details={"hits": hits, "misses": misses})


async def _from_header(target: Target, params: Params, tools: Tools) -> Measured:
    at = tools.now()
    found: Counter[str] = await hit_header.sampled(target, tools, params.paths, params.requests, params.header)
    asked = found["hit"] + found["miss"]
    rate = reading("cache_hit_rate", found["hit"] / asked, "ratio", at, asked, note="sampled by own requests")
    return Measured(outcome=Outcome.OK, readings=[rate], details=dict(found))


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
