"""Forms of people: propose a target, choose what to compare, invalidate a result."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from accounts.forms import Styled
from accounts.models import User
from kpis import targets
from kpis.baselines import Measured, measure
from kpis.faults import BadTarget
from kpis.models import KPI, PERCENTILES, Severity, Target
from kpis.thresholds import number

MOMENT = {"type": "datetime-local"}
BESIDE = {**MOMENT, "class": "form-control w-auto"}
MINUTE = "%Y-%m-%dT%H:%M"
WINDOW = ("baseline_since", "baseline_until")
MEASURED = ("baseline", "baseline_on")
"""What a measured window says, so that nobody writes it."""


class ProposalForm(Styled, forms.Form):
    """A target as people type it; figures without a unit are in the KPI's."""

    target = forms.CharField(max_length=targets.LONGEST)
    alert_threshold = forms.FloatField(required=False, help_text="Past it the KPI is breached, and an alert fires.")
    severity = forms.ChoiceField(choices=Severity.choices, required=False, label="Severity of the alert")
    for_min = forms.FloatField(
        min_value=0, max_value=527040, required=False, label="Fires after, minutes", help_text="Past its threshold for so long.",
    )  # fmt: skip
    recover_min = forms.FloatField(
        min_value=0, max_value=527040, required=False, label="Over after, minutes", help_text="On its good side for so long.",
    )  # fmt: skip
    baseline = forms.FloatField(required=False)
    baseline_on = forms.DateField(required=False, label="Baseline of", widget=forms.DateInput(attrs={"type": "date"}))
    due_on = forms.DateField(required=False, label="Due on", widget=forms.DateInput(attrs={"type": "date"}))
    effective_from = forms.DateTimeField(
        required=False, label="In force from, UTC", help_text="Empty: from its approval on. Never before it.",
        widget=forms.DateTimeInput(attrs=MOMENT, format=MINUTE),
    )  # fmt: skip
    rationale = forms.CharField(
        max_length=2000, label="Rationale, kept with the version",
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "Why this figure, why now"}),
    )  # fmt: skip

    def __init__(
        self, *args: Any, kpi: KPI, in_force: Target | None, now: datetime, measured: Measured | None = None, **kwargs: Any
    ) -> None:
        kwargs.setdefault("initial", _initial(in_force, measured))
        super().__init__(*args, auto_id="target-%s", **kwargs)
        self.kpi, self.now, self.in_force, self.measured = kpi, now, in_force, measured
        if measured:
            self._take(measured)
        self.fields["target"].help_text = _examples(kpi)
        for name in ("alert_threshold", "baseline"):
            self.fields[name].label = f"{name.replace('_', ' ').capitalize()}, {kpi.unit}"

    def _take(self, measured: Measured) -> None:
        """Show the measured baseline; what it was measured over goes along, and it is measured again when it is sent."""
        for name in MEASURED:
            self.fields[name].disabled = True
        self.fields["baseline"].help_text = measured.baseline_stated
        for name in WINDOW:
            at = getattr(measured, name).replace(tzinfo=None)
            self.fields[name] = forms.CharField(initial=f"{at:%Y-%m-%dT%H:%M:%S}", widget=forms.HiddenInput, required=False)

    def _kept(self) -> dict[str, Any]:
        """What nobody wrote stays as in the version in force, as long as it tells of the same figures."""
        kept: dict[str, Any] = {}
        if self.in_force:
            kept = {name: getattr(self.in_force, name) for name in KEPT}
            if not {"baseline", "baseline_on"} & set(self.changed_data):
                kept |= {name: getattr(self.in_force, name) for name in targets.MEASURED}
        return kept | self._alerting() | (asdict(self.measured) if self.measured else {})

    def _alerting(self) -> dict[str, Any]:
        """How its alert behaves, as far as it was written."""
        said = self.cleaned_data
        lasting = {name: said[typed] for name, typed in DURATIONS.items() if said[typed] is not None}
        severity = {"severity": said["severity"]} if said["severity"] else {}
        return severity | {name: round(minutes * 60) for name, minutes in lasting.items()}

    def clean_effective_from(self) -> datetime | None:
        at = self.cleaned_data["effective_from"]
        if at is not None and at < self.now:
            raise forms.ValidationError("That has been already, and what was measured stays judged: write a later time, or none.")
        return at

    def clean(self) -> dict[str, Any]:
        """A browser sends nothing of what is measured; what is sent all the same is refused where it says something else."""
        data = super().clean() or self.cleaned_data
        for name in MEASURED if self.measured else ():
            if self.data.get(name) and self._written(name) != getattr(self.measured, name):
                self.add_error(name, "This was measured over this window: leave it out, or write a baseline without a window.")
        return data

    def _written(self, name: str) -> Any:
        """What was sent for a field that is shown only; None for what cannot be read."""
        try:
            return self.fields[name].clean(self.data[name])
        except forms.ValidationError:
            return None

    def propose(self, *, actor: User) -> Target | None:
        """The new version; None where the figures contradict each other, which then stands beside the fields."""
        try:
            apart = {*WINDOW, *DURATIONS.values(), "severity"}
            said = {name: value for name, value in self.cleaned_data.items() if name not in apart}
            return targets.propose(kpi=self.kpi, actor=actor, **{**said, **self._kept()})
        except BadTarget as error:
            for name, text in error.errors.items():
                name = DURATIONS.get(name, name)
                self.add_error(name if name in self.fields else "target", text)
        except targets.Refused as error:
            self.add_error(None, str(error))
        return None


