"""Forms of the plan. Each carries the version of the row that it was opened with; saving ends in `roadmap.editing`."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms

from accounts.forms import Styled, VersionedForm
from kpis.models import KPI
from roadmap.models import Benefit, Cost, CostEntry, Impact, Mitigation, Risk, Roadmap, Task, bounds

DATE = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
LONG = forms.Textarea(attrs={"rows": 3})


class TaskForm(VersionedForm):
    class Meta:
        model = Task
        fields = (
            "title", "section", "priority", "assignee", "due_on", "effort_planned_h", "effort_spent_h", "problem",
            "own_target", "measure", "guidance", "cost_note", "parameters",
        )  # fmt: skip
        widgets = {"due_on": DATE, "problem": LONG, "own_target": LONG, "measure": LONG, "cost_note": LONG, "parameters": LONG}
        labels = {
            "due_on": "Due", "effort_planned_h": "Planned effort (h)", "effort_spent_h": "Spent effort (h)",
            "own_target": "Target of its own", "measure": "How it is measured", "cost_note": "Cost in words",
        }  # fmt: skip


class CostForm(VersionedForm):
    class Meta:
        model = Cost
        fields = ("name", "kind", "hours", "rate", "amount", "priority")
        labels = {"rate": "Rate per hour"}


class BookingForm(Styled, forms.ModelForm):
    class Meta:
        model = CostEntry
        fields = ("booked_on", "amount", "note")
        widgets = {"booked_on": DATE}
        labels = {"booked_on": "Booked on"}
        help_texts = {"amount": "A negative amount corrects an earlier one."}


class BenefitForm(VersionedForm):
    rests_on = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 4}),
        required=False,
        label="Rests on",
        help_text="One KPI a line with its weight, such as “uptime = 30”. Weights are relative to their sum.",
    )

    class Meta:
        model = Benefit
        fields = ("name", "monthly_amount")
        labels = {"monthly_amount": "Amount per month"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        links = self.instance.links.select_related("kpi")
        self.fields["rests_on"].initial = "\n".join(f"{link.kpi.key} = {link.weight.normalize():f}" for link in links)

    def clean_rests_on(self) -> dict[KPI, Decimal]:
        kpis = {kpi.key: kpi for kpi in KPI.objects.filter(scorecard=self.instance.roadmap.scorecard_id, archived_at=None)}
        weights: dict[KPI, Decimal] = {}
        for line in filter(None, (line.strip() for line in self.cleaned_data["rests_on"].splitlines())):
            key, _, weight = (part.strip() for part in line.partition("="))
            if key not in kpis:
                raise forms.ValidationError(f"No KPI of the scorecard has the key “{key}”.")
            weights[kpis[key]] = _weight(weight, line)
        return weights


def _weight(text: str, line: str) -> Decimal:
    try:
        weight = Decimal(text or "1")
    except InvalidOperation as error:
        raise forms.ValidationError(f"“{line}”: write the weight as a number.") from error
    if not weight.is_finite() or not 0 < weight < 1000:
        raise forms.ValidationError(f"“{line}”: a weight is more than 0 and less than 1,000.")
    return weight


class RiskForm(VersionedForm):
    triggers = forms.ModelMultipleChoiceField(
        KPI.objects.none(), required=False, label="Triggered by", help_text="While one of these KPIs is breached, the risk is."
    )

    class Meta:
        model = Risk
        fields = (
            "title", "description", "likelihood", "impact", "residual_likelihood", "residual_impact", "placement_note",
            "status", "treatment", "owner", "review_on",
        )  # fmt: skip
        widgets = {"review_on": DATE, "description": LONG}
        labels = {"review_on": "Next review", "placement_note": "Why it is placed there"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["triggers"]
        field.queryset = KPI.objects.filter(scorecard=self.instance.roadmap.scorecard_id, archived_at=None)  # type: ignore[attr-defined]
        field.initial = [trigger.kpi_id for trigger in self.instance.triggers.all()]


class MitigationForm(VersionedForm):
    class Meta:
        model = Mitigation
        fields = ("text", "state", "owner", "due_on")
        widgets = {"due_on": DATE}
        labels = {"due_on": "Due"}


class RoadmapForm(VersionedForm):
    class Meta:
        model = Roadmap
        fields = ("name", "summary", "starts_on", "currency", "discount_rate", "review_on")
        widgets = {"starts_on": DATE, "review_on": DATE, "summary": LONG}


class ConfirmForm(Styled, forms.ModelForm):
    class Meta:
        model = Impact
        fields = ("evidence",)
        widgets = {"evidence": LONG}
        help_texts = {"evidence": "What shows that the promise was kept."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["evidence"].required = True


class ImportForm(Styled, forms.Form):
    file = forms.FileField(label="Roadmap file", help_text="At most 2 MB.")
    starts_on = forms.DateField(
        required=False,
        widget=DATE,
        validators=bounds.DAY,
        label="First day of week 1",
        help_text="Empty: as the file says, else Monday of this week.",
    )

    def clean_file(self) -> str:
        file = self.cleaned_data["file"]
        if file.size > 2_000_000:
            raise forms.ValidationError("The file is larger than 2 MB.")
        try:
            return str(file.read().decode("utf-8"))
        except UnicodeDecodeError as error:
            raise forms.ValidationError("The file is not UTF-8 text.") from error
