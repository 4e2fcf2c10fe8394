"""Forms of people: propose a target, choose what to compare, invalidate a result."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone

from accounts.forms import Styled
from accounts.models import User
from kpis import targets
from kpis.models import KPI, Target
from kpis.thresholds import BadThreshold, number, parse
from kpis.units import UnitMismatch, convert


class ProposalForm(Styled, forms.Form):
    """A target as people type it; figures without a unit are in the KPI's."""

    target = forms.CharField(max_length=60)
    alert_threshold = forms.FloatField(required=False, help_text="Past it the KPI is breached.")
    baseline = forms.FloatField(required=False)
    baseline_on = forms.DateField(required=False, label="Baseline of", widget=forms.DateInput(attrs={"type": "date"}))
    due_on = forms.DateField(required=False, label="Due on", widget=forms.DateInput(attrs={"type": "date"}))
    rationale = forms.CharField(
        max_length=2000, label="Rationale, kept with the version",
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "Why this figure, why now"}),
    )  # fmt: skip

    def __init__(self, *args: Any, kpi: KPI, in_force: Target | None, **kwargs: Any) -> None:
        kwargs.setdefault("initial", _initial(in_force))
        super().__init__(*args, auto_id="target-%s", **kwargs)
        self.kpi = kpi
        self.fields["target"].help_text = f"Such as {'<' if kpi.direction == 'lower' else '>='} 500, in {kpi.unit}."
        for name in ("alert_threshold", "baseline"):
            self.fields[name].label = f"{name.replace('_', ' ').capitalize()}, {kpi.unit}"

    def clean_target(self) -> tuple[str, float]:
        try:
            found = parse(self.cleaned_data["target"])
            if found.relative:
                raise forms.ValidationError("A target is a figure of its own, not a change.")
            value = convert(found.value, found.unit, self.kpi.unit) if found.unit else found.value
        except (BadThreshold, UnitMismatch) as error:
            raise forms.ValidationError(str(error)) from error
        if found.aggregation and found.aggregation != self.kpi.aggregation:
            raise forms.ValidationError(f"This KPI is the {self.kpi.get_aggregation_display()}.")
        return found.comparator, value

    def propose(self, *, actor: User) -> Target | None:
        """The new version; None where the figures contradict each other, which then stands beside the fields."""
        fields = dict(self.cleaned_data)
        comparator, value = fields.pop("target")
        try:
            return targets.propose(kpi=self.kpi, actor=actor, comparator=comparator, value=value, **fields)
        except targets.BadTarget as error:
            for name, text in error.errors.items():
                self.add_error(name if name in self.fields else "target", text)
        return None


def _initial(in_force: Target | None) -> dict[str, Any]:
    """What the version in force says, so that a proposal states only what it changes."""
    if in_force is None:
        return {"baseline_on": timezone.now().date()}
    kept = {name: getattr(in_force, name) for name in ("alert_threshold", "baseline", "baseline_on", "due_on")}
    return {"target": f"{in_force.comparator} {number(in_force.value)}", **kept}


class SplitForm(Styled, forms.Form):
    """The time that parts before from after."""

    at = forms.DateTimeField(
        label="Before and after, UTC", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )

    def at_asked(self) -> datetime | None:
        """The time, where one was asked for and is one."""
        return self.cleaned_data["at"] if self.is_valid() else None


class ReasonForm(Styled, forms.Form):
    why = forms.CharField(
        max_length=1000, label="Why it counts no longer", widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Its figures leave the KPIs and the baselines; the result itself stays.",
    )  # fmt: skip
