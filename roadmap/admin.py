"""The plan in the admin site: phases, tasks, gates, money and risks."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.administration import ReadOnlyInline
from accounts.opened import OpenedInline
from roadmap.models import (
    AlertRule,
    Benefit,
    BenefitKpi,
    Cost,
    CostEntry,
    Gate,
    GateWaiver,
    Impact,
    LoadProfile,
    Mitigation,
    Phase,
    Risk,
    RiskTrigger,
    Roadmap,
    Task,
)
from roadmap.parts_admin import GateWaiverAdmin, MitigationAdmin
from roadmap.plan_admin import KeptAdmin, PlanAdmin

__all__ = ["GateWaiverAdmin", "MitigationAdmin", "RoadmapAdmin"]


class PhaseInline(OpenedInline, admin.TabularInline):
    model = Phase
    fields = ("number", "name", "week_from", "week_to", "started_on", "finished_on")
    show_change_link = True


class TaskInline(OpenedInline, admin.TabularInline):
    model = Task
    fields = ("position", "key", "title", "priority", "assignee", "due_on", "effort_planned_h", "effort_spent_h")
    autocomplete_fields = ("assignee",)
    show_change_link = True


class ImpactInline(OpenedInline, admin.TabularInline):
    model = Impact
    fields = ("position", "key", "statement", "kpi", "change_pct", "change_pct_to", "factor", "to_value", "unit")
    autocomplete_fields = ("kpi",)
    show_change_link = True


class GateInline(OpenedInline, admin.StackedInline):
    model = Gate
    fields = ("needs_tasks", "needs_impacts", "kpis")
    autocomplete_fields = ("kpis",)


class EntryInline(admin.TabularInline):
    model = CostEntry
    extra = 0
    fields = ("booked_on", "amount", "note", "by", "demo")
    autocomplete_fields = ("by",)


class BenefitKpiInline(admin.TabularInline):
    model = BenefitKpi
    extra = 0
    fields = ("kpi", "weight", "demo")
    autocomplete_fields = ("kpi",)


class MitigationInline(OpenedInline, admin.TabularInline):
    model = Mitigation
    fields = ("position", "key", "text", "state", "owner", "due_on")
    autocomplete_fields = ("owner",)


class TriggerInline(admin.TabularInline):
    model = RiskTrigger
    extra = 0
    fields = ("kpi", "demo")
    autocomplete_fields = ("kpi",)


class WaiverInline(ReadOnlyInline):
    """Waivers are asked for and approved on the pages, so that nobody approves their own."""

    model = GateWaiver
    fields = readonly_fields = ("reason", "expires_at", "decision", "requested_by", "requested_at", "decided_by", "decided_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("gate__phase", "requested_by", "decided_by")


@admin.register(Roadmap)
class RoadmapAdmin(KeptAdmin):
    list_display = ("name", "scorecard", "state", "starts_on", "review_on", "source_version", "demo")
    list_filter = ("state", "demo", "scorecard")
    search_fields = ("name", "slug", "summary")
    autocomplete_fields = ("scorecard", "members")
    readonly_fields = ("state_changed_at", "state_changed_by", "version")
    inlines = (PhaseInline,)


@admin.register(Phase)
class PhaseAdmin(PlanAdmin):
    list_display = ("number", "name", "roadmap", "week_from", "week_to", "started_on", "finished_on")
    list_display_links = ("name",)
    list_filter = ("roadmap",)
    list_select_related = ("roadmap",)
    search_fields = ("name", "summary")
    autocomplete_fields = ("roadmap",)
    inlines = (TaskInline, ImpactInline, GateInline)


@admin.register(Task)
class TaskAdmin(PlanAdmin):
    list_display = ("title", "phase", "state", "priority", "assignee", "due_on", "state_changed_at", "state_changed_by")
    list_filter = ("state", "priority", "phase__roadmap", "assignee", "demo")
    list_select_related = ("phase", "assignee", "state_changed_by")
    search_fields = ("title", "key", "section", "problem", "guidance")
    autocomplete_fields = ("phase", "assignee")
    readonly_fields = ("state", "state_changed_at", "state_changed_by", "state_before", "version")


@admin.register(Impact)
class ImpactAdmin(PlanAdmin):
    list_display = ("statement", "phase", "task", "kpi", "stated", "confirmed_at")
    list_filter = ("phase__roadmap", "kpi")
    list_select_related = ("phase", "task", "kpi")
    search_fields = ("statement", "stated")
    autocomplete_fields = ("phase", "task", "kpi")
    readonly_fields = ("confirmed_at", "confirmed_by", "version")


@admin.register(Gate)
class GateAdmin(KeptAdmin):
    list_display = ("phase", "needs_tasks", "needs_impacts", "closed_as", "closed_at", "closed_by")
    list_filter = ("closed_as", "phase__roadmap")
    list_select_related = ("phase", "closed_by")
    search_fields = ("phase__name",)
    autocomplete_fields = ("phase", "kpis")
    readonly_fields = ("closed_as", "closed_at", "closed_by", "version")
    inlines = (WaiverInline,)


@admin.register(Cost)
class CostAdmin(PlanAdmin):
    list_display = ("name", "roadmap", "kind", "amount", "hours", "rate", "priority", "stated_total")
    list_filter = ("kind", "priority", "roadmap")
    list_select_related = ("roadmap",)
    search_fields = ("name", "key")
    autocomplete_fields = ("roadmap",)
    inlines = (EntryInline,)


@admin.register(Benefit)
class BenefitAdmin(PlanAdmin):
    list_display = ("name", "roadmap", "monthly_amount", "stated_roi_pct")
    list_filter = ("roadmap",)
    list_select_related = ("roadmap",)
    search_fields = ("name", "key")
    autocomplete_fields = ("roadmap",)
    inlines = (BenefitKpiInline,)


@admin.register(Risk)
class RiskAdmin(PlanAdmin):
    list_display = ("title", "roadmap", "stated_level", "likelihood", "impact", "status", "treatment", "owner", "review_on")
    list_filter = ("status", "stated_level", "treatment", "roadmap")
    list_select_related = ("roadmap", "owner")
    search_fields = ("title", "description", "key")
    autocomplete_fields = ("roadmap", "owner")
    inlines = (MitigationInline, TriggerInline)


@admin.register(LoadProfile)
class LoadProfileAdmin(PlanAdmin):
    list_display = ("name", "roadmap", "section", "cooldown_s")
    list_filter = ("roadmap",)
    list_select_related = ("roadmap",)
    search_fields = ("name", "key")
    autocomplete_fields = ("roadmap",)


@admin.register(AlertRule)
class AlertRuleAdmin(PlanAdmin):
    list_display = ("kpi", "comparator", "value", "severity", "roadmap")
    list_filter = ("severity", "roadmap")
    list_select_related = ("kpi", "roadmap")
    search_fields = ("kpi__name", "stated")
    autocomplete_fields = ("roadmap", "kpi")
