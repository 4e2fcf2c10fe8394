from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone

from probes.models import Feed, Heartbeat, Probe, Run, Service
from probes.running import CannotRun, ask


class ProbeInline(admin.TabularInline):
    model = Probe
    extra = 0
    fields = ("kind", "interval_s", "enabled", "next_run_at")
    readonly_fields = ("next_run_at",)
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Service)
class ServiceAdmin(admin.ModelAdmin):
    list_display = ("name", "slug", "base_url", "environment", "owner", "paused_at", "archived_at")
    list_filter = ("environment", "paused_at")
    search_fields = ("name", "slug", "base_url")
    autocomplete_fields = ("owner",)
    exclude = ("headers", "links", "version")
    inlines = [ProbeInline]
    actions = ["pause", "resume"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("slug", "base_url") if obj else ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # registering checks the address and is done on the page

    @admin.action(description="Pause measuring")
    def pause(self, request: HttpRequest, queryset: Any) -> None:
        queryset.filter(paused_at=None).update(paused_at=timezone.now())

    @admin.action(description="Resume measuring")
    def resume(self, request: HttpRequest, queryset: Any) -> None:
        queryset.update(paused_at=None)


class FeedInline(admin.TabularInline):
    model = Feed
    extra = 0
    autocomplete_fields = ("kpi",)


@admin.register(Probe)
class ProbeAdmin(admin.ModelAdmin):
    list_display = ("service", "kind", "interval_s", "enabled", "next_run_at", "failures")
    list_filter = ("kind", "enabled", "service")
    search_fields = ("service__name", "service__slug")
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
class RunAdmin(admin.ModelAdmin):
    list_display = ("id", "probe", "state", "outcome", "reason", "due_at", "queue_delay_ms", "finished_at")
    list_filter = ("outcome", "state", "probe__kind", "probe__service")
    search_fields = ("probe__service__name", "error")
    date_hierarchy = "due_at"
    list_select_related = ("probe__service",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Heartbeat)
class HeartbeatAdmin(admin.ModelAdmin):
    list_display = ("role", "at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
