"""Scorecards and KPIs in the admin site: every change goes through the verb that pages and API use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.administration import WHY, AuditedAdmin, ReadOnlyInline, actor, each
from accounts.opened import OpenedForm
from accounts.templatetags.ui import unit_word
from kpis import defining
from kpis.models import KPI, Review, Scorecard, Series, Target, Waiver
from kpis.templatetags.kpi_tags import commitment


class DefinedAdmin(AuditedAdmin):
    """Rows that `kpis.defining` makes, changes, archives and brings back; what is archived is looked at."""

    refusals = (*AuditedAdmin.refusals, defining.Refused)
    actions = ("archive", "restore")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.archived_at is None)

    def changed(self, request: HttpRequest, row: Any, form: Any) -> None:
        """What was edited, saved over the version that the form was opened with."""
        changes = {name: form.cleaned_data[name] for name in form.changed_data if name in defining.EDITABLE[type(row)]}
        row = type(row)._default_manager.get(pk=row.pk)
        opened = form.cleaned_data["opened"]
        defining.change(row=row, changes=changes, actor=actor(request), now=timezone.now(), version=opened, why=WHY)

    @admin.action(description="Archive: no longer judged or counted", permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        now = timezone.now()
        each(request, queryset, lambda row: defining.archive(row=row, actor=actor(request), now=now, why=WHY), "archived",
             defining.Refused)  # fmt: skip

    @admin.action(description="Restore: judged and counted again", permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        now = timezone.now()
        each(request, queryset, lambda row: defining.restore(row=row, actor=actor(request), now=now, why=WHY), "restored",
             defining.Refused)  # fmt: skip


class KpiInline(ReadOnlyInline):
    model = KPI
    fields = readonly_fields = ("name", "key", "category", "unit", "direction", "owner", "archived_at")
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[KPI]:
        return super().get_queryset(request).select_related("owner", "scorecard")


@admin.register(Scorecard)
class ScorecardAdmin(DefinedAdmin):
    list_display = ("name", "slug", "archived_at")
    list_filter = (("archived_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", "slug")
    fields = ("name", "slug", "description", "archived_at", "version")
    inlines = (KpiInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Scorecard | None = None) -> tuple[str, ...]:
        return ("archived_at", "version", *(("slug",) if obj else ()))

    def get_prepopulated_fields(self, request: HttpRequest, obj: Scorecard | None = None) -> dict[str, Sequence[str]]:
        return {} if obj else {"slug": ("name",)}

    def view_on_site(self, obj: Scorecard) -> str:
        return reverse("kpis:scorecard-detail", args=[obj.slug])

    def save_model(self, request: HttpRequest, obj: Scorecard, form: Any, change: bool) -> None:
        if change:
            self.changed(request, obj, form)
        else:
            fields = {name: form.cleaned_data[name] for name in ("slug", *defining.EDITABLE[Scorecard])}
            obj.pk = defining.create_scorecard(fields=fields, actor=actor(request)).pk


class TargetInline(ReadOnlyInline):
    """The versions, newest first: what was committed to, by whom, from when."""

    model = Target
    fields = readonly_fields = (
        "number", "commitment", "alert_threshold", "decision", "effective_from", "due_on", "proposed_by", "decided_by",
        "decision_note",
    )  # fmt: skip
    show_change_link = True
    ordering = ("-number",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Target]:
        return super().get_queryset(request).select_related("kpi", "proposed_by", "decided_by")

    @admin.display(description="target")
    def commitment(self, row: Target) -> str:
        return f"{commitment(row)} {unit_word(row.kpi.unit)}".rstrip().replace(" ", "\u00a0")


class WaiverInline(ReadOnlyInline):
    model = Waiver
    fields = readonly_fields = ("subject", "reason", "expires_at", "decision", "requested_by", "decided_by", "ended_by")
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Waiver]:
        return super().get_queryset(request).select_related("kpi", "requested_by", "decided_by", "ended_by")


class ReviewInline(ReadOnlyInline):
    model = Review
    fields = readonly_fields = ("due_on", "reviewed_at", "reviewed_by", "note")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        return super().get_queryset(request).select_related("kpi", "reviewed_by")


class SeriesInline(ReadOnlyInline):
    model = Series
    fields = readonly_fields = ("subject", "environment", "enabled")
    show_change_link = True


PARTS = {
    "Figure": ("metric", "unit", "direction", "aggregation", "across", "across_subject", "window_s", "freshness_s"),
    "Told against a reference": ("reference", "reference_unit", "reference_on"),
    "Ownership and review": ("owner", "approver", "rationale", "review_rule", "review_from"),
    "Where it is shown": ("position", "public_badge"),
}


class KpiAdminForm(OpenedForm):
    def clean_scorecard(self) -> Scorecard:
        card: Scorecard = self.cleaned_data["scorecard"]
        if card.archived_at is not None:
            raise ValidationError("This scorecard is archived: restore it first.")
        return card


@admin.register(KPI)
class KpiAdmin(DefinedAdmin):
    form = KpiAdminForm
    list_display = ("name", "key", "scorecard", "category", "unit", "direction", "aggregation", "across", "owner")
    list_filter = ("scorecard", "category", "direction", "aggregation", "across", ("owner", admin.RelatedOnlyFieldListFilter),
                   ("archived_at", admin.EmptyFieldListFilter))  # fmt: skip
    list_select_related = ("scorecard", "owner")
    search_fields = ("name", "key", "metric", "scorecard__name")
    autocomplete_fields = ("scorecard", "owner", "approver")
    inlines = (TargetInline, WaiverInline, ReviewInline, SeriesInline)

    def get_fieldsets(self, request: HttpRequest, obj: KPI | None = None) -> Any:
        """The parts in their order; a field that no part names stands with the first."""
        named = {name for names in PARTS.values() for name in names}
        rest = [name for name in defining.EDITABLE[KPI] if name not in named]
        sets: list[Any] = [(None, {"fields": ["scorecard", "key", *rest]})]
        sets += [(title, {"fields": list(names)}) for title, names in PARTS.items()]
        kept = [("Kept", {"fields": ["archived_at", "version", "created_at"]})] if obj else []
        return self.carrying([*sets, *kept], request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: KPI | None = None) -> tuple[str, ...]:
        """What figures and approved targets rest on stays once there are any."""
        if obj is None:
            return ()
        kept = defining.FIXED if defining.fixed(obj) else ()
        return ("scorecard", "key", *kept, "archived_at", "version", "created_at")

    def get_prepopulated_fields(self, request: HttpRequest, obj: KPI | None = None) -> dict[str, Sequence[str]]:
        return {} if obj is not None else {"key": ("name",)}

    def get_inlines(self, request: HttpRequest, obj: KPI | None = None) -> Any:
        return self.inlines if obj else ()

    def view_on_site(self, obj: KPI) -> str:
        return reverse("kpis:kpi-detail", args=[obj.scorecard.slug, obj.key])

    def save_model(self, request: HttpRequest, obj: KPI, form: Any, change: bool) -> None:
        if change:
            self.changed(request, obj, form)
        else:
            fields = {name: form.cleaned_data[name] for name in ("key", *defining.EDITABLE[KPI])}
            obj.pk = defining.create_kpi(scorecard=obj.scorecard, fields=fields, actor=actor(request)).pk
