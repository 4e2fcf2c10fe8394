from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from accounts import audit, tokens
from accounts.models import ApiToken, AuditEntry, User


@admin.register(User)
class PersonAdmin(UserAdmin):
    """Roles are groups; their change goes into the audit trail."""

    list_display = ("username", "email", "first_name", "last_name", "is_active", "role_names", "last_login")
    list_filter = ("groups", "is_active")

    @admin.display(description="roles")
    def role_names(self, person: User) -> str:
        return ", ".join(group.name for group in person.groups.all())

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        before = sorted(form.instance.groups.values_list("name", flat=True))
        super().save_related(request, form, formsets, change)
        after = sorted(form.instance.groups.values_list("name", flat=True))
        if before != after:
            audit.record(
                actor=request.user,  # type: ignore[arg-type]
                action="person.roles",
                subject=form.instance,
                before={"roles": before},
                after={"roles": after},
            )


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
