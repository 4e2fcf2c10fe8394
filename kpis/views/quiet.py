"""Pages of planned quiet."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.permissions import Scope, may, require
from accounts.requests import PageRequest
from kpis import silences
from kpis.alert_forms import SilenceForm
from kpis.models import Silence
from kpis.views.pages import beside, page

MOST = 100
USUAL = timedelta(hours=1)


@require(Scope.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def silence_list(request: PageRequest) -> HttpResponse:
    if request.method == "POST":
        return _plan(request)  # type: ignore[return-value]
    initial = {name: request.GET.get(name, "") for name in ("kpi", "service", "scorecard")}
    initial["kpi"] = initial["kpi"] if initial["kpi"].isdigit() else ""
    now = timezone.now().replace(second=0, microsecond=0)
    times = {"starts_at": f"{now:%Y-%m-%dT%H:%M}", "ends_at": f"{now + USUAL:%Y-%m-%dT%H:%M}"}
    return _silences(request, SilenceForm(initial=initial | times))


@require(Scope.ALERTS_WRITE)
def _plan(request: PageRequest) -> HttpResponse:
    form = SilenceForm(request.POST)
    if form.is_valid():
        try:
            fields = form.changes()
            everything = fields.pop("everything")
            silences.plan(fields=fields, everything=everything, actor=request.user, now=timezone.now())
        except silences.BadSilence as bad:
            beside(form, bad.errors)
        else:
            messages.success(request, "The quiet is planned. It mutes messages, and nothing is measured less.")
            return redirect("kpis:silence-list")
    return _silences(request, form, status=422)


@require(Scope.ALERTS_WRITE)
@require_POST
def silence_end(request: PageRequest, pk: int) -> HttpResponse:
    silences.end(silence=get_object_or_404(Silence, pk=pk), actor=request.user, now=timezone.now())
    messages.success(request, "It is ended. What it held back is told within a minute.")
    return redirect("kpis:silence-list")


def _silences(request: PageRequest, form: SilenceForm, status: int = 200) -> HttpResponse:
    now = timezone.now()
    found = Silence.objects.select_related("scorecard", "kpi__scorecard", "created_by")[:MOST]
    rows = [(one, one.holds_until(now), one.next_at(now)) for one in found]
    context = {"rows": rows, "form": form, "may_write": may(request.user, Scope.ALERTS_WRITE), "now": now}
    return page(request, "kpis/silence_list.html", context, status=status)
