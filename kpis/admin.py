"""KPIs in the admin site. Definitions are edited here; commitments and measurements are shown, and change by their verbs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from accounts import audit
from kpis import defining
from kpis.models import (
    KPI,
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
    Scorecard,
    Series,
    Silence,
    Submission,
    Target,
    Transition,
    Waiver,
)


class AuditedAdmin(admin.ModelAdmin):
    """Keeps the audit trail; nothing is deleted here, it is archived or disabled."""

    list_per_page = 50

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        before = {name: _shown(form.initial.get(name)) for name in form.changed_data} if change else {}
        if change and form.changed_data and hasattr(obj, "version"):
            obj.version += 1
        super().save_model(request, obj, form, change)
        if form.changed_data:
            actor, token = audit.actor_of(request)
            after = {name: _shown(form.cleaned_data.get(name)) for name in form.changed_data}
            action = f"{obj._meta.model_name}.{'change' if change else 'create'}"
            audit.record(actor=actor, action=action, subject=obj, before=before, after=after, token=token)


class ReadOnlyAdmin(admin.ModelAdmin):
    """History is looked at, never edited."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Scorecard)
class ScorecardAdmin(AuditedAdmin):
    list_display = ("name", "slug", "archived_at")
    list_filter = (("archived_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", "slug")
    readonly_fields = ("version", "created_at")
    prepopulated_fields = {"slug": ("name",)}


@admin.register(KPI)
class KpiAdmin(AuditedAdmin):
    list_display = ("name", "key", "scorecard", "category", "unit", "direction", "aggregation", "across", "owner")
    list_filter = ("scorecard", "category", "direction", "aggregation", "across", ("archived_at", admin.EmptyFieldListFilter))
    list_select_related = ("scorecard", "owner")
    search_fields = ("name", "key", "metric", "scorecard__name")
    autocomplete_fields = ("scorecard", "owner")
    readonly_fields = ("version", "created_at")
    prepopulated_fields = {"key": ("name",)}

    def get_readonly_fields(self, request: HttpRequest, obj: KPI | None = None) -> tuple[str, ...]:
        """What figures and approved targets rest on stays as it is."""
        stays = obj is not None and defining.fixed(obj)
        return (*self.readonly_fields, "scorecard", "key", *defining.FIXED) if stays else self.readonly_fields

    def get_prepopulated_fields(self, request: HttpRequest, obj: KPI | None = None) -> dict[str, Sequence[str]]:
        return {} if obj is not None else {"key": ("name",)}


@admin.register(Series)
class SeriesAdmin(AuditedAdmin):
    """Only whether it counts is decided here."""

    list_display = ("subject", "environment", "kpi", "enabled")
    list_filter = ("enabled", "environment", "kpi__scorecard")
    list_select_related = ("kpi",)
    search_fields = ("subject", "environment", "kpi__name", "kpi__key")
    readonly_fields = ("kpi", "subject", "environment")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Target)
class TargetAdmin(ReadOnlyAdmin):
    """Versions do not change: another one is proposed on the KPI's page, and approved on the page of approvals."""

    list_display = (
        "kpi",
        "number",
        "comparator",
        "value",
        "alert_threshold",
        "decision",
        "effective_from",
        "proposed_by",
        "decided_by",
        "self_approved",
    )
    list_filter = ("decision", "severity", "self_approved", "kpi__scorecard")
    list_select_related = ("kpi", "proposed_by", "decided_by")
    search_fields = ("kpi__name", "kpi__key", "rationale")
    date_hierarchy = "proposed_at"


@admin.register(Waiver)
class WaiverAdmin(ReadOnlyAdmin):
    list_display = ("kpi", "subject", "decision", "expires_at", "requested_by", "decided_by", "self_approved")
    list_filter = ("decision", "self_approved", "kpi__scorecard")
    list_select_related = ("kpi", "requested_by", "decided_by")
    search_fields = ("kpi__name", "kpi__key", "subject", "reason")
    date_hierarchy = "requested_at"


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


class SampleInline(admin.TabularInline):
    model = Sample
    fields = ("name", "metric", "kpi", "value", "unit", "count", "failures", "reported")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


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


def _shown(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


@admin.register(Rule)
class RuleAdmin(AuditedAdmin):
    list_display = ("__str__", "kind", "severity", "scorecard", "kpi", "service", "enabled")
    list_filter = ("kind", "severity", "enabled", "scorecard")
    list_select_related = ("scorecard", "kpi")
    search_fields = ("kpi__name", "scorecard__name", "service")
    autocomplete_fields = ("scorecard", "kpi")
    readonly_fields = ("created_by", "created_at", "version")


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
