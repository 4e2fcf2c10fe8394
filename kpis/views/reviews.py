"""A KPI is reviewed on its page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.audit import actor_of
from accounts.permissions import Scope, require
from accounts.requests import said
from kpis import reviewing
from kpis.faults import Refused
from kpis.models import KPI
from kpis.views.kpis import kpi_url


@require(Scope.TARGETS_PROPOSE)
@require_POST
def kpi_review(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Back to the KPI's page, with the review in its list or with why it was not taken."""
    kpi = get_object_or_404(KPI.objects.select_related("scorecard"), scorecard__slug=slug, key=key)
    note = said(request, "note")
    try:
        done = reviewing.acknowledge(kpi=kpi, actor=actor_of(request)[0], note=note, now=timezone.now())
    except Refused as error:
        messages.error(request, str(error))
    else:
        told = f"{kpi.name} is reviewed"
        messages.success(request, f"{told}; the one due on {done.due_on:%-d %b %Y} is answered." if done.due_on else f"{told}.")
    return redirect(f"{kpi_url(kpi)}#reviews")
