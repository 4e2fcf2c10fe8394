"""When something planned holds: once, or again and again by the clock of a place."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms

from accounts.forms import Styled

REPEATS = (
    ("", "once"), ("FREQ=DAILY", "every day"), ("FREQ=WEEKLY", "every week on this day"),
    ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "on weekdays"), ("FREQ=MONTHLY", "every month on this day"),
)  # fmt: skip


class ZoneField(forms.CharField):
    """A time zone by its name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(initial="UTC", max_length=60, help_text="Such as UTC or Europe/Berlin.", **kwargs)

    def clean(self, value: Any) -> str:
        name = str(super().clean(value))
        if name not in available_timezones():
            raise forms.ValidationError("Write a time zone such as Europe/Berlin.")
        return name


class PlannedForm(Styled, forms.ModelForm):
    """Of a model with `starts_at`, `ends_at`, `rule` and `zone`; times are those of the clock in the zone."""

    starts_at = forms.DateTimeField(label="From", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    ends_at = forms.DateTimeField(label="Until", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    repeat = forms.ChoiceField(choices=REPEATS, required=False, label="Repeats")
    rule = forms.CharField(
        max_length=200, required=False, label="Or by a rule", help_text="RFC 5545, such as FREQ=MONTHLY;BYDAY=1SU."
    )
    zone = ZoneField(label="Time zone")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if zone := data.get("zone"):
            for name in ("starts_at", "ends_at"):
                try:
                    if isinstance(data.get(name), datetime):
                        data[name] = data[name].replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
                except OverflowError:
                    self.add_error(name, "No calendar reaches that far.")
        return data

    def changes(self) -> dict[str, Any]:
        data = dict(self.cleaned_data)
        repeat = data.pop("repeat")
        data["rule"] = data["rule"] or repeat
        return data
