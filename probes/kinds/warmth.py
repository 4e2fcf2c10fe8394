"""What a cache is worth: the same requests cold, past the cache, and warm, timed at the client."""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_hex
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from kpis.readings import Reading
from outgoing.addresses import Refused, checked_url
from probes.addresses import below
from probes.kinds.base import Measured, Outcome, Target, Tools
from probes.kinds.http import judged
from probes.kinds.params import Paths
from probes.stopwatch import Plan, prepare, run

LABEL = "Cache, cold against warm"
METRICS = {"cold_latency": "ms", "warm_latency": "ms"}
DEFAULT_INTERVAL_S = 300
TIMED = True
KEPT = {"statuses", "errors", "p50_ms", "p95_ms"}
LONGEST_S = 15.0
"""No request starts later than this into its half."""


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    paths: Annotated[
        Paths, Meta(title="Paths", description="One a line: answers that are cached.", min_length=1, max_length=20)
    ] = msgspec.field(default_factory=lambda: ["/"])
    past_the_cache: Annotated[
        Literal["header", "query"],
        Meta(
            title="Past the cache by",
            description="header: Cache-Control: no-cache, which caching libraries honour. query: a new parameter each time.",
        ),
    ] = "header"
    requests: Annotated[int, Meta(title="Requests of each sort", ge=2, le=200)] = 10
    timeout_s: Annotated[float, Meta(title="Time-out, s", ge=0.1, le=10)] = 5.0


async def measure(target: Target, params: Params, tools: Tools) -> Measured:
    """Cold first; then each path once unseen, so that the warm half finds it in the cache."""
    at = tools.now()
    try:
        cold = judged(await run(_cold(target, params), tools.policy), at=at, only_2xx=True)
        warm = judged(await run(_warm(target, params), tools.policy), at=at, only_2xx=True)
    except Refused as refused:
        return Measured(outcome=Outcome.REFUSED, reason="address", error=str(refused))
    halves = {"cold": cold, "warm": warm}
    details = {f"{name}_{figure}": half.details[figure] for name, half in halves.items() for figure in KEPT & half.details.keys()}
    found = {name: _latency(half) for name, half in halves.items()}
    if None in found.values():
        missed = next(half for name, half in halves.items() if found[name] is None)
        outcome = Outcome.FAILED if missed.outcome == Outcome.OK else missed.outcome
        return Measured(outcome=outcome, error=missed.error or missed.reason, details=details)
    readings = [replace(one, metric=f"{name}_latency") for name, one in found.items() if one is not None]
    return Measured(outcome=Outcome.OK, readings=readings, details=details)


def _latency(half: Measured) -> Reading | None:
    return next((one for one in half.readings if one.metric == "latency"), None)


def _cold(target: Target, params: Params) -> Plan:
    """A first request that warms nothing but the connection, then each past the cache."""
    payloads = []
    for turn in range(params.requests + 1):
        url = below(target.base_url, params.paths[turn % len(params.paths)])
        if params.past_the_cache == "query":
            url += f"{'&' if '?' in url else '?'}milepost={token_hex(8)}"
            payloads.append(prepare("GET", url, target.headers))
        else:
            payloads.append(prepare("GET", url, target.headers | {"Cache-Control": "no-cache"}))
    return _plan(target, params, payloads, warm_up=1)


def _warm(target: Target, params: Params) -> Plan:
    payloads = [prepare("GET", below(target.base_url, path), target.headers) for path in params.paths]
    return _plan(target, params, payloads, warm_up=len(payloads))


def _plan(target: Target, params: Params, payloads: Sequence[bytes], *, warm_up: int) -> Plan:
    return Plan(
        origin=checked_url(target.base_url), payloads=payloads, requests=params.requests, warm_up=warm_up,
        timeout_s=params.timeout_s, total_s=LONGEST_S,
    )  # fmt: skip
