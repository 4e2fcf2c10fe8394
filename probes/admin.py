"""Services, their probes and runs in the admin site."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone

from accounts.administration import WHY, AuditedAdmin, ReadOnlyAdmin, ReadOnlyInline, actor
from probes import fleet
from probes.models import Feed, Heartbeat, LoadPart, LoadRow, LoadSecond, Maintenance, Probe, Run, Service
from probes.registering import SECRETS
from probes.running import CannotRun, ask


class ProbeInline(ReadOnlyInline):
    model = Probe
    fields = readonly_fields = ("kind", "interval_s", "enabled", "next_run_at", "failures")
    show_change_link = True


@admin.register(Service)
class ServiceAdmin(AuditedAdmin):
    list_display = ("name", "slug", "base_url", "environment", "owner", "paused_at", "archived_at")
    list_filter = ("environment", ("paused_at", admin.EmptyFieldListFilter), ("archived_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "slug", "base_url")
    autocomplete_fields = ("owner",)
    list_select_related = ("owner",)
    exclude = (*SECRETS, "links", "version")
    inlines = [ProbeInline]
    actions = ["pause", "resume"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("slug", "base_url", "confirmed_at", "confirmed_by", "confirmed_how") if obj else ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # registering checks the address and is done on the page

    @admin.action(description="Pause measuring", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: Any) -> None:
        fleet.pause(slugs=_slugs(queryset), actor=actor(request), now=timezone.now(), why=WHY)

    @admin.action(description="Resume measuring", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: Any) -> None:
        fleet.resume(slugs=_slugs(queryset), actor=actor(request), now=timezone.now(), why=WHY)


def _slugs(queryset: Any) -> list[str]:
    return list(queryset.values_list("slug", flat=True))


class FeedInline(admin.TabularInline):
    model = Feed
    extra = 0
    autocomplete_fields = ("kpi",)


@admin.register(Probe)
class ProbeAdmin(AuditedAdmin):
    list_display = ("service", "kind", "interval_s", "enabled", "next_run_at", "failures")
    list_filter = ("kind", "enabled", "service")
    list_select_related = ("service",)
    search_fields = ("service__name", "service__slug")
    exclude = ("version",)
    readonly_fields = ("service", "kind", "params", "next_run_at", "claimed_until", "failures", "memory")
    inlines = [FeedInline]
    actions = ["run_now"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.action(description="Run now")
    def run_now(self, request: HttpRequest, queryset: Any) -> None:
        for probe in queryset:
            try:
                ask(probe=probe, actor=request.user, now=timezone.now())  # type: ignore[arg-type]
            except CannotRun as why:
                self.message_user(request, f"{probe}: {why}", messages.ERROR)


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = ("id", "probe", "state", "outcome", "reason", "due_at", "queue_delay_ms", "finished_at")
    list_filter = ("outcome", "state", "probe__kind", "probe__service")
    search_fields = ("probe__service__name", "error")
    date_hierarchy = "due_at"
    list_select_related = ("probe__service",)


@admin.register(Maintenance)
class MaintenanceAdmin(ReadOnlyAdmin):
    """Planned and ended on its page, which checks it."""

    list_display = ("reason", "service", "tag", "begins_at", "until", "rule", "zone", "ended_at", "created_by")
    list_filter = (("ended_at", admin.EmptyFieldListFilter), "service")
    list_select_related = ("service", "created_by")
    search_fields = ("reason", "service__name", "tag")


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    list_display = ("role", "at")


@admin.register(Feed)
class FeedAdmin(ReadOnlyAdmin):
    """Which probe feeds which KPI; it is edited below the probe."""

    list_display = ("kpi", "metric", "probe")
    list_filter = ("metric", "probe__service")
    list_select_related = ("kpi", "probe__service")
    search_fields = ("kpi__name", "kpi__key", "probe__service__name")


@admin.register(LoadSecond)
class LoadSecondAdmin(ReadOnlyAdmin):
    list_display = ("run", "second")
    list_select_related = ("run__probe__service",)
    search_fields = ("run__probe__service__name",)


@admin.register(LoadPart)
class LoadPartAdmin(ReadOnlyAdmin):
    list_display = ("run", "first", "shards", "of", "claimed_at", "ready_at")
    list_select_related = ("run__probe__service",)
    search_fields = ("run__probe__service__name",)
    exclude = ("result",)


@admin.register(LoadRow)
class LoadRowAdmin(ReadOnlyAdmin):
    list_display = ("id", "part")
    list_select_related = ("part__run__probe__service",)
    search_fields = ("part__run__probe__service__name",)
    exclude = ("row",)
