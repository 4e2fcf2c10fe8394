"""Latency, error rate and availability by own requests, timed at the client."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Annotated
from urllib.parse import SplitResult

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from kpis.readings import Reading
from kpis.stats.histogram import Histogram
from outgoing.addresses import Refused, checked_url
from probes.addresses import below
from probes.kinds.base import Measured, Outcome, Target, Tools
from probes.kinds.params import Paths
from probes.stopwatch import Plan, Result, prepare, run

LABEL = "HTTP requests"
METRICS = {"latency": "ms", "error_rate": "ratio", "availability": "ratio"}
DEFAULT_INTERVAL_S = 30
TIMED = True
LONGEST_S = 40.0
"""No request starts later than this into a run; the last one may still time out."""


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    paths: Annotated[
        Paths,
        Meta(title="Paths", description="One a line, such as /users?limit=20; asked in turn.", min_length=1, max_length=20),
    ] = msgspec.field(default_factory=lambda: ["/"])
    requests: Annotated[int, Meta(title="Requests a run", description="Shared among the paths.", ge=1, le=500)] = 20
    users: Annotated[int, Meta(title="At the same time", description="How many requests run side by side.", ge=1, le=5)] = 1
    timeout_s: Annotated[
        float, Meta(title="Time-out, s", description="A time-out counts as an error at its full time.", ge=0.1, le=30)
    ] = 5.0
    only_2xx: Annotated[
        bool, Meta(title="Only 2xx is a success", description="Otherwise an error is a 5xx, a time-out or a lost connection.")
    ] = False


async def measure(target: Target, params: Params, tools: Tools) -> Measured:
    try:
        origin, payloads = _asked(target.base_url, tuple(params.paths))
        if target.headers:
            payloads = [prepare("GET", address, target.headers) for address in _addresses(target.base_url, params.paths)]
        plan = Plan(
            origin=origin, payloads=payloads, requests=params.requests, users=params.users,
            timeout_s=params.timeout_s, total_s=LONGEST_S,
        )  # fmt: skip
        at = tools.now()
        result = await run(plan, tools.policy)
    except Refused as refused:
        return Measured(outcome=Outcome.REFUSED, reason="address", error=str(refused))
    asked = {"asked": [f"GET {path}" for path in params.paths], "at_the_same_time": params.users}
    found = judged(result, at=at, only_2xx=params.only_2xx)
    return replace(found, details=asked | found.details)


@lru_cache(maxsize=4096)
def _asked(base_url: str, paths: tuple[str, ...]) -> tuple[SplitResult, list[bytes]]:
    """Where to connect, and what to send in turn: the same for every run of a probe. Raises Refused.

    Headers are no part of it: they may be secrets, which are not kept.
    """
    return checked_url(base_url), [prepare("GET", address, {}) for address in _addresses(base_url, paths)]


def _addresses(base_url: str, paths: Sequence[str]) -> list[str]:
    return [below(base_url, path) for path in paths]


def judged(result: Result, *, at: datetime, only_2xx: bool = False) -> Measured:
    """Readings of a result: without a single answer the run failed, and only availability is known.

    Where most requests failed the times are left out: an error that comes at once is not fast. A run is one attempt at
    availability, however many requests it could make: a dead service must not weigh less because it was given up early.
    """
    bad = {status for status in result.statuses if status >= 500 or (only_2xx and not 200 <= status < 300)}
    failed = sum(result.statuses[status] for status in bad) + result.errors.total()
    details = {
        "requests": result.attempts,
        "statuses": {str(status): count for status, count in sorted(result.statuses.items())},
        "errors": dict(result.errors),
        "connect_ms": _median(result.connects_ms),
        "bytes": result.size,
        "complete": result.complete,
    }
    if not result.attempts:
        return Measured(outcome=Outcome.TIMED_OUT, error="no request was answered in time", details=details)
    good = result.attempts - failed
    availability = Reading(
        metric="availability", value=good / result.attempts, unit="ratio", at=at, note=f"{good} of {result.attempts} requests"
    )
    if not result.statuses:
        text = "; ".join(f"{name} ({count}×)" for name, count in result.errors.most_common(3))
        outcome = Outcome.TIMED_OUT if set(result.errors) == {"timed out"} else Outcome.FAILED
        return Measured(outcome=outcome, error=text, readings=[availability], details=details)
    errors = Reading(metric="error_rate", value=failed / result.attempts, unit="ratio", at=at, count=result.attempts)
    if failed > good:
        return Measured(outcome=Outcome.OK, reason="most requests failed", readings=[errors, availability], details=details)
    latency = Histogram.from_values(result.times_ms)
    details |= {f"p{percent}_ms": round(latency.percentile(percent), 3) for percent in (50, 95, 99)}
    values, counts = latency.as_counts()
    details["histogram"] = {"unit": "ms", "values": values, "counts": counts}
    times = Reading(metric="latency", value=latency.mean(), unit="ms", at=at, count=latency.count, histogram=latency)
    return Measured(outcome=Outcome.OK, readings=[times, errors, availability], details=details)


def _median(values: Sequence[float]) -> float | None:
    return round(sorted(values)[len(values) // 2], 3) if values else None
