"""What the API of KPIs takes."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.serializers import MomentField, Strict
from kpis.models import Severity


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
