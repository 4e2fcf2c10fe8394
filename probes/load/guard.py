"""Whether the generator was honest: a run in which it was the bottleneck says something of itself, not of the service."""

from __future__ import annotations

from dataclasses import dataclass

from kpis.stats.histogram import Histogram
from probes.load.merging import Result
from probes.load.report import Gauge

MOST_CPU, MOST_LATE_MS, LEAST_ACHIEVED, MOST_STEAL, MOST_SKEW_MS = 0.70, 5.0, 0.98, 0.03, 20.0
LAG_SHARE, LAG_MS = 0.05, 2.0


@dataclass(frozen=True)
class Check:
    """One figure of the generator against its limit, both as people read them."""

    name: str
    about: str
    now: str
    limit: str
    holds: bool
    by_shards: bool = True
    """Whether more shards would help where it fails."""


def checks(gauge: Gauge, p95_ms: float, *, skew_ms: float = 0.0, shards: int = 1) -> list[Check]:
    lag = max(LAG_SHARE * p95_ms, LAG_MS)
    found = [
        Check("Achieved over asked", "what was sent in time", f"{gauge.achieved * 100:.1f} %", f"≥ {LEAST_ACHIEVED * 100:g} %",
              gauge.achieved >= LEAST_ACHIEVED),
        Check("Generator CPU", f"busiest of {shards} shards" if shards > 1 else "of one core", f"{gauge.cpu * 100:.0f} %",
              f"≤ {MOST_CPU * 100:g} %", gauge.cpu <= MOST_CPU),
        Check("Late sends, p99", "intended to actual send", f"{gauge.late_p99_ms:.1f} ms", f"≤ {MOST_LATE_MS:g} ms",
              gauge.late_p99_ms <= MOST_LATE_MS),
        Check("Receive lag, p95", "arrived to read", f"{gauge.lag_p95_ms:.1f} ms", f"≤ {lag:.1f} ms", gauge.lag_p95_ms <= lag),
        Check("Stolen CPU", "taken by other machines", f"{gauge.steal * 100:.1f} %", f"≤ {MOST_STEAL * 100:g} %",
              gauge.steal <= MOST_STEAL, by_shards=False),
    ]  # fmt: skip
    if shards > 1:
        found.append(Check("Start skew", f"{shards} shards", f"{skew_ms:.1f} ms", f"≤ {MOST_SKEW_MS:g} ms",
                           skew_ms <= MOST_SKEW_MS, by_shards=False))  # fmt: skip
    return found


def failing(result: Result) -> list[tuple[Check, str]]:
    """Each check that failed, and the stage in which it did."""
    found = []
    for stage in result.totals:
        if not stage.ended:
            continue
        times = Histogram.from_bytes(stage.response)
        p95 = times.percentile(95) if times.count else 0.0
        every = checks(stage.gauge, p95, skew_ms=result.skew_ms, shards=result.shards)
        found += [(check, stage.label) for check in every if not check.holds]
    return found


def limited(result: Result) -> str:
    """Which checks failed in which stage, in words; empty where the generator was never the bottleneck."""
    found = [f"{check.name.lower()} {check.now} (limit {check.limit}) at {label}" for check, label in failing(result)]
    if result.stepped:
        found.append("the clock was set while it ran")
    return "; ".join(found)


def more_shards(result: Result, most: int) -> int:
    """With how many shards to try again: twice as many, as far as allowed; 0 where that would not help."""
    helps = any(check.by_shards for check, _ in failing(result))
    more = min(most, 2 * result.shards)
    return more if helps and more > result.shards else 0
