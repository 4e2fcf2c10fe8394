"""Edit forms: whoever saves second is told, and sees both what was saved and what they wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts import conflicts
from accounts.audit import actor_of
from accounts.forms import VersionedForm
from accounts.permissions import Scope, require
from accounts.versions import StaleEdit
from roadmap import editing, forms
from roadmap.editing import Refused
from roadmap.models import Benefit, Cost, Impact, Mitigation, Risk, Roadmap, Task, TaskState
from roadmap.views.pages import TROUBLES, complain, page

Save = Callable[[HttpRequest, VersionedForm, models.Model], models.Model]
EDITS = {
    "task": (Task, forms.TaskForm, "phase__roadmap__scorecard", "roadmap"),
    "cost": (Cost, forms.CostForm, "roadmap__scorecard", "roi"),
    "benefit": (Benefit, forms.BenefitForm, "roadmap__scorecard", "roi"),
    "risk": (Risk, forms.RiskForm, "roadmap__scorecard", "risks"),
    "mitigation": (Mitigation, forms.MitigationForm, "risk__roadmap__scorecard", "risks"),
}


@require_http_methods(["GET", "HEAD", "POST"])
@require(Scope.PLAN_WRITE)
def edit(request: HttpRequest, pk: int, noun: str) -> HttpResponse:
    model, form_class, related, nav = EDITS[noun]
    row = get_object_or_404(model._default_manager.select_related(related), pk=pk)
    return _edit(request, row, form_class, noun, nav)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Scope.PLAN_WRITE)
def roadmap_edit(request: HttpRequest, slug: str) -> HttpResponse:
    row = get_object_or_404(Roadmap.objects.select_related("scorecard"), slug=slug)
    return _edit(request, row, forms.RoadmapForm, "roadmap", "roadmap")


def _edit(request: HttpRequest, row: models.Model, form_class: type[VersionedForm], noun: str, nav: str) -> HttpResponse:
    roadmap = editing.roadmap_of(row)
    back = back_of(row, roadmap, nav)
    context: dict[str, Any] = {
        "roadmap": roadmap,
        "nav_section": nav,
        "back": back,
        "what": noun.capitalize(),
        "headline": f"Edit {row}",
    }
    if request.method != "POST":
        return page(request, "roadmap/edit.html", {**context, **extras(row), "form": form_class(instance=row)})
    form = form_class(request.POST, instance=type(row)._default_manager.get(pk=row.pk))
    if form.is_valid():
        try:
            _save(request, form, row)
        except StaleEdit as error:
            context["conflict"] = conflicts.side_by_side(form_class, error.current, request)
            form = conflicts.again(form_class, error.current, request)
        except ValidationError as error:
            for name, problems in conflicts.by_field(error, form):
                form.add_error(name, problems)
        except Refused as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Saved.")
            return redirect(back)
    return page(
        request, "roadmap/edit.html", {**context, **extras(row), "form": form}, status=409 if "conflict" in context else 200
    )


def _save(request: HttpRequest, form: VersionedForm, row: models.Model) -> None:
    """One transaction, also where the links to KPIs are saved with the row."""
    actor, token = actor_of(request)
    version = form.cleaned_data["version"]
    with transaction.atomic():
        saved = editing.change(row=row, changes=form.changes(), actor=actor, version=version, token=token)
        if isinstance(saved, Benefit) and "rests_on" in form.changed_data:
            weights = form.cleaned_data["rests_on"]
            editing.rest_on(benefit=saved, weights=weights, actor=actor, token=token)
        if isinstance(saved, Risk) and "triggers" in form.changed_data:
            editing.listen_to(risk=saved, kpis=list(form.cleaned_data["triggers"]), actor=actor, token=token)


def extras(row: models.Model) -> dict[str, Any]:
    if isinstance(row, Task):
        return {"task": row, "states": TaskState.choices}
    if isinstance(row, Cost):
        return {"cost": row, "booking": forms.BookingForm(), "entries": row.entries.select_related("by")}
    return {}


def back_of(row: models.Model, roadmap: Roadmap, nav: str) -> str:
    if isinstance(row, Task):
        phase = row.phase
        return f"{reverse('roadmap:phase-detail', args=[roadmap.slug, phase.number])}#task-{row.pk}"
    anchor = f"#{row._meta.model_name}-{row.pk}" if isinstance(row, Risk) else ""
    return reverse(f"roadmap:{'roadmap-detail' if nav == 'roadmap' else nav}", args=[roadmap.slug]) + anchor


@require_POST
@require(Scope.PLAN_WRITE)
def cost_book(request: HttpRequest, pk: int) -> HttpResponse:
    cost = get_object_or_404(Cost.objects.select_related("roadmap"), pk=pk)
    form = forms.BookingForm(request.POST)
    actor, token = actor_of(request)
    if not form.is_valid():
        for name, problems in form.errors.items():
            messages.error(request, f"{form.fields[name].label or name}: {' '.join(map(str, problems))}")
        return redirect("roadmap:cost-edit", pk)
    try:
        editing.book(cost=cost, actor=actor, token=token, **form.cleaned_data)
        messages.success(request, "Booked.")
    except TROUBLES as error:
        complain(request, error)
    return redirect("roadmap:cost-edit", pk)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Scope.PLAN_WRITE)
def impact_confirm(request: HttpRequest, pk: int) -> HttpResponse:
    impact = get_object_or_404(Impact.objects.select_related("phase__roadmap"), pk=pk)
    back = reverse("roadmap:phase-detail", args=[impact.phase.roadmap.slug, impact.phase.number])
    form = forms.ConfirmForm(request.POST or None, instance=impact)
    if request.method == "POST" and form.is_valid():
        actor, token = actor_of(request)
        row = Impact.objects.get(pk=pk)
        try:
            editing.confirm(impact=row, actor=actor, now=timezone.now(), evidence=form.cleaned_data["evidence"], token=token)
            messages.success(request, "Confirmed.")
        except TROUBLES as error:
            complain(request, error)
        return redirect(back)
    context = {"roadmap": impact.phase.roadmap, "nav_section": "roadmap", "back": back, "what": "Confirm an impact"}
    return page(request, "roadmap/edit.html", {**context, "headline": f"Confirm: {impact}", "form": form})
