"""What the stages of a run say: how slow, how many failed, and whether limits held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from kpis.stats.histogram import Histogram
from probes.load.merging import Result
from probes.load.profile import Profile
from probes.load.report import Total
from probes.stopwatch.serving import unserved

By = Literal["users", "rate"]
MOST_LEFT = 0.02


@dataclass(frozen=True)
class Limits:
    p95_ms: float = 1_000.0
    error_share: float = 0.01


class Capacity(NamedTuple):
    """`missed`: more than that were tried and did not meet the limits."""

    by: By
    most: float
    missed: bool


@dataclass(frozen=True)
class Figures:
    """One stage in figures; times in ms, None where no request had a time."""

    label: str
    users: int
    rate: float
    throughput: float
    ended: int
    failed: int
    left: int
    times: Histogram
    service: Histogram
    vain: dict[int, int] = field(default_factory=dict)
    """How often which status served nothing of what was asked for, and was no error."""

    at: tuple[int, int] = (0, 0)
    """Which run of a search, and which stage of it."""

    @property
    def error_share(self) -> float:
        return self.failed / self.ended if self.ended else 0.0

    def percentile(self, percent: float) -> float | None:
        return self.times.percentile(percent) if self.times.count else None

    @property
    def served(self) -> bool:
        """Whether most requests that did not fail were served: a 404 that comes at once meets no limit."""
        return 2 * sum(self.vain.values()) <= self.ended - self.failed

    @property
    def growing(self) -> bool:
        """Whether requests came faster than they were answered: at its end more were waiting than a steady state explains
        (Little: rate × mean time; half as much again is forgiven, and 2 % of all)."""
        if not self.rate or not self.times.count:
            return False
        return self.left > max(MOST_LEFT * self.ended, 1.5 * self.rate * self.times.mean() / 1000)

    def meets(self, limits: Limits) -> bool:
        """As “under”: a p95 at its limit misses it."""
        p95 = self.percentile(95)
        below = p95 is not None and p95 < limits.p95_ms
        return below and self.served and self.error_share < max(limits.error_share, 1e-12) and not self.growing


def figures(total: Total, profile: Profile, at: tuple[int, int] = (0, 0)) -> Figures:
    failed = sum(count for status, count in total.statuses.items() if profile.failed(status)) + sum(total.errors.values())
    vain = {status: count for status, count in total.statuses.items() if unserved(status) and not profile.failed(status)}
    good = sum(count for status, count in total.arrived.items() if not profile.failed(status) and not unserved(status))
    throughput = good / total.seconds if total.seconds else 0.0
    return Figures(
        label=total.label, users=total.users, rate=total.rate, throughput=throughput,
        ended=total.ended, failed=failed, left=total.left, vain=vain, at=at,
        times=Histogram.from_bytes(total.response), service=Histogram.from_bytes(total.service),
    )  # fmt: skip


def busy_stages(result: Result, profile: Profile, run: int = 0) -> list[Figures]:
    """Every stage that asked something, in turn."""
    return [figures(total, profile, (run, total.stage)) for total in result.totals if total.users or total.rate]


def capacity(stages: Sequence[Figures], limits: Limits, by: By) -> Capacity | None:
    """The most users (or the highest rate) up to which every stage met the limits; None where no such stage met them."""
    most, missed = 0.0, False
    for size, one in sorted(((getattr(one, by), one) for one in stages if getattr(one, by)), key=lambda pair: pair[0]):
        if not one.meets(limits):
            missed = True
            break
        most = size
    return Capacity(by, most, missed) if most else None
