"""Latency, error rate and availability by own requests, timed at the client."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any
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
from probes.stopwatch.serving import KEPT_OUT, NOT_SERVED, asked_in_vain, unserved

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
        bool,
        Meta(
            title="Only 2xx is a success",
            description="Otherwise an error is a 5xx, a time-out or a lost connection. 3xx and 4xx count as not served.",
        ),
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
    """Readings of a result: without a single answer, or where most asked in vain, the run failed: only availability is known.

    Where most requests failed the times are left out: an error that comes at once is not fast. Nor is a 404, though it is no
    error of the service: a path that should be there and is not would read faster and safer than it ever was. A run is one
    attempt at availability, however many requests it could make: a dead service must not weigh less because it was given up
    early.
    """
    bad = {status for status in result.statuses if status >= 500 or (only_2xx and not 200 <= status < 300)}
    failed = sum(result.statuses[status] for status in bad) + result.errors.total()
    vain = {status: count for status, count in sorted(result.statuses.items()) if unserved(status) and status not in bad}
    attempts, details = result.attempts, _counts(result)
    if not attempts:
        return Measured(outcome=Outcome.TIMED_OUT, error="no request was answered in time", details=details)
    good = attempts - failed - sum(vain.values())
    up = _availability(good, attempts - sum(vain[status] for status in KEPT_OUT & vain.keys()), at)
    if not result.statuses:
        text = "; ".join(f"{name} ({count}×)" for name, count in result.errors.most_common(3))
        outcome = Outcome.TIMED_OUT if set(result.errors) == {"timed out"} else Outcome.FAILED
        return Measured(outcome=outcome, error=text, readings=up, details=details)
    errors = Reading(metric="error_rate", value=failed / attempts, unit="ratio", at=at, count=attempts)
    said = asked_in_vain(vain, attempts)
    if failed <= attempts - failed and 2 * sum(vain.values()) > attempts - failed:
        outcome = Outcome.INVALID if vain.keys() <= KEPT_OUT else Outcome.FAILED
        return Measured(outcome=outcome, reason=NOT_SERVED, error=said, readings=up, details=details)
    if 2 * good < attempts:
        reason = "most requests failed or were not served" if vain else "most requests failed"
        return Measured(outcome=Outcome.OK, reason=reason, readings=[errors, *up], details=details | {"not_served": said})
    latency = Histogram.from_values(result.times_ms)
    details |= {"not_served": said} | {f"p{percent}_ms": round(latency.percentile(percent), 3) for percent in (50, 95, 99)}
    values, counts = latency.as_counts()
    details["histogram"] = {"unit": "ms", "values": values, "counts": counts}
    times = Reading(metric="latency", value=latency.mean(), unit="ms", at=at, count=latency.count, histogram=latency)
    return Measured(outcome=Outcome.OK, readings=[times, errors, *up], details=details)


def _counts(result: Result) -> dict[str, Any]:
    return {
        "requests": result.attempts,
        "statuses": {str(status): count for status, count in sorted(result.statuses.items())},
        "errors": dict(result.errors),
        "connect_ms": _median(result.connects_ms),
        "bytes": result.size,
        "complete": result.complete,
    }


def _availability(good: int, attempts: int, at: datetime) -> list[Reading]:
    """Nothing where every request was kept out: whether the service works was not seen then."""
    note = f"{good} of {attempts} requests"
    return [Reading(metric="availability", value=good / attempts, unit="ratio", at=at, note=note)] if attempts else []


def _median(values: Sequence[float]) -> float | None:
    return round(sorted(values)[len(values) // 2], 3) if values else None
