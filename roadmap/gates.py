"""The exit gate of a phase: which of its criteria hold, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class GateState(StrEnum):
    OPEN = "open"
    PASSED = "passed"
    FAILED = "failed"
    WAIVED = "waived"


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """`holds` is None where nothing can be said yet (no data, no target, not confirmed), which is not a pass.

    `kind` is tasks, kpi or statement; `reason` says what is missing; a waived KPI does not count."""

    kind: str
    text: str
    holds: bool | None
    reason: str = ""
    kpi: str = ""
    waived: bool = False


@dataclass(frozen=True, kw_only=True)
class GateJudgement:
    state: GateState
    criteria: tuple[Criterion, ...]
    missing: tuple[Criterion, ...]
    waived_until: datetime | None
    reason: str

    @property
    def may_close(self) -> bool:
        return self.state in (GateState.PASSED, GateState.WAIVED)


def tasks_criterion(done: int, total: int) -> Criterion:
    """`total` without those dropped. A phase without tasks has nothing left to do."""
    return Criterion(
        kind="tasks",
        text="Every task is done or dropped",
        holds=done == total,
        reason="" if done == total else f"{total - done} of {total} not done",
    )


def kpi_criterion(*, kpi: str, name: str, status: str, waived: bool = False) -> Criterion:
    """Holds while the KPI's status is met; says nothing while it was never measured, is stale or has no target."""
    unknown = status in ("no_data", "stale", "no_target")
    return Criterion(
        kind="kpi",
        text=f"{name} meets its target",
        holds=None if unknown else status == "met",
        reason="" if status == "met" else status.replace("_", " "),
        kpi=kpi,
        waived=waived,
    )


def statement_criterion(text: str, confirmed: bool) -> Criterion:
    return Criterion(
        kind="statement", text=text, holds=True if confirmed else None, reason="" if confirmed else "not confirmed by a person"
    )


def judge(criteria: Sequence[Criterion], *, ended: bool, waived_until: datetime | None, now: datetime) -> GateJudgement:
    """passed: every criterion holds or is waived. Otherwise waived while an approved waiver runs, failed once the phase's
    work has `ended` (all tasks settled, or its planned last day is over), open before that."""
    missing = tuple(c for c in criteria if not c.holds and not c.waived)
    running = waived_until if waived_until is not None and waived_until > now else None
    if not missing:
        state, reason = GateState.PASSED, ""
    else:
        reason = "; ".join(f"{c.text}: {c.reason}" for c in missing)
        state = GateState.WAIVED if running else GateState.FAILED if ended else GateState.OPEN
    return GateJudgement(
        state=state,
        criteria=tuple(criteria),
        missing=missing,
        waived_until=running if state is GateState.WAIVED else None,
        reason=reason,
    )
