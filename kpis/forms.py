"""Forms of people: propose a target, choose what to compare, invalidate a result."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone

from accounts.forms import Styled
from accounts.models import User
from kpis import targets
from kpis.faults import BadTarget
from kpis.models import KPI, PERCENTILES, Target
from kpis.thresholds import number


class ProposalForm(Styled, forms.Form):
    """A target as people type it; figures without a unit are in the KPI's."""

    target = forms.CharField(max_length=targets.LONGEST)
    alert_threshold = forms.FloatField(required=False, help_text="Past it the KPI is breached.")
    baseline = forms.FloatField(required=False)
    baseline_on = forms.DateField(required=False, label="Baseline of", widget=forms.DateInput(attrs={"type": "date"}))
    due_on = forms.DateField(required=False, label="Due on", widget=forms.DateInput(attrs={"type": "date"}))
    effective_from = forms.DateTimeField(
        required=False, label="In force from, UTC", help_text="Empty: from its approval on. Never before it.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    rationale = forms.CharField(
        max_length=2000, label="Rationale, kept with the version",
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "Why this figure, why now"}),
    )  # fmt: skip

    def __init__(self, *args: Any, kpi: KPI, in_force: Target | None, now: datetime, **kwargs: Any) -> None:
        kwargs.setdefault("initial", _initial(in_force))
        super().__init__(*args, auto_id="target-%s", **kwargs)
        self.kpi, self.now = kpi, now
        self.kept = {name: getattr(in_force, name) for name in KEPT} if in_force else {}
        self.fields["target"].help_text = _examples(kpi)
        for name in ("alert_threshold", "baseline"):
            self.fields[name].label = f"{name.replace('_', ' ').capitalize()}, {kpi.unit}"

    def clean_effective_from(self) -> datetime | None:
        at = self.cleaned_data["effective_from"]
        if at is not None and at < self.now:
            raise forms.ValidationError("That has been already, and what was measured stays judged: write a later time, or none.")
        return at

    def propose(self, *, actor: User) -> Target | None:
        """The new version; None where the figures contradict each other, which then stands beside the fields."""
        try:
            return targets.propose(kpi=self.kpi, actor=actor, **self.kept, **self.cleaned_data)
        except BadTarget as error:
            for name, text in error.errors.items():
                self.add_error(name if name in self.fields else "target", text)
        except targets.Refused as error:
            self.add_error(None, str(error))
        return None


KEPT = ("for_s", "recover_s", "severity")
"""What a proposal on the page leaves as it is."""


def _examples(kpi: KPI) -> str:
    """What can be typed for this KPI."""
    lower = kpi.direction == "lower"
    sign, figure = ("<", "0.5") if lower else (">=", "99.5")
    named = f"p({kpi.aggregation[1:]})" if kpi.aggregation in PERCENTILES else ""
    change = "<= -20%" if lower else ">= +20%"
    return f"Such as {named}{sign}{figure}, in {kpi.unit} unless a unit is written, or {change} against the baseline."


def _initial(in_force: Target | None) -> dict[str, Any]:
    """What the version in force says, so that a proposal states only what it changes."""
    if in_force is None:
        return {"baseline_on": timezone.now().date()}
    kept = {name: getattr(in_force, name) for name in ("alert_threshold", "baseline", "baseline_on", "due_on")}
    return {"target": f"{in_force.comparator} {number(in_force.value)}", **kept}


class ReasonForm(Styled, forms.Form):
    why = forms.CharField(
        max_length=1000, label="Why it counts no longer", widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Its figures leave the KPIs and the baselines; the result itself stays.",
    )  # fmt: skip
