"""People, their roles and tokens, and what was done, in the admin site."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db.models import Count
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe

from accounts import people, tokens
from accounts.administration import Quick, ReadOnlyAdmin
from accounts.differences import difference
from accounts.models import ApiToken, AuditEntry, Failure, User
from accounts.permissions import ROLES


@admin.register(User)
class PersonAdmin(Quick, UserAdmin):
    """Roles are groups; their change goes into the audit trail, and administrators alone enter here.

    Nobody is deleted: who is not active any more cannot log in, and what they did stays told.
    """

    list_display = ("username", "email", "first_name", "last_name", "is_active", "role_names", "last_login")
    list_filter = ("groups", "is_active")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Roles", {"fields": ("is_active", "groups", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("is_staff", "is_superuser", "last_login", "date_joined")
    date_hierarchy = "date_joined"

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    @admin.display(description="roles")
    def role_names(self, person: User) -> str:
        return ", ".join(group.name for group in person.groups.all())

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        before = people.roles_of(form.instance)
        super().save_related(request, form, formsets, change)
        if people.roles_of(form.instance) != before:
            people.note_roles(user=form.instance, before=before, actor=request.user)  # type: ignore[arg-type]


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ("name", "prefix", "owner", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_filter = ("revoked_at", "owner")
    search_fields = ("name", "prefix", "owner__username")
    list_select_related = ("owner",)
    date_hierarchy = "created_at"
    exclude = ("digest",)
    actions = ["revoke"]

    @admin.action(description="Revoke the chosen tokens", permissions=["view"])
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        for token in queryset:
            tokens.revoke(token=token, actor=request.user, now=timezone.now())  # type: ignore[arg-type]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor", "token", "action", "subject_type", "subject", "why")
    list_filter = ("action", "subject_type", "actor")
    list_select_related = ("actor",)
    search_fields = ("subject", "why", "action", "actor__username")
    date_hierarchy = "at"
    fields = ("at", "actor", "token", "action", "subject_type", "subject_id", "subject", "change", "why")
    readonly_fields = ("change",)

    @admin.display(description="before → after")
    def change(self, entry: AuditEntry) -> str:
        return format_html_join(mark_safe("<br>"), "{}", ((str(line),) for line in difference(entry.before, entry.after))) or "—"


@admin.register(Failure)
class FailureAdmin(ReadOnlyAdmin):
    """Failed attempts hold somebody back for minutes; they go by themselves."""

    list_display = ("key", "at")
    search_fields = ("key",)
    date_hierarchy = "at"


admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(ReadOnlyAdmin):
    """The roles are fixed; a person gets one on their own page."""

    list_display = ("name", "may", "people")
    search_fields = ("name",)
    fields = ("name", "may")
    readonly_fields = ("may",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(how_many=Count("user"))

    @admin.display
    def may(self, role: Group) -> str:
        return ", ".join(sorted(ROLES.get(role.name, ()))) or "nothing"

    @admin.display(ordering="how_many")
    def people(self, role: Group) -> int:
        return int(role.how_many)  # type: ignore[attr-defined]
