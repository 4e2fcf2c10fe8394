"""Baselines from measurements: the KPI's own figure over a window, what stands behind it, and the version that proposes it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from kpis import targets
from kpis.commitments import in_force
from kpis.faults import BadTarget
from kpis.history import over
from kpis.models import KPI, Aggregation, Target
from kpis.rollups import MOMENT

CARRIED = ("comparator", "value", "alert_threshold", "for_s", "recover_s", "severity", "due_on", "stated")
"""What a new baseline leaves as the version in force has it."""


@dataclass(frozen=True)
class Measured:
    """A baseline as a version keeps it. `baseline_runs` is None where the runs of that time are not kept any more."""

    baseline: float
    baseline_on: date
    baseline_stated: str
    baseline_since: datetime
    baseline_until: datetime
    baseline_runs: int | None
    baseline_samples: int


def measure(*, kpi: KPI, since: datetime, until: datetime, now: datetime) -> Measured:
    """The KPI's aggregation over all that was measured in [since, until), across its series as it says.

    A long window is read in whole hours or days; the one that was read is told. Raises BadTarget.
    """
    if until > now:
        raise BadTarget({"baseline_until": "That has not been yet: write now or an earlier time."})
    if since >= until:
        raise BadTarget({"baseline_since": "A window begins before it ends: write an earlier time."})
    found = over(kpi, start=since, end=until)
    if found is None:
        raise BadTarget({"baseline_since": "Nothing was measured there: choose a time that the chart shows points in."})
    start, end = found.start, min(found.end, now)
    alone = found.point.reported or kpi.aggregation == Aggregation.LAST
    runs = 1 if alone else found.runs
    return Measured(
        baseline=float(f"{found.point.value:.6g}"),
        baseline_on=(end - MOMENT).date(),
        baseline_stated=_words(kpi, runs, found.point.count, found.point.reported, start, end),
        baseline_since=start,
        baseline_until=end,
        baseline_runs=runs,
        baseline_samples=found.point.count,
    )


def propose(
    *, kpi: KPI, actor: Any, since: datetime, until: datetime, now: datetime, rationale: str, token: str = "", **changes: Any
) -> Target:
    """A version with a measured baseline; what `changes` do not state stays as in the version in force. Raises BadTarget."""
    measured = measure(kpi=kpi, since=since, until=until, now=now)
    current = in_force([kpi], now).get(kpi.pk)
    kept = {name: getattr(current, name) for name in CARRIED} if current else {}
    if changes.get("target"):
        kept = {name: value for name, value in kept.items() if name not in ("comparator", "value", "stated")}
    return targets.propose(kpi=kpi, actor=actor, rationale=rationale, token=token, **{**kept, **asdict(measured), **changes})


def _words(kpi: KPI, runs: int | None, samples: int, reported: bool, start: datetime, end: datetime) -> str:
    parts = [f"{kpi.get_aggregation_display()}{' as its source reported it' if reported else ''}"]
    if runs is not None:
        parts.append(f"of {runs:,} run{'' if runs == 1 else 's'}")
    parts.append(f"with {samples:,} sample{'' if samples == 1 else 's'}" if runs is not None else f"of {samples:,} samples")
    return f"{' '.join(parts)}, {start:%-d %b %Y %H:%M} – {end:%-d %b %Y %H:%M} UTC"