DURATIONS = {"for_s": "for_min", "recover_s": "recover_min"}
"""By which field of the form, in minutes, a length in seconds is typed."""

KEPT = (*DURATIONS, "severity")
"""What a proposal leaves as it is where nothing is written."""


def _examples(kpi: KPI) -> str:
    """What can be typed for this KPI."""
    lower = kpi.direction == "lower"
    sign, figure = ("<", "0.5") if lower else (">=", "99.5")
    named = f"p({kpi.aggregation[1:]})" if kpi.aggregation in PERCENTILES else ""
    change = "<= -20%" if lower else ">= +20%"
    return f"Such as {named}{sign}{figure}, in {kpi.unit} unless a unit is written, or {change} against the baseline."


def _initial(in_force: Target | None, measured: Measured | None) -> dict[str, Any]:
    """What the version in force says, so that a proposal states only what it changes; of a measured baseline, that."""
    base = {"baseline": measured.baseline, "baseline_on": measured.baseline_on} if measured else {}
    if in_force is None:
        return {"baseline_on": timezone.now().date(), "severity": Severity.MEDIUM, "for_min": 0, "recover_min": 0, **base}
    kept = {name: _short(getattr(in_force, name)) for name in ("alert_threshold", "baseline", "baseline_on", "due_on")}
    kept |= {"severity": in_force.severity}
    kept |= {typed: _short(getattr(in_force, name) / 60) for name, typed in DURATIONS.items()}
    return {"target": f"{in_force.comparator} {number(in_force.value)}", **kept, **base}


def _short(value: Any) -> Any:
    """The same figure; one that is whole without its `.0`."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


class BaselineForm(Styled, forms.Form):
    """The window that a baseline is measured over."""

    baseline_since = forms.DateTimeField(label="Measured from, UTC", widget=forms.DateTimeInput(attrs=BESIDE, format=MINUTE))
    baseline_until = forms.DateTimeField(label="until, UTC", widget=forms.DateTimeInput(attrs=BESIDE, format=MINUTE))

    def __init__(self, *args: Any, kpi: KPI, now: datetime, **kwargs: Any) -> None:
        week = {"baseline_since": now - timedelta(days=7), "baseline_until": now}
        super().__init__(*args, auto_id="measured-%s", initial=week, **kwargs)
        self.kpi, self.now = kpi, now

    def measured(self) -> Measured | None:
        """The baseline of the window; None where none was asked for or nothing can be told, which stands beside the fields."""
        if not self.is_valid():
            return None
        since, until = (self.cleaned_data[name] for name in WINDOW)
        try:
            return measure(kpi=self.kpi, since=since, until=until, now=self.now)
        except BadTarget as error:
            for name, text in error.errors.items():
                self.add_error(name, text)
        return None


class ReasonForm(Styled, forms.Form):
    why = forms.CharField(
        max_length=1000, label="Why it counts no longer", widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Its figures leave the KPIs and the baselines; the result itself stays.",
    )  # fmt: skip
