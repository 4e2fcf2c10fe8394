"""Edits in the admin site name the version that their form was opened with, and never go over the change of somebody else."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import InlineModelAdmin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponseRedirect

from accounts.versions import StaleEdit, shown


class OpenedField(forms.IntegerField):
    """Goes along with what was edited, and is no edit itself."""

    widget = forms.HiddenInput

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


class OpenedForm(forms.ModelForm):
    """Whoever saves what somebody else changed meanwhile is shown both, and may save again knowing it."""

    opened = OpenedField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not hasattr(self.instance, "version"):
            del self.fields["opened"]
        elif self.instance.pk is not None:
            self.initial["opened"] = self.instance.version

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if self.instance.pk is not None and "opened" in self.fields and "opened" not in self.errors:
            self._told(found.get("opened"))
        return found

    def _told(self, opened: int | None) -> None:
        """Lock the row until the edit is saved; say what stands in it where it is not the version that was opened."""
        model = type(self.instance)
        current = model._default_manager.select_for_update(of=("self",), no_key=True).filter(pk=self.instance.pk).first()
        if current is None:
            raise ValidationError("It was removed meanwhile.")
        if current.version == opened:
            return
        again = self.data.copy()  # type: ignore[attr-defined]
        again[self.add_prefix("opened")] = str(current.version)
        self.data = again
        said = "; ".join(self._both(current, name) for name in self.changed_data if name in self.cleaned_data)
        told = f"Beside what you wrote: {said}." if said else "Nothing that you see differs from what they saved."
        raise ValidationError(f"Somebody else changed it meanwhile. {told} Save again to let yours stand.", code="stale")

    def _both(self, current: Model, name: str) -> str:
        return (
            f"{self[name].label} is now “{_words(getattr(current, name, None))}”, you wrote “{_words(self.cleaned_data[name])}”"
        )


def _words(value: Any) -> str:
    """A field's value as text; of many rows all of them."""
    if hasattr(value, "all"):
        return ", ".join(str(shown(one)) for one in value.all())
    return "" if value is None else str(shown(value))


class TellingAdmin(admin.ModelAdmin):
    """What a verb refuses, although the form had nothing against it, is told; nothing is written."""

    refusals: tuple[type[Exception], ...] = (StaleEdit, ValidationError)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except self.refusals as why:
            messages.error(request, "; ".join(why.messages) if isinstance(why, ValidationError) else f"{why}. Look at it again.")
            return HttpResponseRedirect(request.path)


class OpenedAdmin(TellingAdmin):
    """Rows with a version: the form carries it."""

    form = OpenedForm

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [name for name in super().get_fields(request, obj) if name != "opened"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.carrying(super().get_fieldsets(request, obj), request, obj)

    def carrying(self, sets: Any, request: HttpRequest, obj: Any) -> Any:
        """The sets of fields with the version in the first one, where the row can be edited."""
        if obj is None or not hasattr(obj, "version") or not self.has_change_permission(request, obj):
            return sets
        (title, first), *rest = sets
        return [(title, {**first, "fields": [*first["fields"], "opened"]}), *rest]


class OpenedInline(InlineModelAdmin):
    """Rows with a version, edited below the one that they belong to."""

    form = OpenedForm
    extra = 0

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        named = [name for name in super().get_fields(request, obj) if name != "opened"]
        return [*named, "opened"] if hasattr(self.model, "version") else named
