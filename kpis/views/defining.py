"""Pages on which scorecards and KPIs are made, edited, archived and brought back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts import conflicts
from accounts.audit import actor_of
from accounts.forms import VersionedForm
from accounts.models import AuditEntry
from accounts.permissions import Scope, require
from accounts.versions import StaleEdit
from kpis import defining
from kpis.definition_forms import KpiForm, NewKpiForm, NewScorecardForm, ScorecardForm, WhyForm
from kpis.models import KPI, Scorecard
from kpis.views.pages import page


@require_http_methods(["GET", "HEAD", "POST"])
@require(Scope.PLAN_WRITE)
def scorecard_new(request: HttpRequest) -> HttpResponse:
    form = NewScorecardForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        actor, token = actor_of(request)
        try:
            row = defining.create_scorecard(fields=form.changes(), actor=actor, token=token)
        except ValidationError as error:
            _beside(form, error)
        else:
            messages.success(request, f"{row} is made. Now say which figures it governs.")
            return redirect("kpis:scorecard-detail", row.slug)
    return _form(request, form, headline="A new scorecard", what="New scorecard", back=reverse("kpis:scorecard-list"))


@require_http_methods(["GET", "HEAD", "POST"])
@require(Scope.PLAN_WRITE)
def scorecard_edit(request: HttpRequest, slug: str) -> HttpResponse:
    return _edit(request, get_object_or_404(Scorecard, slug=slug), ScorecardForm)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Scope.PLAN_WRITE)
def scorecard_archive(request: HttpRequest, slug: str) -> HttpResponse:
    return _retire(request, get_object_or_404(Scorecard, slug=slug))


@require_POST
@require(Scope.PLAN_WRITE)
def scorecard_restore(request: HttpRequest, slug: str) -> HttpResponse:
    return _restore(request, get_object_or_404(Scorecard, slug=slug))


@require_http_methods(["GET", "HEAD", "POST"])
@require(Scope.PLAN_WRITE)
def kpi_new(request: HttpRequest, slug: str) -> HttpResponse:
    card = get_object_or_404(Scorecard, slug=slug)
    form = NewKpiForm(request.POST or None, instance=KPI(scorecard=card))
    if request.method == "POST" and form.is_valid():
        actor, token = actor_of(request)
        try:
            row = defining.create_kpi(scorecard=card, fields=form.changes(), actor=actor, token=token)
        except ValidationError as error:
            _beside(form, error)
        except defining.Refused as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{row} is made. Propose its target, and feed it or enter its first figure.")
            return redirect(row_url(row))
    return _form(request, form, headline=f"A new KPI of {card}", what="New KPI", back=row_url(card), scorecard=card)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Scope.PLAN_WRITE)
def kpi_edit(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    return _edit(request, _kpi(slug, key), KpiForm)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Scope.PLAN_WRITE)
def kpi_archive(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    return _retire(request, _kpi(slug, key))


@require_POST
@require(Scope.PLAN_WRITE)
def kpi_restore(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    return _restore(request, _kpi(slug, key))


def row_url(row: Scorecard | KPI) -> str:
    if isinstance(row, Scorecard):
        return reverse("kpis:scorecard-detail", args=[row.slug])
    return reverse("kpis:kpi-detail", args=[row.scorecard.slug, row.key])


def archived(row: Scorecard | KPI) -> dict[str, Any] | None:
    """For the note on the page of an archived row: who archived it and why, and where it is restored."""
    gone = row if row.archived_at is not None else row.scorecard if isinstance(row, KPI) else None
    if gone is None or gone.archived_at is None:
        return None
    noun = gone._meta.model_name
    told = AuditEntry.objects.filter(subject_type=gone._meta.label_lower, subject_id=str(gone.pk), action=f"{noun}.archive")
    entry = told.select_related("actor").first()
    place = [gone.slug] if isinstance(gone, Scorecard) else [gone.scorecard.slug, gone.key]
    restore = reverse(f"kpis:{noun}-restore", args=place) if gone is row else ""
    return {"row": row, "by": entry and entry.actor, "why": entry.why if entry else "", "restore": restore}


def _kpi(slug: str, key: str) -> KPI:
    return get_object_or_404(KPI.objects.select_related("scorecard"), scorecard__slug=slug, key=key)


def _edit(request: HttpRequest, row: Scorecard | KPI, form_class: type[VersionedForm]) -> HttpResponse:
    context: dict[str, Any] = {"row": row, "scorecard": row.scorecard if isinstance(row, KPI) else row}
    form = form_class(request.POST or None, instance=type(row)._default_manager.get(pk=row.pk))
    if request.method == "POST" and form.is_valid():
        try:
            _save(request, row, form)
        except StaleEdit as error:
            context["conflict"] = conflicts.side_by_side(form_class, error.current, request)
            form = conflicts.again(form_class, error.current, request)
        except ValidationError as error:
            _beside(form, error)
        except defining.Refused as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Saved.")
            return redirect(row_url(row))
    return _form(request, form, headline=f"Edit {row}", what="Edit", back=row_url(row), **context)


def _save(request: HttpRequest, row: Scorecard | KPI, form: VersionedForm) -> None:
    actor, token = actor_of(request)
    version = form.cleaned_data["version"]
    defining.change(row=row, changes=form.changes(), actor=actor, now=timezone.now(), version=version, token=token)


def _form(request: HttpRequest, form: VersionedForm, **context: Any) -> HttpResponse:
    status = 409 if "conflict" in context else 422 if form.is_bound else 200
    return page(request, "kpis/definition_form.html", {"form": form, **context}, status=status)


def _beside(form: VersionedForm, error: ValidationError) -> None:
    for name, problems in conflicts.by_field(error, form):
        form.add_error(name, problems)


def _retire(request: HttpRequest, row: Scorecard | KPI) -> HttpResponse:
    """Asks before it archives; what was never used may be deleted instead."""
    holding = defining.holds(row)
    form = WhyForm(request.POST or None, initial={"version": row.version})
    if request.method == "POST" and form.is_valid():
        deletes = request.POST.get("do") == "delete"
        try:
            _retired(request, row, form, deletes)
        except (StaleEdit, defining.Refused) as error:
            form.add_error(None, f"{error}. Look at it again." if isinstance(error, StaleEdit) else str(error))
        else:
            messages.success(request, f"{row} is {'deleted' if deletes else 'archived'}.")
            gone = reverse("kpis:scorecard-list") if isinstance(row, Scorecard) else row_url(row.scorecard)
            return redirect(gone if deletes else row_url(row))
    context = {"row": row, "form": form, "holding": holding, "back": row_url(row), "is_card": isinstance(row, Scorecard)}
    return page(request, "kpis/retire.html", context, status=409 if form.is_bound else 200)


def _retired(request: HttpRequest, row: Scorecard | KPI, form: WhyForm, deletes: bool) -> None:
    actor, token = actor_of(request)
    version, why = form.cleaned_data["version"], form.cleaned_data["why"]
    if deletes:
        defining.remove(row=row, actor=actor, version=version, why=why, token=token)
    else:
        defining.archive(row=row, actor=actor, now=timezone.now(), version=version, why=why, token=token)


def _restore(request: HttpRequest, row: Scorecard | KPI) -> HttpResponse:
    actor, token = actor_of(request)
    try:
        defining.restore(row=row, actor=actor, now=timezone.now(), token=token)
    except (StaleEdit, defining.Refused) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{row} is measured, judged and counted again.")
    return redirect(row_url(row))
