"""Two people at one row: whoever saves second sees both what was saved and what they wrote, and loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from django.http import Http404, HttpRequest

from accounts.forms import VersionedForm


def by_field(error: ValidationError, form: VersionedForm) -> list[tuple[str | None, Any]]:
    """What a verb refused, each by the field that it stands beside (None: above all of them)."""
    if not hasattr(error, "error_dict"):
        return [(None, error)]
    return [
        (name if name in form.fields and name != NON_FIELD_ERRORS else None, problems)
        for name, problems in error.error_dict.items()
    ]


def side_by_side(form_class: Callable[..., Any], current: models.Model | None, request: HttpRequest) -> list[dict[str, Any]]:
    """Field by field what the other saved beside what this person wrote."""
    if current is None:
        raise Http404("It was removed meanwhile.")
    theirs = form_class(instance=current)
    rows = []
    for name in theirs.shown_fields:
        field = theirs[name]
        saved, wrote = field.initial, field.field.widget.value_from_datadict(request.POST, request.FILES, theirs.add_prefix(name))
        if field.field.has_changed(saved, wrote):
            rows.append({"label": field.label, "theirs": _readable(field, saved), "yours": _readable(field, wrote)})
    return rows


def _readable(field: Any, value: Any) -> str:
    """A choice by its words, anything else as text."""
    if value is None or value == "":
        return ""
    if isinstance(value, list):
        return ", ".join(_readable(field, one) for one in value)
    value = field.field.prepare_value(value)
    choices = getattr(field.field, "choices", None) or ()
    flat = [pair for choice in choices for pair in (choice[1] if isinstance(choice[1], list | tuple) else [choice])]
    return next((str(word) for key, word in flat if str(key) == str(value)), str(value))


def again(form_class: Callable[..., Any], current: Any, request: HttpRequest) -> Any:
    """The person's input once more, now knowing the newest version."""
    data = request.POST.copy()
    data["version"] = str(current.version)
    return form_class(data, instance=current)
