"""What the API shows of KPIs, and what it takes."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.serializers import MomentField, Strict
from kpis.faults import doubts
from kpis.history import History
from kpis.models import KPI, Review, Scorecard, Severity, Target, Waiver
from kpis.standing import SeriesStanding, Standing
from kpis.thresholds import number


def definition(kpi: KPI) -> dict[str, Any]:
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


def scorecard(row: Scorecard) -> dict[str, Any]:
    return {
        "slug": row.slug,
        "name": row.name,
        "description": row.description,
        "version": row.version,
        "archived_at": row.archived_at,
    }


def kpi(standing: Standing) -> dict[str, Any]:
    return definition(standing.kpi) | {
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


def series(one: SeriesStanding) -> dict[str, Any]:
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


def target(version: Target, kpi: KPI | None = None) -> dict[str, Any]:
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


def waiver(one: Waiver) -> dict[str, Any]:
    return {
        "id": one.pk,
        "kpi": f"{one.kpi.scorecard.slug}/{one.kpi.key}",
        "subject": one.subject,
        "reason": one.reason,
        "expires_at": one.expires_at,
        "decision": one.decision,
        "requested_by": str(one.requested_by),
        "requested_at": one.requested_at,
        "decided_by": str(one.decided_by) if one.decided_by else None,
        "decided_at": one.decided_at,
        "decision_note": one.decision_note,
        "self_approved": one.self_approved,
        "ended_by": str(one.ended_by) if one.ended_by else None,
    }


def review(row: Review) -> dict[str, Any]:
    return {
        "id": row.pk,
        "due_on": row.due_on,
        "reviewed_by": str(row.reviewed_by),
        "reviewed_at": row.reviewed_at,
        "note": row.note,
    }


def course(found: History) -> dict[str, Any]:
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


class ProposalIn(Strict):
    """A new version: `target` as people type it (`p(95)<500`, `< 0.5 s`, `<= +10%` against the baseline), or `comparator` and
    `value` in the KPI's unit."""

    target = serializers.CharField(required=False, max_length=60)
    comparator = serializers.ChoiceField(["<", "<=", ">", ">="], required=False)
    value = serializers.FloatField(required=False)
    alert_threshold = serializers.FloatField(required=False, allow_null=True)
    for_s = serializers.IntegerField(min_value=0, required=False)
    recover_s = serializers.IntegerField(min_value=0, required=False)
    severity = serializers.ChoiceField(Severity.choices, required=False)
    baseline = serializers.FloatField(required=False, allow_null=True)
    baseline_on = serializers.DateField(required=False, allow_null=True)
    baseline_stated = serializers.CharField(required=False, allow_blank=True, max_length=200)
    due_on = serializers.DateField(required=False, allow_null=True)
    effective_from = MomentField(required=False, allow_null=True)
    rationale = serializers.CharField(required=False, allow_blank=True, max_length=4000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        split = {name for name in ("comparator", "value") if name in attrs}
        if "target" in attrs and split:
            raise serializers.ValidationError({"target": "Send either this text, or comparator and value."})
        if "target" not in attrs and len(split) < 2:
            missing = {"comparator", "value"} - split
            raise serializers.ValidationError(dict.fromkeys(sorted(missing), "This field is required, unless target is sent."))
        return attrs


class WindowIn(serializers.Serializer[Any]):
    """The window that a baseline is measured over; `until` is not in it."""

    since = MomentField()
    until = MomentField()


class MeasuredIn(Strict, WindowIn):
    """A version with a measured baseline; what is left out stays as in the version in force."""

    target = serializers.CharField(required=False, max_length=60)
    alert_threshold = serializers.FloatField(required=False, allow_null=True)
    due_on = serializers.DateField(required=False, allow_null=True)
    effective_from = MomentField(required=False, allow_null=True)
    rationale = serializers.CharField(required=False, allow_blank=True, default="")


class ReviewIn(serializers.Serializer[Any]):
    note = serializers.CharField(max_length=2000)


class DecisionIn(serializers.Serializer[Any]):
    note = serializers.CharField(required=False, allow_blank=True, default="")


class ApprovalIn(DecisionIn):
    """`seen`: the version that was in force when the difference was looked at, 0 for none; 409 where another one is by now."""

    seen = serializers.IntegerField(required=False, min_value=0)


class WaiverIn(serializers.Serializer[Any]):
    kpi = serializers.CharField()
    reason = serializers.CharField()
    expires_at = MomentField()
    subject = serializers.CharField(required=False, allow_blank=True, default="", max_length=80)
