"""Load: how a service answers many users, or a rate, and how many it can bear."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from kpis.readings import Reading
from probes.addresses import is_full
from probes.kinds.base import Measured, Outcome, Target, Tools
from probes.load import guard, judging, notation
from probes.load.judging import Figures, Limits
from probes.load.merging import Result
from probes.load.profile import Profile
from probes.load.searching import Search
from probes.load.underway import UnderLoad
from probes.stopwatch.serving import NOT_SERVED, asked_in_vain

LABEL = "Load"
METRICS = {
    "latency": "ms", "error_rate": "ratio", "throughput": "1/s", "capacity_users": "count", "capacity_rate": "1/s",
    "availability": "ratio", "resident_memory": "bytes", "cpu": "ratio", "db_connections": "count", "db_query_time": "ms",
}  # fmt: skip
DEFAULT_INTERVAL_S = 86400
TIMED = True
BOTTLENECK = "the generator was the bottleneck"
ELSEWHERE = "Its health path is a full address, and load goes to the base address alone: make it a path such as /health."


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    stages: Annotated[
        list[str],
        Meta(
            title="Stages",
            description="A line each: “500 users for 5m”, “1000/s for 1m”, “pause 60s”.",
            min_length=1,
            max_length=50,
        ),
    ] = msgspec.field(default_factory=lambda: ["10 users for 30s"])
    requests: Annotated[
        list[str],
        Meta(
            title="Requests",
            description="A line each: “3 GET /users” (weight 3), “POST /orders {…}”.",
            min_length=1,
            max_length=50,
        ),
    ] = msgspec.field(default_factory=lambda: ["GET /"])
    think: Annotated[
        str,
        Meta(title="Thinking", description="“exponential 1s”, “fixed 1s”, “paced 1s” or “none”.", max_length=40),
    ] = "exponential 1s"
    warm_up_s: Annotated[float, Meta(title="Warm-up, s", description="Of each stage; left out.", ge=0, le=120)] = 5.0
    timeout_s: Annotated[float, Meta(title="Time-out, s", description="Counts at its full time.", ge=0.1, le=60)] = 10.0
    p95_limit_ms: Annotated[float, Meta(title="Limit of p95, ms", description="A stage at it misses it.", gt=0)] = 1000.0
    errors_limit_pct: Annotated[float, Meta(title="Limit of errors, %", ge=0, le=100)] = 1.0
    stop_errors_pct: Annotated[
        float,
        Meta(title="Stop at errors, %", description="More of them for ten seconds end the run.", ge=1, le=100),
    ] = 50.0
    only_2xx: Annotated[bool, Meta(title="Only 2xx is a success")] = False
    search: Annotated[
        Literal["none", "users", "rate"],
        Meta(
            title="Search for capacity",
            description="From the first stage upwards, by steps with confirmation.",
            extra_json_schema={"labels": {"none": "no search", "users": "how many users", "rate": "which rate"}},
        ),
    ] = "none"

    def profile(self) -> Profile:
        """Raises ValueError, naming what cannot be read."""
        found = notation.profile(
            self.stages, self.requests, self.think, warm_up_s=self.warm_up_s, timeout_s=self.timeout_s, only_2xx=self.only_2xx
        )
        if self.search != "none" and not getattr(found.stages[0], self.search):
            example = "25 users for 20s" if self.search == "users" else "50/s for 20s"
            raise ValueError(f"a search of {self.search} begins with a stage such as “{example}”")
        return found

    @property
    def limits(self) -> Limits:
        return Limits(self.p95_limit_ms, self.errors_limit_pct / 100)


async def measure(target: Target, params: Params, tools: Tools) -> Measured:
    if is_full(target.health_path):  # stored before it had to be a path: its host is not the one that load connects to
        return Measured(outcome=Outcome.REFUSED, reason="address", error=ELSEWHERE)
    if tools.generate is None:
        return Measured(outcome=Outcome.INVALID, reason="no load worker", error="Load runs are carried out by the load worker.")
    try:
        profile = params.profile()
    except ValueError as error:
        return Measured(outcome=Outcome.INVALID, reason="params", error=str(error))
    under = UnderLoad(target, tools)
    if params.search == "none":
        results, search = [await under.carry(profile)], None
    else:
        search = Search(profile, params.limits, params.search, tools.caps)
        await search.run(under.carry)
        results = search.results
    await under.end(at_once=any(result.stopped or result.dead for result in results))
    return judged(results, profile, params.limits, search, under, tools)


def judged(
    results: list[Result], profile: Profile, limits: Limits, search: Search | None, under: UnderLoad, tools: Tools
) -> Measured:
    """Readings of the heaviest stage, in a search of what was found; none where the run is void, was stopped, its target gave
    way, or the generator was the bottleneck."""
    stages = [one for run, result in enumerate(results) for one in judging.busy_stages(result, profile, run)]
    details = told(results, stages, limits, under) | ({"not_told": under.missing} if under.missing else {})
    if ended := _ended_early(results, search):
        return replace(ended, details=details)
    heaviest = stages[-1] if search else max(stages, key=lambda one: (one.rate, one.users), default=None)
    if heaviest is None or not heaviest.ended:
        return Measured(outcome=Outcome.FAILED, error="no request ended", details=details)
    if not heaviest.served:
        said = asked_in_vain(heaviest.vain, heaviest.ended)
        return Measured(outcome=Outcome.FAILED, reason=NOT_SERVED, error=said, details=details)
    readings = [*_readings(heaviest, tools), *under.readings(heaviest.at, heaviest.label), *under.availability()]
    readings += _capacities(stages, limits, search, tools)
    return Measured(outcome=Outcome.OK, readings=readings, details=details)


def _ended_early(results: list[Result], search: Search | None) -> Measured | None:
    """Why there is nothing to read."""
    if dead := "; ".join(result.dead for result in results if result.dead):
        return Measured(outcome=Outcome.INVALID, reason="a shard died", error=dead)
    if search is None and results[0].down:
        return Measured(outcome=Outcome.FAILED, reason="stopped by itself", error=results[0].down)
    if any(result.stopped and not result.down for result in results):
        return Measured(outcome=Outcome.STOPPED, reason="stopped before its end")
    if limited := "; ".join(filter(None, map(guard.limited, results))):
        return Measured(outcome=Outcome.GENERATOR_LIMITED, reason=BOTTLENECK, error=limited)
    if search is not None and search.capacity is None:
        return Measured(outcome=Outcome.FAILED, reason="no capacity found", error=f"The search ended: {search.why}.")
    return None


def _capacities(stages: list[Figures], limits: Limits, search: Search | None, tools: Tools) -> list[Reading]:
    every = [search.capacity] if search else [judging.capacity(stages, limits, "users"), judging.capacity(stages, limits, "rate")]
    return [
        Reading(
            metric=f"capacity_{found.by}", value=found.most, unit=METRICS[f"capacity_{found.by}"], at=tools.now(),
            note="the next stage missed a limit" if found.missed else "at least: no stage missed a limit",
        )
        for found in every if found
    ]  # fmt: skip


def _readings(one: Figures, tools: Tools) -> list[Reading]:
    at, note = tools.now(), f"at {one.label}"
    good = one.ended - one.failed
    found = [
        Reading(metric="throughput", value=one.throughput, unit="1/s", at=at, count=one.ended, note=f"{note}, answered well"),
        Reading(metric="error_rate", value=one.error_share, unit="ratio", at=at, count=one.ended, note=note),
    ]
    times = one.times
    if times.count and good >= one.failed:
        found.append(
            Reading(metric="latency", value=times.mean(), unit="ms", at=at, count=times.count, histogram=times, note=note)
        )
    return found


def told(results: list[Result], stages: list[Figures], limits: Limits, under: UnderLoad) -> dict[str, Any]:
    rows = [
        {
            "stage": one.label, "requests": one.ended, "throughput": round(one.throughput, 1), "met": one.meets(limits),
            "errors_pct": round(one.error_share * 100, 4), **{f"p{p}": _rounded(one.percentile(p)) for p in (50, 95, 99)},
            "growing": one.growing, "under": under.figures(one.at), "gauge": _gauge(results, one.at),
        }
        for one in stages
    ]  # fmt: skip
    details: dict[str, Any] = {
        "stages": rows, "requests": sum(one.ended for one in stages), "shards": max(result.shards for result in results),
        "start_skew_ms": round(max(result.skew_ms for result in results), 2),
        "kernel_stamps": all(result.kernel_stamps for result in results),
        "generator_memory_mb": round(max(result.memory_bytes for result in results) / 1e6, 1),
    }  # fmt: skip
    heaviest = max((one for one in stages if one.times.count), key=lambda one: (one.rate, one.users), default=None)
    if heaviest is not None:
        values, counts = heaviest.times.as_counts()
        details["histogram"] = {"unit": "ms", "values": values, "counts": counts}
        details |= {f"p{p}_ms": round(heaviest.times.percentile(p), 3) for p in (50, 95, 99)}
    return details


def _gauge(results: list[Result], at: tuple[int, int]) -> dict[str, float]:
    """How the generator fared in a stage, as the run is judged by it."""
    run, stage = at
    return next(msgspec.to_builtins(total.gauge) for total in results[run].totals if total.stage == stage)


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 2)
