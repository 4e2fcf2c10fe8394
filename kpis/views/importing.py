"""A file of measurements: uploaded or pasted, looked at, and brought in."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.audit import actor_of
from accounts.permissions import ENTER, Scope, require
from kpis import entering, importing, sheets
from kpis.entry_forms import FileForm
from kpis.models import Scorecard
from kpis.reductions import reduction
from kpis.views.pages import page

SHOWN = 50
MOST_FAULTS = 100


@require_http_methods(["GET", "HEAD", "POST"])
@require(*ENTER)
def scorecard_import(request: HttpRequest, slug: str) -> HttpResponse:
    """The preview holds the table and sends it again to be brought in; it is understood anew then."""
    card = get_object_or_404(Scorecard, slug=slug, archived_at=None)
    form = FileForm(request.POST, request.FILES) if request.method == "POST" else FileForm()
    if not form.is_valid():
        return _page(request, card, form=form, status=422 if form.is_bound else 200)
    text = form.cleaned_data["table"]
    actor, token = actor_of(request)
    if request.POST.get("do") != "bring":
        reading = importing.check(text, scorecard=card, actor=actor, now=timezone.now())
        return _read(request, card, text, reading)
    reading = importing.bring(text, scorecard=card, actor=actor, now=timezone.now(), token=token)
    if reading.entry is None:
        return _read(request, card, text, reading)
    stored, again = reading.entry.receipt.stored, f" {reading.repeated}." if reading.repeats else ""
    messages.success(
        request, f"{stored} figure{' is' if stored == 1 else 's are'} in; {reading.stood} were there already.{again}"
    )
    return redirect("kpis:scorecard-detail", card.slug)


@require(Scope.READ)
@require_safe
def scorecard_example(request: HttpRequest, slug: str) -> HttpResponse:
    """A table with the scorecard's own KPIs, to be filled in."""
    card = get_object_or_404(Scorecard, slug=slug, archived_at=None)
    response = HttpResponse(importing.example(card, now=timezone.now()), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{card.slug}-measurements.csv"'
    return response


def _read(request: HttpRequest, card: Scorecard, text: str, reading: importing.Reading) -> HttpResponse:
    """What the table says, and what is wrong with it."""
    faults = importing.first(reading.faults, MOST_FAULTS)
    form = FileForm(initial={"text": text})
    context = {
        "form": form,
        "text": text,
        "reading": reading,
        "faults": faults,
        "more_faults": len(reading.faults) - len(faults),
        "rows": [_row(line, point) for line, point in zip(reading.lines[:SHOWN], reading.points[:SHOWN], strict=True)],
        "more_rows": max(0, len(reading.points) - SHOWN),
    }
    return _page(request, card, status=422 if faults else 200, **context)


def _row(line: sheets.Line, point: Any) -> dict[str, Any]:
    kpi = point.kpi
    value = reduction(point.value, reference=kpi.reference, unit=kpi.unit) if kpi.is_reduction else point.value
    return {"line": line.number, "point": point, "kpi": kpi, "value": value}


def _page(request: HttpRequest, card: Scorecard, status: int = 200, **context: Any) -> HttpResponse:
    shared = {"scorecard": card, "columns": sheets.COLUMNS, "files": entering.files(card)}
    return page(request, "kpis/import.html", shared | context, status=status)
