from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from accounts import people, tokens
from accounts.models import ApiToken, AuditEntry, User


@admin.register(User)
class PersonAdmin(UserAdmin):
    """Roles are groups; their change goes into the audit trail, and administrators alone enter here."""

    list_display = ("username", "email", "first_name", "last_name", "is_active", "role_names", "last_login")
    list_filter = ("groups", "is_active")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Roles", {"fields": ("is_active", "groups", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("is_staff", "is_superuser", "last_login", "date_joined")

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


class ReadOnly(admin.ModelAdmin):
    """History that is looked at, not edited."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnly):
    list_display = ("name", "prefix", "owner", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_filter = ("revoked_at", "owner")
    search_fields = ("name", "prefix", "owner__username")
    exclude = ("digest",)
    actions = ["revoke"]

    @admin.action(description="Revoke the chosen tokens", permissions=["view"])
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        for token in queryset:
            tokens.revoke(token=token, actor=request.user, now=timezone.now())  # type: ignore[arg-type]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly):
    list_display = ("at", "actor", "token", "action", "subject_type", "subject", "why")
    list_filter = ("action", "subject_type", "actor")
    search_fields = ("subject", "why", "action", "actor__username")
    date_hierarchy = "at"
