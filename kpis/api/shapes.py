"""What the API shows of KPIs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, TypedDict

from accounts.answers import WarningOut
from kpis.evaluation import Status
from kpis.faults import doubts
from kpis.history import History
from kpis.models import KPI, Across, Aggregation, Category, Decision, Direction, Scorecard, Severity, Target
from kpis.standing import SeriesStanding, Standing, counts, headline
from kpis.thresholds import number

COUNTS = "How many of its KPIs have each status; one that is waived counts as `waived` alone."


class KpiDefinitionOut(TypedDict):
    scorecard: str
    key: str
    name: str
    description: str
    category: Annotated[str, Category]
    metric: Annotated[str, "The reading that usually feeds it, such as `latency`; empty: not stated."]
    unit: Annotated[str, "Of every figure of this KPI."]
    direction: Annotated[str, Direction]
    aggregation: Annotated[str, Aggregation]
    across: Annotated[str, Across]
    across_subject: Annotated[str, "The series that stands for the KPI where `across` is `named`; otherwise empty."]
    window_s: int
    freshness_s: Annotated[int, "A figure older than this is stale."]
    owner: str | None
    approver: str | None
    rationale: str
    review_rule: Annotated[str, "How often it is reviewed, such as `FREQ=MONTHLY`; empty: never."]
    review_from: date | None
    position: int
    reference: Annotated[float | None, "Of a reduction: the raw figure, in `reference_unit`, that it is told against."]
    reference_unit: str
    reference_on: date | None
    public_badge: bool
    version: Annotated[int, "Of this definition; part of its ETag."]
    archived_at: Annotated[datetime | None, "Since when it or its scorecard is archived."]


def definition(kpi: KPI) -> KpiDefinitionOut:
    return {
        "scorecard": kpi.scorecard.slug,
        "key": kpi.key,
        "name": kpi.name,
        "description": kpi.description,
        "category": kpi.category,
        "metric": kpi.metric,
        "unit": kpi.unit,
        "direction": kpi.direction,
        "aggregation": kpi.aggregation,
        "across": kpi.across,
        "across_subject": kpi.across_subject,
        "window_s": kpi.window_s,
        "freshness_s": kpi.freshness_s,
        "owner": kpi.owner.get_username() if kpi.owner else None,
        "approver": kpi.approver.get_username() if kpi.approver else None,
        "rationale": kpi.rationale,
        "review_rule": kpi.review_rule,
        "review_from": kpi.review_from,
        "position": kpi.position,
        "reference": kpi.reference,
        "reference_unit": kpi.reference_unit,
        "reference_on": kpi.reference_on,
        "public_badge": kpi.public_badge,
        "version": kpi.version,
        "archived_at": kpi.archived_at or kpi.scorecard.archived_at,
    }


class ScorecardOut(TypedDict):
    slug: str
    name: str
    description: str
    version: int
    archived_at: datetime | None


class CountedScorecardOut(ScorecardOut):
    counts: Annotated[dict[str, int], COUNTS]


class ScorecardStandingOut(CountedScorecardOut):
    headline: str
    kpis: list[KpiOut]


def scorecard(row: Scorecard) -> ScorecardOut:
    return {
        "slug": row.slug,
        "name": row.name,
        "description": row.description,
        "version": row.version,
        "archived_at": row.archived_at,
    }


def counted(row: Scorecard, found: Sequence[Standing]) -> CountedScorecardOut:
    return {**scorecard(row), "counts": counts(found)}


def scorecard_standing(row: Scorecard, found: Sequence[Standing]) -> ScorecardStandingOut:
    return {**counted(row, found), "headline": headline(found), "kpis": [kpi(one) for one in found]}


class KpiOut(KpiDefinitionOut):
    status: Status
    since: Annotated[datetime | None, "Since when it has this status; null where that is not known."]
    actual: Annotated[float | None, "In `unit`; null: never measured."]
    count: Annotated[int, "Samples behind the actual."]
    at: Annotated[datetime | None, "When the actual was measured."]
    source: Annotated[str, "What measured it: `run:<id>`, `result:<uuid>`, `api:<token>` …; empty: never measured."]
    reported: Annotated[bool, "A percentile that its source computed, not one of samples."]
    worst_subject: Annotated[str | None, "The series that the actual comes from, or the worst of those combined."]
    stale_subjects: list[str]
    attainment: Annotated[float | None, "The way from baseline to target that was gone, 0 to 1; null without a baseline."]
    asked_attainment: Annotated[float | None, "How far it should be by now to be there when the target is due."]
    waived_until: Annotated[datetime | None, "The KPI as a whole does not count until then."]
    target: Annotated[TargetOut | None, "The version in force."]
    series: list[SeriesStandingOut]


def kpi(standing: Standing) -> KpiOut:
    return {
        **definition(standing.kpi),
        "status": standing.status,
        "since": standing.since,
        "actual": standing.actual,
        "count": standing.count,
        "at": standing.at,
        "source": standing.origin,
        "reported": standing.reported,
        "worst_subject": standing.worst_subject or None,
        "stale_subjects": list(standing.stale_subjects),
        "attainment": standing.attainment,
        "asked_attainment": standing.asked,
        "waived_until": standing.waived_until,
        "target": target(standing.target, standing.kpi) if standing.target else None,
        "series": [series(one) for one in standing.series],
    }


class SeriesStandingOut(TypedDict):
    subject: str
    environment: str
    status: Status
    value: Annotated[float, "In the KPI's unit."]
    count: int
    at: datetime
    source: str
    counts: Annotated[bool, "Whether the KPI's actual is made of it too."]
    waived_until: datetime | None


def series(one: SeriesStanding) -> SeriesStandingOut:
    return {
        "subject": one.subject,
        "environment": one.environment,
        "status": one.status,
        "value": one.value,
        "count": one.count,
        "at": one.at,
        "source": one.origin,
        "counts": one.counts,
        "waived_until": one.waived_until,
    }


class TargetOut(TypedDict):
    """A version of a KPI's target. Figures are in the KPI's unit; null: not stated."""

    id: int
    version: Annotated[int, "Within the KPI, from 1."]
    target: Annotated[str, "Comparator and value, such as `< 500`."]
    typed: Annotated[str, "The target as it was typed; empty where comparator and value were sent."]
    comparator: Annotated[str, {"enum": ["<", "<=", ">", ">="]}]
    value: float
    alert_threshold: float | None
    for_s: Annotated[int, "Seconds past the threshold before it is breached."]
    recover_s: Annotated[int, "Seconds on the good side before a breach ends."]
    severity: Annotated[str, Severity]
    baseline: float | None
    baseline_on: date | None
    baseline_stated: str
    baseline_since: Annotated[datetime | None, "Start of the window that the baseline was measured over; null: not measured."]
    baseline_until: datetime | None
    baseline_runs: Annotated[int | None, "Null where the runs of that time are not kept any more, or nothing was measured."]
    baseline_samples: int | None
    due_on: date | None
    warnings: Annotated[list[WarningOut], "What was taken, but may not have been meant."]
    stated: Annotated[str, "The target as the plan's source states it."]
    rationale: str
    decision: Annotated[str, Decision]
    effective_from: datetime | None
    proposed_by: str | None
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision_note: str
    self_approved: bool


def target(version: Target, kpi: KPI | None = None) -> TargetOut:
    """`kpi` saves asking for that of the version."""
    return {
        "id": version.pk,
        "version": version.number,
        "target": f"{version.comparator} {number(version.value)}",
        "typed": version.typed,
        "comparator": version.comparator,
        "value": version.value,
        "alert_threshold": version.alert_threshold,
        "for_s": version.for_s,
        "recover_s": version.recover_s,
        "severity": version.severity,
        "baseline": version.baseline,
        "baseline_on": version.baseline_on,
        "baseline_stated": version.baseline_stated,
        "baseline_since": version.baseline_since,
        "baseline_until": version.baseline_until,
        "baseline_runs": version.baseline_runs,
        "baseline_samples": version.baseline_samples,
        "due_on": version.due_on,
        "warnings": [{"path": f"$.{name}", "detail": text} for name, text in doubts(version, kpi or version.kpi).items()],
        "stated": version.stated,
        "rationale": version.rationale,
        "decision": version.decision,
        "effective_from": version.effective_from,
        "proposed_by": str(version.proposed_by) if version.proposed_by else None,
        "proposed_at": version.proposed_at,
        "decided_by": str(version.decided_by) if version.decided_by else None,
        "decided_at": version.decided_at,
        "decision_note": version.decision_note,
        "self_approved": version.self_approved,
    }


class CoursePointOut(TypedDict):
    at: Annotated[datetime, "Of a measurement, or the start of its hour or day."]
    value: float
    count: int
    low: float
    high: float
    source: Annotated[str | None, "What measured it; null for hours and days."]
    subject: Annotated[str | None, "The series whose figure it is; null where several are combined."]
    reported: bool
    raw: Annotated[float | None, "Of a reduction: the measured figure, in the reference's unit."]
    note: str


class CourseOut(TypedDict):
    unit: str
    resolution: Annotated[str, {"enum": ["raw", "hour", "day"]}]
    step_s: Annotated[float, "How far apart neighbours stand; a wider distance is a gap."]
    points: list[CoursePointOut]


def course(found: History) -> CourseOut:
    return {
        "unit": found.unit,
        "resolution": found.resolution,
        "step_s": found.step_s,
        "points": [
            {
                "at": point.at,
                "value": point.value,
                "count": point.count,
                "low": point.low,
                "high": point.high,
                "source": point.source or None,
                "subject": point.subject or None,
                "reported": point.reported,
                "raw": point.raw,
                "note": point.note,
            }
            for point in found.points
        ],
    }
