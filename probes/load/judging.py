"""What the stages of a run say: how slow, how many failed, and whether limits held."""

from __future__ import annotations

from dataclasses import dataclass

from kpis.stats.histogram import Histogram
from probes.load.merging import Result
from probes.load.profile import Profile
from probes.load.report import Total


@dataclass(frozen=True)
class Limits:
    p95_ms: float = 1_000.0
    error_share: float = 0.01


@dataclass(frozen=True)
class Figures:
    """One stage in figures; times in ms, None where no request had a time."""

    label: str
    users: int
    rate: float
    throughput: float
    ended: int
    failed: int
    times: Histogram
    service: Histogram

    @property
    def error_share(self) -> float:
        return self.failed / self.ended if self.ended else 0.0

    def percentile(self, percent: float) -> float | None:
        return self.times.percentile(percent) if self.times.count else None

    def meets(self, limits: Limits) -> bool:
        """As “under”: a p95 at its limit misses it."""
        p95 = self.percentile(95)
        return p95 is not None and p95 < limits.p95_ms and self.error_share < max(limits.error_share, 1e-12)


def figures(total: Total, profile: Profile) -> Figures:
    failed = sum(count for status, count in total.statuses.items() if profile.failed(status)) + sum(total.errors.values())
    throughput = (total.ended - failed) / total.seconds if total.seconds else 0.0
    return Figures(
        label=total.label, users=total.users, rate=total.rate, throughput=throughput,
        ended=total.ended, failed=failed, times=Histogram.from_bytes(total.response), service=Histogram.from_bytes(total.service),
    )  # fmt: skip


def busy_stages(result: Result, profile: Profile) -> list[Figures]:
    """Every stage that asked something, in turn."""
    return [figures(total, profile) for total in result.totals if total.users or total.rate]


def capacity(stages: list[Figures], limits: Limits) -> tuple[int, bool] | None:
    """The most users up to which every stage met the limits, and whether more than that were tried and did not; None where no
    stage of users met them."""
    most, missed = 0, False
    for one in sorted((one for one in stages if one.users), key=lambda one: one.users):
        if not one.meets(limits):
            missed = True
            break
        most = one.users
    return (most, missed) if most else None
