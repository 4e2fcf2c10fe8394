"""The form that says what is compared with what: before and after a time, two windows, or two versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms

from accounts.forms import Styled
from kpis.models import KPI
from kpis.sides import BadSide, Sides, Window, of_versions, of_windows

BOUNDS = ("before_from", "before_to", "after_from", "after_to")
SIDES = ("before", "after")


def _time(label: str) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    return forms.DateTimeField(label=label, required=False, widget=widget)


class ChangeForm(Styled, forms.Form):
    """Nothing filled in means the middle of the measured time. `sides` are the two that were asked for, once it is valid."""

    at = _time("Before and after, UTC")
    before_from = _time("Before: from, UTC")
    before_to = _time("Before: until, UTC")
    after_from = _time("After: from, UTC")
    after_to = _time("After: until, UTC")
    before = forms.CharField(label="Version before", required=False, max_length=64)
    after = forms.CharField(label="Version after", required=False, max_length=64)

    def __init__(self, data: Any = None, *, kpi: KPI, where: dict[str, str]) -> None:
        asked = data if data and any(data.get(name) for name in ("at", *BOUNDS, *SIDES)) else None
        super().__init__(asked, auto_id="change-%s", use_required_attribute=False)
        self.kpi, self.where = kpi, where
        self.sides: Sides | None = None

    @property
    def at_asked(self) -> datetime | None:
        """The time, where one was asked for and is one."""
        return self.cleaned_data.get("at") if self.is_bound and self.is_valid() else None

    def asks(self, names: tuple[str, ...]) -> bool:
        return self.is_bound and any(self.data.get(name) for name in names)

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or {}
        if self.errors:
            return fields
        try:
            if self.asks(SIDES):
                self.sides = of_versions(self.kpi, fields["before"], fields["after"])
            elif self.asks(BOUNDS):
                self.sides = self._windows(fields)
        except BadSide as error:
            self.add_error(error.field, str(error))
        return fields

    def _windows(self, fields: dict[str, Any]) -> Sides:
        for name in BOUNDS:
            if fields[name] is None:
                raise BadSide(name, "Two windows have four ends.")
        before, after = Window(fields["before_from"], fields["before_to"]), Window(fields["after_from"], fields["after_to"])
        return of_windows(self.kpi, before, after, **self.where)
