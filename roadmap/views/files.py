"""A roadmap in and out of its file."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.audit import actor_of
from accounts.permissions import Scope, require
from roadmap import document, exporting, findings, loading
from roadmap.forms import ImportForm
from roadmap.models import Roadmap
from roadmap.views.pages import page

SHOWN = 40


@require_safe
def roadmap_export(request: HttpRequest, slug: str) -> HttpResponse:
    roadmap = get_object_or_404(Roadmap.objects.select_related("scorecard"), slug=slug)
    response = HttpResponse(document.write(exporting.export(roadmap)), content_type="application/yaml; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{roadmap.slug}.yaml"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@require(Scope.PLAN_WRITE)
def roadmap_import(request: HttpRequest) -> HttpResponse:
    """A file is previewed (a dry run, and what the plan check finds) and comes back to be applied."""
    if request.method != "POST":
        return _asked(request, ImportForm())
    if request.POST.get("apply"):
        return _loaded(request, request.POST.get("text", ""), _day(request.POST.get("starts_on", "")), apply=True)
    form = ImportForm(request.POST, request.FILES)
    if not form.is_valid():
        return _asked(request, form)
    return _loaded(request, form.cleaned_data["file"], form.cleaned_data["starts_on"], apply=False)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _asked(request: HttpRequest, form: ImportForm, errors: list[str] | None = None) -> HttpResponse:
    context = {"form": form, "errors": errors or [], "headline": "Import a roadmap from a file.", "nav_section": "roadmap"}
    return page(request, "roadmap/roadmap_import.html", context)


def _loaded(request: HttpRequest, text: str, starts_on: date | None, *, apply: bool) -> HttpResponse:
    actor, token = actor_of(request)
    try:
        read = document.read(text)
        receipt = loading.load(read, now=timezone.now(), starts_on=starts_on, actor=actor, token=token, dry_run=not apply)
    except document.Malformed as error:
        return _asked(request, ImportForm(), [f"{error.path}: {error.detail}"])
    if apply:
        told = f"{len(receipt.created)} rows are new, {len(receipt.changed)} changed, {len(receipt.kept)} kept."
        messages.success(request, f"{told} New targets and waivers of gates wait for approval by somebody else.")
        return redirect("roadmap:roadmap-detail", receipt.slug)
    found = findings.check(read)
    context: dict[str, Any] = {
        "nav_section": "roadmap",
        "document": read,
        "receipt": receipt,
        "findings": found[:SHOWN],
        "text": text,
        "starts_on": starts_on.isoformat() if starts_on else "",
        "headline": f"{read.roadmap.name}: {len(receipt.created)} new rows, {len(receipt.changed)} changed.",
    }
    return page(request, "roadmap/roadmap_import.html", context)
