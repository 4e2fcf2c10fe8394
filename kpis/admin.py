"""What was measured, judged and alerted, in the admin site. Definitions and decisions have modules of their own."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.administration import WHY, AuditedAdmin, ReadOnlyAdmin, ReadOnlyInline, actor, each
from accounts.opened import OpenedForm
from kpis import rules, streams
from kpis.decisions_admin import TargetAdmin, WaiverAdmin
from kpis.definitions_admin import KpiAdmin, ScorecardAdmin
from kpis.faults import Refused
from kpis.models import (
    Channel,
    CurrentValue,
    Delivery,
    Incident,
    IngestReceipt,
    KpiState,
    Measurement,
    Message,
    Review,
    Rollup,
    Route,
    Rule,
    Sample,
    Series,
    Silence,
    Submission,
    Transition,
)

__all__ = ["KpiAdmin", "ScorecardAdmin", "TargetAdmin", "WaiverAdmin"]


@admin.register(Series)
class SeriesAdmin(ReadOnlyAdmin):
    """Only whether it counts is decided here; the KPI is judged anew at once."""

    list_display = ("subject", "environment", "kpi", "enabled")
    list_filter = ("enabled", "environment", "kpi__scorecard")
    list_select_related = ("kpi",)
    search_fields = ("subject", "environment", "kpi__name", "kpi__key")
    actions = ("set_aside", "take_back")

    @admin.action(description="Set aside: stored on, and not counted", permissions=["view"])
    def set_aside(self, request: HttpRequest, queryset: QuerySet[Series]) -> None:
        self._turn(request, queryset, streams.set_aside, "set aside")

    @admin.action(description="Let count again", permissions=["view"])
    def take_back(self, request: HttpRequest, queryset: QuerySet[Series]) -> None:
        self._turn(request, queryset, streams.take_back, "counted again")

    def _turn(self, request: HttpRequest, queryset: QuerySet[Series], verb: Any, said: str) -> None:
        now = timezone.now()
        each(request, queryset, lambda row: verb(series=row, actor=actor(request), why=WHY, now=now), said, Refused)


@admin.register(Measurement)
class MeasurementAdmin(ReadOnlyAdmin):
    list_display = ("at", "kpi", "subject", "value", "count", "origin", "reported")
    list_filter = ("series__kpi__scorecard", "reported")
    list_select_related = ("series__kpi",)
    search_fields = ("origin", "series__subject", "series__kpi__key")
    exclude = ("histogram",)
    ordering = ("-pk",)

    @admin.display(ordering="series__kpi")
    def kpi(self, row: Measurement) -> str:
        return str(row.series.kpi)

    @admin.display(ordering="series__subject")
    def subject(self, row: Measurement) -> str:
        return str(row.series)


@admin.register(Rollup)
class RollupAdmin(ReadOnlyAdmin):
    list_display = ("at", "resolution", "series", "points", "count", "low", "high", "last")
    list_filter = ("resolution", "series__kpi__scorecard")
    list_select_related = ("series",)
    search_fields = ("series__subject", "series__kpi__key")
    exclude = ("histogram",)
    ordering = ("-pk",)


@admin.register(CurrentValue)
class CurrentValueAdmin(ReadOnlyAdmin):
    list_display = ("series", "kpi", "at", "value", "count", "reported", "origin")
    list_filter = ("series__kpi__scorecard", "reported")
    list_select_related = ("series__kpi",)
    search_fields = ("series__subject", "series__kpi__key", "origin")
    exclude = ("histogram",)

    @admin.display(ordering="series__kpi")
    def kpi(self, row: CurrentValue) -> str:
        return str(row.series.kpi)


@admin.register(KpiState)
class KpiStateAdmin(ReadOnlyAdmin):
    list_display = ("kpi", "status", "since")
    list_filter = ("status", "kpi__scorecard")
    list_select_related = ("kpi",)
    search_fields = ("kpi__name", "kpi__key")


class SampleInline(ReadOnlyInline):
    model = Sample
    fields = readonly_fields = ("name", "metric", "kpi", "value", "unit", "count", "failures", "reported")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("kpi")


@admin.register(Submission)
class SubmissionAdmin(ReadOnlyAdmin):
    list_display = ("received_at", "format", "service", "commit", "branch", "verdict", "submitted_by", "invalidated_at")
    list_filter = ("verdict", "format", "scorecard", ("invalidated_at", admin.EmptyFieldListFilter))
    list_select_related = ("submitted_by",)
    search_fields = ("service", "commit", "branch", "pull_request")
    date_hierarchy = "received_at"
    inlines = (SampleInline,)


@admin.register(Sample)
class SampleAdmin(ReadOnlyAdmin):
    list_display = ("name", "metric", "kpi", "value", "unit", "count", "failures", "submission")
    list_filter = ("metric", "reported")
    list_select_related = ("kpi", "submission")
    search_fields = ("name", "metric", "submission__commit")
    exclude = ("histogram",)


@admin.register(IngestReceipt)
class IngestReceiptAdmin(ReadOnlyAdmin):
    list_display = ("at", "user", "key", "stored", "ignored")
    list_select_related = ("user",)
    search_fields = ("key", "user__username")


class RuleAdminForm(OpenedForm):
    def _post_clean(self) -> None:
        """What fits together is judged as for the page: a rule that cannot be followed would stop the look at all others."""
        super()._post_clean()  # type: ignore[misc]
        errors = rules.faults(self.instance)
        if not errors and not self.errors and self.changed_data != ["enabled"]:
            errors = rules.double(self.instance)
        for name, text in errors.items():
            self.add_error(name if name in self.fields else None, text)


@admin.register(Rule)
class RuleAdmin(AuditedAdmin):
    form = RuleAdminForm
    list_display = ("__str__", "kind", "severity", "scorecard", "kpi", "service", "enabled", "fault")
    list_filter = ("kind", "severity", "enabled", ("fault", admin.EmptyFieldListFilter), "scorecard")
    list_select_related = ("scorecard", "kpi")
    search_fields = ("kpi__name", "scorecard__name", "service")
    autocomplete_fields = ("scorecard", "kpi")
    readonly_fields = ("fault", "fault_at", "created_by", "created_at", "version")


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    list_display = ("title", "state", "severity", "kind", "subject", "fired_at", "resolved_at")
    list_filter = ("state", "severity", "kind")
    search_fields = ("title", "subject", "kpi__key")
    date_hierarchy = "opened_at"


@admin.register(Transition)
class TransitionAdmin(ReadOnlyAdmin):
    list_display = ("incident", "number", "state", "at", "value", "origin", "outbox")
    list_filter = ("state", "outbox")
    list_select_related = ("incident",)
    search_fields = ("incident__title", "origin")


class RouteInline(admin.TabularInline):
    model = Route
    extra = 0


@admin.register(Channel)
class ChannelAdmin(AuditedAdmin):
    list_display = ("name", "kind", "shown", "enabled", "archived_at")
    list_filter = ("kind", "enabled")
    search_fields = ("name", "shown")
    readonly_fields = ("kind", "shown", "digest_until", "claimed_until", "created_at", "version")
    inlines = (RouteInline,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Route)
class RouteAdmin(AuditedAdmin):
    list_display = ("channel", "severity", "scorecard", "service")
    list_select_related = ("channel", "scorecard")
    search_fields = ("channel__name", "service")


@admin.register(Silence)
class SilenceAdmin(ReadOnlyAdmin):
    list_display = ("reason", "starts_at", "ends_at", "rule", "scorecard", "kpi", "service", "created_by", "ended_at")
    list_select_related = ("scorecard", "kpi", "created_by")
    search_fields = ("reason", "service")


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ("title", "channel", "state", "attempts", "created_at", "sent_at", "error")
    list_filter = ("state", "channel")
    list_select_related = ("channel",)
    search_fields = ("title", "key")


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("transition", "channel", "message", "due_at")
    list_select_related = ("transition__incident", "channel", "message")
    search_fields = ("transition__incident__title",)


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    list_display = ("kpi", "due_on", "reviewed_at", "reviewed_by")
    list_filter = ("kpi__scorecard",)
    list_select_related = ("kpi", "reviewed_by")
    search_fields = ("kpi__name", "kpi__key", "note")
    date_hierarchy = "reviewed_at"
