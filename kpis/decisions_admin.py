"""Targets and waivers in the admin site: proposed and asked for, decided by somebody else, never changed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from accounts.administration import WHY, Quick, actor, each
from accounts.opened import TellingAdmin
from accounts.templatetags.ui import unit_word
from kpis import targets, waivers
from kpis.commitments import with_overtaken, with_standing
from kpis.faults import BadTarget, Refused
from kpis.models import KPI, Decision, Target, Waiver
from kpis.templatetags.kpi_tags import commitment
from kpis.thresholds import number

TERMS = (
    "alert_threshold", "for_s", "recover_s", "severity", "baseline", "baseline_on", "baseline_stated", "due_on",
    "effective_from", "rationale",
)  # fmt: skip


class TargetForm(forms.ModelForm):
    """A proposal: its figures are judged beside their fields; saving it is what proposes."""

    target = forms.CharField(max_length=targets.LONGEST, help_text="Such as < 500, p(95)<0.5s, or <= -20% of the baseline.")

    class Meta:
        model = Target
        fields = ("kpi", *TERMS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row = self.instance
        if row.pk and "target" in self.fields:
            self.fields["target"].initial = f"{row.comparator} {number(row.value)}"
            self.initial.update(effective_from=None, rationale="")
        if "rationale" in self.fields:
            self.fields["rationale"].required = True

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        kpi = found.get("kpi") or getattr(self.instance, "kpi", None)
        if self.errors or kpi is None:
            return found
        if kpi.is_archived:
            self.add_error("kpi" if "kpi" in self.fields else None, "This KPI is archived: restore it before its target changes.")
            return found
        try:
            targets.draft(kpi=kpi, **self.terms())
        except BadTarget as error:
            for name, text in error.errors.items():
                self.add_error(name if name in self.fields else "target", text)
        return found

    def terms(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("target", *TERMS) if name != "rationale"}


class DecidedAdmin(TellingAdmin, Quick):
    """Proposals and requests: never deleted, decided by somebody other than who made them."""

    refusals = (*TellingAdmin.refusals, Refused, BadTarget)

    actions: Any = ("approve", "reject", "withdraw")
    noun = ""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def decide(self, request: HttpRequest, queryset: QuerySet[Any], verb: Any, said: str) -> None:
        now = timezone.now()
        each(request, queryset, lambda row: verb(**{self.noun: row}, actor=actor(request), now=now, note=WHY), said, Refused)


@admin.register(Target)
class TargetAdmin(DecidedAdmin):
    """A version never changes: whoever edits one proposes the next."""

    form = TargetForm
    noun = "target"
    list_display = ("kpi", "number", "commitment", "instead_of", "decision", "proposed_by", "decided_by", "effective_from",
                    "alert_threshold", "due_on", "self_approved")  # fmt: skip
    list_filter = ("decision", "severity", "self_approved", "kpi__scorecard", ("kpi", admin.RelatedOnlyFieldListFilter),
                   ("proposed_by", admin.RelatedOnlyFieldListFilter))  # fmt: skip
    list_select_related = ("kpi", "proposed_by", "decided_by")
    search_fields = ("kpi__name", "kpi__key", "rationale", "stated", "typed")
    date_hierarchy = "proposed_at"
    autocomplete_fields = ("kpi",)
    history = (
        "number", "decision", "proposed_by", "proposed_at", "decided_by", "decided_at", "decision_note", "self_approved",
        "stated", "typed",
    )  # fmt: skip

    @admin.display(description="target", ordering="value")
    def commitment(self, row: Target) -> str:
        return f"{commitment(row)} {unit_word(row.kpi.unit)}".rstrip().replace(" ", "\u00a0")

    def get_fieldsets(self, request: HttpRequest, obj: Target | None = None) -> Any:
        head = None if obj is None else f"Propose version {obj.kpi.targets.count() + 1} from these figures"
        return [(head, {"fields": ("kpi", "target", *TERMS)}), *([("This version", {"fields": self.history})] if obj else ())]

    def get_readonly_fields(self, request: HttpRequest, obj: Target | None = None) -> tuple[str, ...]:
        return ("kpi", *self.history) if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["fields"] = [name for name in ("kpi", *TERMS) if not (obj and name == "kpi")]
        return super().get_form(request, obj, change, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Target]:
        now = timezone.now()
        return with_overtaken(with_standing(super().get_queryset(request), now), now)

    @admin.display(description="in force now")
    def instead_of(self, row: Any) -> str:
        """What a proposal is held against, so that nobody approves unseen."""
        if row.decision != Decision.PROPOSED:
            return ""
        held = "nothing" if row.standing is None else f"{row.standing_comparator} {number(row.standing)}"
        then = f"; version {row.then_number} takes over on {row.then_at:%-d %b %Y}" if row.then_at else ""
        return f"{held}; overtaken by version {row.overtaken}" if row.overtaken else f"{held}{then}"

    def view_on_site(self, obj: Target) -> str:
        return reverse("kpis:kpi-detail", args=[obj.kpi.scorecard.slug, obj.kpi.key])

    def save_model(self, request: HttpRequest, obj: Target, form: Any, change: bool) -> None:
        """The row that was opened stays as it is, and the new one is what is told of."""
        kpi = KPI.objects.get(pk=obj.kpi_id)
        made = targets.propose(kpi=kpi, actor=actor(request), rationale=form.cleaned_data["rationale"], **form.terms())
        obj.__dict__.update(made.__dict__)
        self.message_user(request, f"Version {made.number} waits for approval by somebody else.")

    def response_change(self, request: HttpRequest, obj: Target) -> HttpResponse:
        return self.response_post_save_change(request, obj)  # no word of a row that was changed: none was

    @admin.action(description="Approve: in force from its date, or now")
    def approve(self, request: HttpRequest, queryset: QuerySet[Target]) -> None:
        self.decide(request, queryset, targets.approve, "approved")

    @admin.action(description="Reject")
    def reject(self, request: HttpRequest, queryset: QuerySet[Target]) -> None:
        self.decide(request, queryset, targets.reject, "rejected")

    @admin.action(description="Withdraw your own")
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Target]) -> None:
        self.decide(request, queryset, targets.withdraw, "withdrawn")


class WaiverAdminForm(forms.ModelForm):
    class Meta:
        model = Waiver
        fields = ("kpi", "subject", "reason", "expires_at")

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                waivers.check_request(now=timezone.now(), **found)
            except Refused as error:
                self.add_error(error.field or None, str(error))
        return found


@admin.register(Waiver)
class WaiverAdmin(DecidedAdmin):
    """A request is made and decided here, and never changed: an extension is a new one."""

    form = WaiverAdminForm
    noun = "waiver"
    actions = ("approve", "reject", "withdraw", "end")
    list_display = ("kpi", "subject", "decision", "expires_at", "requested_by", "decided_by", "self_approved", "ended_by")
    list_filter = ("decision", "self_approved", "kpi__scorecard", "expires_at")
    list_select_related = ("kpi", "requested_by", "decided_by", "ended_by")
    search_fields = ("kpi__name", "kpi__key", "subject", "reason")
    date_hierarchy = "requested_at"
    autocomplete_fields = ("kpi",)

    def has_change_permission(self, request: HttpRequest, obj: Waiver | None = None) -> bool:
        return super().has_change_permission(request, obj) and obj is None

    def get_fields(self, request: HttpRequest, obj: Waiver | None = None) -> Any:
        decided = (
            "decision", "requested_by", "requested_at", "decided_by", "decided_at", "decision_note", "self_approved", "ended_by"
        )  # fmt: skip
        return ("kpi", "subject", "reason", "expires_at", *(decided if obj else ()))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["fields"] = self.get_fields(request)
        return super().get_form(request, obj, change, **kwargs)

    def save_model(self, request: HttpRequest, obj: Waiver, form: Any, change: bool) -> None:
        made = waivers.request_waiver(actor=actor(request), now=timezone.now(), **form.cleaned_data)
        obj.__dict__.update(made.__dict__)
        self.message_user(request, "The waiver waits for approval by somebody else.")

    @admin.action(description="Approve: it counts from now on")
    def approve(self, request: HttpRequest, queryset: QuerySet[Waiver]) -> None:
        self.decide(request, queryset, waivers.approve_waiver, "approved")

    @admin.action(description="Reject")
    def reject(self, request: HttpRequest, queryset: QuerySet[Waiver]) -> None:
        self.decide(request, queryset, waivers.reject_waiver, "rejected")

    @admin.action(description="Withdraw your own")
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Waiver]) -> None:
        self.decide(request, queryset, waivers.withdraw_waiver, "withdrawn")

    @admin.action(description="End now")
    def end(self, request: HttpRequest, queryset: QuerySet[Waiver]) -> None:
        self.decide(request, queryset, waivers.end_waiver, "ended")
