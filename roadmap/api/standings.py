"""A roadmap and its phases as they stand now: schedule, progress, gates."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, TypedDict

from accounts.answers import beside
from accounts.concurrency import etag
from roadmap.api.serializers import PhaseSerializer, RoadmapSerializer
from roadmap.gates import Criterion, GateState
from roadmap.reports.phases import GateReport, PhaseReport, PlanReport
from roadmap.schedule import EarnedValue, Progress


class ProgressOut(TypedDict):
    done: int
    total: Annotated[int, "Of the tasks that are not dropped."]
    dropped: int
    share: Annotated[float | None, "0 to 1; null where there is nothing to do."]
    weighted_by: Annotated[str, {"enum": ["count", "effort"]}]


class PlanProgressOut(ProgressOut):
    planned_share: Annotated[float | None, "What the schedule asks for today, 0 to 1; null where there is nothing to do."]


class EarnedValueOut(TypedDict):
    """Standard earned value in hours (PMI), as decimal texts; null where an input is not stated, and `reason` says which."""

    budget_h: str | None
    planned_h: str | None
    earned_h: str | None
    spent_h: str | None
    schedule_variance_h: str | None
    cost_variance_h: str | None
    spi: str | None
    cpi: str | None
    reason: str


class PromiseOut(TypedDict):
    statement: str
    kpi: Annotated[str | None, "Its key; null where a person confirms the promise."]
    stated: str


class CriterionOut(TypedDict):
    kind: Annotated[str, {"enum": ["tasks", "kpi", "statement"]}]
    text: str
    holds: Annotated[bool | None, "Null where nothing can be said yet, which is not a pass."]
    reason: Annotated[str, "What is missing."]
    kpi: Annotated[str | None, "Its key, of a criterion of the kind `kpi`."]
    waived: bool


class GateStandingOut(TypedDict):
    id: int | None
    state: Annotated[str, GateState, "As it was closed, or as it is judged now."]
    reason: str
    waived_until: datetime | None
    criteria: list[CriterionOut]


@beside(PhaseSerializer)
class PhaseStandingOut(TypedDict):
    etag: str
    state: Annotated[str, {"enum": ["not_started", "open", "closed"]}]
    progress: ProgressOut
    slip_days: Annotated[int, "Past its planned end."]
    impacts: list[PromiseOut]
    gate: GateStandingOut


@beside(RoadmapSerializer)
class RoadmapStandingOut(TypedDict):
    today: date
    week: Annotated[int, "The first is 1; 0 or less lies before the start."]
    weeks: int
    ends_on: date
    late_days: Annotated[int, "How long the longest overdue phase is past its planned end."]
    progress: PlanProgressOut
    earned_value: EarnedValueOut
    phases: list[Annotated[dict[str, Any], PhaseStandingOut]]


def roadmap(report: PlanReport) -> RoadmapStandingOut:
    return {
        "today": report.today,
        "week": report.week,
        "weeks": report.weeks,
        "ends_on": report.span.last,
        "late_days": report.late_days,
        "progress": {**_progress(report.progress), "planned_share": report.planned_share},
        "earned_value": _earned_value(report.earned),
        "phases": [phase(one) for one in report.phases],
    }


def phase(report: PhaseReport) -> dict[str, Any]:
    return {**PhaseSerializer(report.phase).data, **_phase(report)}


def _phase(report: PhaseReport) -> PhaseStandingOut:
    gate = getattr(report.phase, "gate", None)
    return {
        "etag": etag(report.phase),
        "state": report.state,
        "progress": _progress(report.progress),
        "slip_days": report.slip_days,
        "impacts": [{"statement": i.statement, "kpi": i.kpi.key if i.kpi else None, "stated": i.stated} for i in report.impacts],
        "gate": _gate(report.gate, gate.pk if gate else None),
    }


def _gate(report: GateReport, pk: int | None) -> GateStandingOut:
    judged = report.judgement
    return {
        "id": pk,
        "state": report.closed_as or judged.state,
        "reason": judged.reason,
        "waived_until": judged.waived_until,
        "criteria": [_criterion(one) for one in judged.criteria],
    }


def _criterion(one: Criterion) -> CriterionOut:
    return {
        "kind": one.kind, "text": one.text, "holds": one.holds, "reason": one.reason, "kpi": one.kpi or None,
        "waived": one.waived,
    }  # fmt: skip


def _progress(done: Progress) -> ProgressOut:
    return {
        "done": done.done,
        "total": done.total,
        "dropped": done.dropped,
        "share": None if done.share is None else float(done.share),
        "weighted_by": done.weighted_by,
    }


def _earned_value(earned: EarnedValue) -> EarnedValueOut:
    return {
        "budget_h": _text(earned.budget_h),
        "planned_h": _text(earned.planned_h),
        "earned_h": _text(earned.earned_h),
        "spent_h": _text(earned.spent_h),
        "schedule_variance_h": _text(earned.schedule_variance_h),
        "cost_variance_h": _text(earned.cost_variance_h),
        "spi": _text(earned.spi),
        "cpi": _text(earned.cpi),
        "reason": earned.reason,
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
