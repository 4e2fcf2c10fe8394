"""Forms by which people bring figures: one typed, many from a file, and the taking back of either."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django import forms

from accounts.forms import Styled
from kpis import figures, sheets
from kpis.actual import PERCENTILES
from kpis.models import KPI
from kpis.points import LONGEST, MOST_COUNT, Point
from kpis.standing import SeriesStanding

MOMENT = "%Y-%m-%dT%H:%M"


class EntryForm(Styled, forms.Form):
    """One figure as people type it, in any unit that fits; of a reduction the raw one."""

    value = forms.CharField(max_length=60, widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "text"}))
    at = forms.DateTimeField(
        label="Measured at, UTC",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MOMENT),
        help_text="Of a month or a week: its last moment.",
    )
    subject = forms.CharField(
        max_length=LONGEST["subject"], label="Of what", help_text="A service's short name, or whatever was measured."
    )
    environment = forms.CharField(max_length=LONGEST["environment"], required=False, help_text="Such as production.")
    count = forms.IntegerField(
        min_value=1, max_value=MOST_COUNT, required=False, label="Samples", help_text="Behind the figure; 1 where empty."
    )
    note = forms.CharField(max_length=LONGEST["note"], required=False, help_text="Where it is from. Shown beside the figure.")

    def __init__(self, *args: Any, kpi: KPI, series: Sequence[SeriesStanding], now: datetime, **kwargs: Any) -> None:
        newest = max(series, key=lambda one: one.at, default=None)
        kwargs["initial"] = {
            "at": now.astimezone(UTC).replace(second=0, microsecond=0),
            "subject": newest.subject if newest else kpi.across_subject or kpi.scorecard.slug,
            "environment": newest.environment if newest else "",
        }
        super().__init__(*args, auto_id="enter-%s", **kwargs)
        self.kpi, self.percentile = kpi, kpi.aggregation in PERCENTILES
        if self.percentile:
            whole = f"Behind the figure, which is their {kpi.get_aggregation_display()} then; 1 where empty."
            self.fields["count"].help_text = whole
        unit = kpi.measured_unit
        self.fields["value"].label = f"{'Raw figure' if kpi.is_reduction else 'Figure'}, {unit}"
        self.fields["value"].help_text = f"Such as 1,200 or 0.45; with another unit it becomes {unit}."

    def clean_value(self) -> float:
        try:
            return figures.parse(self.cleaned_data["value"], self.kpi.measured_unit)
        except figures.BadFigure as error:
            raise forms.ValidationError(str(error)) from error

    def point(self) -> Point:
        """What was typed; the verb says who."""
        data = self.cleaned_data
        return Point(
            kpi=self.kpi, subject=data["subject"], environment=data["environment"], at=data["at"], value=data["value"],
            count=data["count"] or 1, note=data["note"], origin="", reported=self.percentile and (data["count"] or 1) > 1,
        )  # fmt: skip


class TakeBackForm(Styled, forms.Form):
    why = forms.CharField(
        max_length=1000, label="Why it was wrong", widget=forms.Textarea(attrs={"rows": 2}),
        help_text="It leaves the figures; that it was there, who brought it and who took it back stay in the history.",
    )  # fmt: skip


class FileForm(Styled, forms.Form):
    """A table, uploaded or pasted."""

    file = forms.FileField(required=False, label="A CSV file", help_text=f"At most {sheets.MOST_BYTES // 1_000_000} MB.")
    text = forms.CharField(
        required=False, strip=False, max_length=sheets.MOST_BYTES, label="Or its rows, pasted",
        widget=forms.Textarea(attrs={"rows": 9, "class": "form-control mono", "spellcheck": "false"}),
    )  # fmt: skip

    def clean_file(self) -> str:
        file = self.cleaned_data["file"]
        if not file:
            return ""
        if file.size > sheets.MOST_BYTES:
            raise forms.ValidationError(f"The file is larger than {sheets.MOST_BYTES // 1_000_000} MB: bring it in parts.")
        try:
            return sheets.decode(file.read())
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors and not cleaned.get("file") and not (cleaned.get("text") or "").strip():
            self.add_error("file", "Choose a file, or paste its rows below.")
        cleaned["table"] = cleaned.get("file") or cleaned.get("text") or ""
        return cleaned
