"""What hangs on phases, costs, benefits and risks, listed for itself in the admin site."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from accounts.administration import WHY, ReadOnlyAdmin, actor, each
from roadmap import closing
from roadmap.editing import Refused
from roadmap.models import BenefitKpi, CostEntry, GateWaiver, Mitigation, RiskTrigger
from roadmap.plan_admin import PlanAdmin


@admin.register(GateWaiver)
class GateWaiverAdmin(ReadOnlyAdmin):
    """Asked for on the page of the phase; decided here by somebody else."""

    list_display = ("gate", "decision", "expires_at", "requested_by", "decided_by", "self_approved", "ended_by")
    list_filter = ("decision", "self_approved", "gate__phase__roadmap")
    list_select_related = ("gate__phase", "requested_by", "decided_by", "ended_by")
    search_fields = ("gate__phase__name", "reason")
    date_hierarchy = "requested_at"
    actions = ("approve", "reject", "withdraw", "end")

    @admin.action(description="Approve", permissions=["view"])
    def approve(self, request: HttpRequest, queryset: Any) -> None:
        self._decide(request, queryset, closing.approve_waiver, "approved")

    @admin.action(description="Reject", permissions=["view"])
    def reject(self, request: HttpRequest, queryset: Any) -> None:
        self._decide(request, queryset, closing.reject_waiver, "rejected")

    @admin.action(description="Withdraw your own", permissions=["view"])
    def withdraw(self, request: HttpRequest, queryset: Any) -> None:
        self._decide(request, queryset, closing.withdraw_waiver, "withdrawn")

    @admin.action(description="End now", permissions=["view"])
    def end(self, request: HttpRequest, queryset: Any) -> None:
        self._decide(request, queryset, closing.end_waiver, "ended")

    def _decide(self, request: HttpRequest, queryset: Any, verb: Any, said: str) -> None:
        now = timezone.now()
        each(request, queryset, lambda row: verb(waiver=row, actor=actor(request), now=now, note=WHY), said, Refused)


@admin.register(Mitigation)
class MitigationAdmin(PlanAdmin):
    list_display = ("text", "risk", "state", "owner", "due_on")
    list_filter = ("state", "risk__roadmap", ("owner", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("risk", "owner")
    search_fields = ("text", "key", "risk__title")
    autocomplete_fields = ("risk", "owner")
    date_hierarchy = "due_on"


@admin.register(CostEntry)
class CostEntryAdmin(ReadOnlyAdmin):
    """What was booked, one entry a line; it is edited below its cost."""

    list_display = ("booked_on", "cost", "amount", "note", "by")
    list_filter = ("cost__roadmap",)
    list_select_related = ("cost", "by")
    search_fields = ("cost__name", "note")
    date_hierarchy = "booked_on"


@admin.register(BenefitKpi)
class BenefitKpiAdmin(ReadOnlyAdmin):
    """Which KPIs bring about which benefit; it is edited below the benefit."""

    list_display = ("benefit", "kpi", "weight")
    list_filter = ("benefit__roadmap",)
    list_select_related = ("benefit", "kpi")
    search_fields = ("benefit__name", "kpi__name")


@admin.register(RiskTrigger)
class RiskTriggerAdmin(ReadOnlyAdmin):
    """Which KPI makes which risk come true; it is edited below the risk."""

    list_display = ("risk", "kpi")
    list_filter = ("risk__roadmap",)
    list_select_related = ("risk", "kpi")
    search_fields = ("risk__title", "kpi__name")
