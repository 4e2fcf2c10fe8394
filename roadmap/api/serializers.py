"""Shapes of the plan in JSON. Money and efforts are decimal strings; null or an empty text is *not stated*."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from accounts.serializers import PersonField, StrictSerializer
from kpis.models import KPI
from roadmap.models import (
    AlertRule,
    Benefit,
    BenefitKpi,
    Cost,
    CostEntry,
    Gate,
    GateWaiver,
    Impact,
    LoadProfile,
    Mitigation,
    Phase,
    Risk,
    Roadmap,
    Task,
    TaskState,
    shapes,
)


class ImpactSerializer(StrictSerializer):
    phase = serializers.IntegerField(source="phase.number", read_only=True)
    task: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="key", read_only=True, allow_null=True)
    kpi: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="key", read_only=True, allow_null=True)
    confirmed_by = PersonField(read_only=True)

    class Meta:
        model = Impact
        fields = [
            "id", "phase", "key", "task", "kpi", "statement", "change_pct", "change_pct_to", "factor", "to_value", "unit",
            "stated", "stated_in", "confirmed_at", "confirmed_by", "evidence", "demo", "version",
        ]  # fmt: skip
        read_only_fields = ["key", "stated", "stated_in", "confirmed_at", "demo", "version"]


class TaskSerializer(StrictSerializer):
    phase = serializers.IntegerField(source="phase.number", read_only=True)
    status = serializers.ChoiceField(choices=TaskState.choices, source="state", required=False)
    status_note = serializers.CharField(source="state_note", required=False, allow_blank=True, max_length=300)
    status_changed_at = serializers.DateTimeField(source="state_changed_at", read_only=True, allow_null=True)
    status_changed_by = PersonField(source="state_changed_by", read_only=True)
    assignee = PersonField()
    parameters = serializers.JSONField(required=False, validators=[shapes.parameters])

    class Meta:
        model = Task
        fields = [
            "id", "phase", "key", "title", "section", "problem", "own_target", "measure", "guidance", "cost_note",
            "parameters", "priority", "assignee", "due_on", "effort_planned_h", "effort_spent_h", "status", "status_note",
            "status_changed_at", "status_changed_by", "position", "demo", "version",
        ]  # fmt: skip
        read_only_fields = ["key", "demo", "version"]


class PhaseSerializer(StrictSerializer):
    starts_on = serializers.DateField(read_only=True)
    ends_on = serializers.DateField(read_only=True)

    class Meta:
        model = Phase
        fields = [
            "id", "number", "name", "summary", "week_from", "week_to", "starts_on", "ends_on", "started_on", "finished_on",
            "demo", "version",
        ]  # fmt: skip
        read_only_fields = ["demo", "version"]


class EntrySerializer(StrictSerializer):
    by = PersonField(read_only=True)

    class Meta:
        model = CostEntry
        fields = ["id", "booked_on", "amount", "note", "by", "at", "demo"]
        read_only_fields = ["at", "demo"]


class CostSerializer(StrictSerializer):
    planned = serializers.DecimalField(max_digits=14, decimal_places=2, read_only=True, allow_null=True)
    entries = EntrySerializer(many=True, read_only=True)

    class Meta:
        model = Cost
        fields = [
            "id", "key", "name", "kind", "hours", "rate", "amount", "planned", "priority", "stated_total", "entries", "position",
            "demo", "version",
        ]  # fmt: skip
        read_only_fields = ["key", "stated_total", "demo", "version"]


class LinkSerializer(serializers.ModelSerializer):
    kpi: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="key", read_only=True)

    class Meta:
        model = BenefitKpi
        fields = ["kpi", "weight", "demo"]


class BenefitSerializer(StrictSerializer):
    kpis = LinkSerializer(source="links", many=True, read_only=True)

    class Meta:
        model = Benefit
        fields = ["id", "key", "name", "monthly_amount", "stated_roi_pct", "kpis", "position", "demo", "version"]
        read_only_fields = ["key", "stated_roi_pct", "demo", "version"]


class WeightSerializer(serializers.Serializer):
    """What `PUT benefits/{id}/kpis/` takes, as a list."""

    kpi = serializers.SlugField()
    weight = serializers.DecimalField(max_digits=6, decimal_places=3, default=Decimal(1))


class MitigationSerializer(StrictSerializer):
    owner = PersonField()

    class Meta:
        model = Mitigation
        fields = ["id", "key", "text", "state", "owner", "due_on", "position", "demo", "version"]
        read_only_fields = ["key", "demo", "version"]


class RiskSerializer(StrictSerializer):
    owner = PersonField()
    mitigations = MitigationSerializer(many=True, read_only=True)
    triggers = serializers.SerializerMethodField()

    class Meta:
        model = Risk
        fields = [
            "id", "key", "title", "description", "stated_level", "likelihood", "impact", "residual_likelihood",
            "residual_impact", "placement_note", "status", "treatment", "owner", "review_on", "mitigations", "triggers",
            "position", "demo", "version",
        ]  # fmt: skip
        read_only_fields = ["key", "stated_level", "demo", "version"]

    def get_triggers(self, risk: Risk) -> list[str]:
        return [trigger.kpi.key for trigger in risk.triggers.all()]


class LoadProfileSerializer(serializers.ModelSerializer):
    class Meta:
        model = LoadProfile
        fields = ["id", "key", "name", "section", "stages", "cooldown_s", "targets", "demo", "version"]


class AlertRuleSerializer(serializers.ModelSerializer):
    kpi: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="key", read_only=True)

    class Meta:
        model = AlertRule
        fields = ["id", "key", "kpi", "comparator", "value", "severity", "stated", "demo", "version"]


class GateWaiverSerializer(StrictSerializer):
    requested_by = PersonField(read_only=True, allow_null=False)
    decided_by = PersonField(read_only=True)
    ended_by = PersonField(read_only=True)

    class Meta:
        model = GateWaiver
        fields = [
            "id", "gate", "reason", "expires_at", "decision", "requested_by", "requested_at", "decided_by", "decided_at",
            "decision_note", "self_approved", "ended_by",
        ]  # fmt: skip
        read_only_fields = ["gate", "decision", "requested_at", "decided_at", "decision_note", "self_approved"]


class GateSerializer(StrictSerializer):
    phase = serializers.IntegerField(source="phase.number", read_only=True)
    kpis: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="key", many=True, read_only=True)
    closed_by = PersonField(read_only=True)
    waivers = GateWaiverSerializer(many=True, read_only=True)

    class Meta:
        model = Gate
        fields = [
            "id", "phase", "needs_tasks", "needs_impacts", "kpis", "closed_at", "closed_by", "closed_as", "waivers", "version"
        ]  # fmt: skip
        read_only_fields = ["closed_at", "closed_as", "version"]


class RoadmapSerializer(StrictSerializer):
    scorecard: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    state_changed_by = PersonField(read_only=True)

    class Meta:
        model = Roadmap
        fields = [
            "slug", "name", "summary", "scorecard", "starts_on", "currency", "discount_rate", "state", "state_changed_at",
            "state_changed_by", "source_version", "source_updated", "review_stated", "review_on", "stated", "next_steps",
            "demo", "version",
        ]  # fmt: skip
        read_only_fields = [
            "slug",
            "state_changed_at",
            "source_version",
            "source_updated",
            "review_stated",
            "stated",
            "demo",
            "version",
        ]


def kpis_by_key(scorecard_id: int, keys: list[str]) -> dict[str, KPI]:
    """The named KPIs of a scorecard; raises a validation error that names those that are not there."""
    found = {kpi.key: kpi for kpi in KPI.objects.filter(scorecard_id=scorecard_id, key__in=keys)}
    unknown = [key for key in keys if key not in found]
    if unknown:
        raise serializers.ValidationError({"kpis": f"There is no KPI {', '.join(unknown)} in this scorecard."})
    return found
