"""Latency, error rate and availability by own requests, timed at the client."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from urllib.parse import urljoin

import msgspec
from msgspec import Meta

from kpis.readings import Reading
from kpis.stats.histogram import Histogram
from probes.addresses import Refused, checked_url
from probes.kinds.base import Measured, Outcome, Target, Tools
from probes.stopwatch import Plan, Result, prepare, run

LABEL = "HTTP requests"
METRICS = {"latency": "ms", "error_rate": "ratio", "availability": "ratio"}
DEFAULT_INTERVAL_S = 30
TIMED = True


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    paths: Annotated[
        list[Annotated[str, Meta(pattern=r"^/[^\s#]*$", max_length=300)]],
        Meta(title="Paths", description="One a line, such as /users?limit=20; asked in turn.", min_length=1, max_length=20),
    ] = msgspec.field(default_factory=lambda: ["/"])
    requests: Annotated[int, Meta(title="Requests a run", description="Shared among the paths.", ge=1, le=500)] = 20
    users: Annotated[int, Meta(title="At the same time", description="How many requests run side by side.", ge=1, le=5)] = 1
    timeout_s: Annotated[
        float, Meta(title="Time-out, s", description="A time-out counts as an error at its full time.", ge=0.1, le=30)
    ] = 5.0


async def measure(target: Target, params: Params, tools: Tools) -> Measured:
    base = target.base_url.rstrip("/") + "/"
    try:
        origin = checked_url(target.base_url)
        payloads = [prepare("GET", urljoin(base, path.lstrip("/")), target.headers) for path in params.paths]
        plan = Plan(origin=origin, payloads=payloads, requests=params.requests, users=params.users, timeout_s=params.timeout_s)
        at = tools.now()
        result = await run(plan, tools.policy)
    except Refused as refused:
        return Measured(outcome=Outcome.REFUSED, reason="address", error=str(refused))
    return judged(result, at=at)


def judged(result: Result, *, at: datetime) -> Measured:
    """Readings of a result: without a single answer the run failed, and only availability is known."""
    answered = result.statuses.total()
    failed = sum(count for status, count in result.statuses.items() if status >= 500) + result.errors.total()
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
    up = (result.attempts - failed) / result.attempts
    availability = Reading(metric="availability", value=up, unit="ratio", at=at, count=result.attempts)
    if not answered:
        text = "; ".join(f"{name} ({count}×)" for name, count in result.errors.most_common(3))
        outcome = Outcome.TIMED_OUT if set(result.errors) == {"timed out"} else Outcome.FAILED
        return Measured(outcome=outcome, error=text, readings=[availability], details=details)
    latency = Histogram.from_values(result.times_ms)
    readings = [
        Reading(metric="latency", value=latency.mean(), unit="ms", at=at, count=latency.count, histogram=latency),
        Reading(metric="error_rate", value=failed / result.attempts, unit="ratio", at=at, count=result.attempts),
        availability,
    ]
    details |= {f"p{percent}_ms": round(latency.percentile(percent), 3) for percent in (50, 95, 99)}
    values, counts = latency.as_counts()
    details["histogram"] = {"unit": "ms", "values": values, "counts": counts}
    return Measured(outcome=Outcome.OK, readings=readings, details=details)


def _median(values: Sequence[float]) -> float | None:
    return round(sorted(values)[len(values) // 2], 3) if values else None
