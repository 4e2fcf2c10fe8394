"""Setting series aside and taking them back, on the page of their KPI."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.audit import actor_of
from accounts.permissions import Scope, require
from accounts.requests import said
from kpis import streams
from kpis.faults import Refused
from kpis.models import Series
from kpis.views.kpis import kpi_url

VERBS: dict[str, Callable[..., Series]] = {"set_aside": streams.set_aside, "take_back": streams.take_back}


@require_POST
@require(Scope.PLAN_WRITE)
def series_turn(request: HttpRequest, pk: int) -> HttpResponse:
    """As `do` says; the KPI is judged anew at once."""
    verb = VERBS.get(request.POST.get("do", ""))
    if verb is None:
        raise Http404
    row = get_object_or_404(Series.objects.select_related("kpi__scorecard"), pk=pk)
    try:
        done = verb(series=row, actor=actor_of(request)[0], why=said(request, "why", 1000), now=timezone.now())
    except Refused as error:
        messages.error(request, f"{row}: {error}")
    else:
        messages.success(request, f"{row} {'counts again' if done.enabled else 'is set aside'}.")
    return redirect(f"{kpi_url(row.kpi)}#series")
