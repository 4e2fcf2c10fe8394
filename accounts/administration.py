"""What the admin classes of all applications share: the audit trail is kept, history is looked at, every list is cheap."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model
from django.http import HttpRequest

from accounts import audit
from accounts.models import User
from accounts.opened import OpenedAdmin
from accounts.versions import shown

WHY = "in the admin site"


class Quick(admin.ModelAdmin):
    """A list counts only what it shows, and reads related rows with its own."""

    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER


class AuditedAdmin(OpenedAdmin, Quick):
    """Keeps version and audit trail; nothing is deleted here, it is archived or disabled."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        before = {name: shown(form.initial.get(name)) for name in form.changed_data} if change else {}
        if change and form.changed_data and hasattr(obj, "version"):
            obj.version += 1
        super().save_model(request, obj, form, change)
        if form.changed_data:
            actor, token = audit.actor_of(request)
            after = {name: shown(form.cleaned_data.get(name)) for name in form.changed_data}
            action = f"{obj._meta.model_name}.{'change' if change else 'create'}"
            audit.record(actor=actor, action=action, subject=obj, before=before, after=after, token=token, why=WHY)


class ReadOnlyAdmin(Quick):
    """History is looked at, never edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):
    """Rows of another model, shown below the one that they belong to."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def actor(request: HttpRequest) -> User:
    """Who works in the admin site: always a person who is logged in."""
    return audit.actor_of(request)[0]


def each(request: HttpRequest, rows: Iterable[Any], verb: Callable[[Any], object], said: str, refused: type[Exception]) -> None:
    """Do a verb to every chosen row; those that it refuses are told one by one, the others are counted."""
    done = 0
    for row in rows:
        try:
            verb(row)
        except refused as why:
            messages.error(request, f"{row}: {why}")
        else:
            done += 1
    if done:
        messages.success(request, f"{done} {said}.")
