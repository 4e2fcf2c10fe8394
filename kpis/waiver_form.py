"""The form by which people ask for a waiver."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.utils import timezone

from accounts.days import day_end
from accounts.forms import Styled
from accounts.models import User
from kpis import waivers
from kpis.faults import Refused
from kpis.models import KPI, Waiver


class KpiChoice(forms.ModelChoiceField):
    def label_from_instance(self, kpi: KPI) -> str:
        return f"{kpi.scorecard.name} · {kpi.name}"


class WaiverForm(Styled, forms.Form):
    """Which KPI, where, why and until which day; the day itself is still waived."""

    kpi = KpiChoice(queryset=KPI.objects.none(), label="KPI", to_field_name=None)
    subject = forms.CharField(
        max_length=80, required=False, label="Only for", help_text="A measured service or other subject; empty means everywhere."
    )
    last_day = forms.DateField(
        label="Last day, UTC", widget=forms.DateInput(attrs={"type": "date"}), help_text="It ends by itself after this day."
    )
    reason = forms.CharField(
        max_length=2000, label="Why it does not count", widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What happened, what is done about it, and why by that day.",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="waiver-%s", **kwargs)
        found = KPI.objects.active().select_related("scorecard").order_by("scorecard__name", "position", "name")
        self.fields["kpi"].queryset = found  # type: ignore[attr-defined]
        self.fields["subject"].widget.attrs["list"] = "waiver-subjects"

    def clean_last_day(self) -> date:
        day: date = self.cleaned_data["last_day"]
        if day < timezone.now().date():
            raise forms.ValidationError("A waiver ends in the future.")
        return day

    def request(self, *, actor: User) -> Waiver | None:
        """Ask for the waiver; None with the error on the form where it is refused."""
        asked = self.cleaned_data
        try:
            return waivers.request_waiver(
                kpi=asked["kpi"],
                subject=asked["subject"],
                reason=asked["reason"],
                expires_at=day_end(asked["last_day"]),
                actor=actor,
                now=timezone.now(),
            )
        except Refused as error:
            name = {"expires_at": "last_day"}.get(error.field, error.field)
            self.add_error(name if name in self.fields else None, str(error))
            return None
