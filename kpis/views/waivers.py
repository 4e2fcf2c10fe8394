"""Waivers of KPIs: all of them, a request for one, and the decision about it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.audit import actor_of
from accounts.permissions import Scope, require
from accounts.requests import PageRequest, back_to, said
from kpis import waivers
from kpis.models import KPI, Waiver
from kpis.targets import Refused
from kpis.views.pages import page
from kpis.waiver_form import WaiverForm

STATES = {"all": "All", "running": "Count now", "waiting": "Wait for approval", "over": "Over", "refused": "Refused"}
VERBS = {
    "approve": (waivers.approve_waiver, Scope.APPROVE),
    "reject": (waivers.reject_waiver, Scope.APPROVE),
    "end": (waivers.end_waiver, Scope.APPROVE),  # or, for one's own, the scope of asking
    "withdraw": (waivers.withdraw_waiver, Scope.TARGETS_PROPOSE),
}


@require(Scope.READ)
@require_safe
def waiver_list(request: PageRequest) -> HttpResponse:
    """Newest first; `state` and `q` pick."""
    now, state = timezone.now(), request.GET.get("state", "all")
    text = request.GET.get("q", "").strip()[:80]
    found = waivers.picked(state, now).select_related("kpi__scorecard", "requested_by", "decided_by", "ended_by")
    if text:
        found = found.filter(Q(kpi__name__icontains=text) | Q(subject__icontains=text) | Q(reason__icontains=text))
    context = {
        "page": Paginator(found, 50).get_page(request.GET.get("page")),
        "states": STATES,
        "state": state if state in STATES else "all",
        "text": text,
        "now": now,
        "running": waivers.in_force(now).count(),
        "lapsed": list(waivers.lapsed(now)),
    }
    return page(request, "kpis/waiver_list.html", context)


@require(Scope.TARGETS_PROPOSE)
@require_http_methods(["GET", "POST"])
def waiver_new(request: PageRequest) -> HttpResponse:
    """Ask for a waiver: for the KPI of the address, or as an extension of another one."""
    kpi, initial = _asked(request)
    form = WaiverForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid() and (made := form.request(actor=request.user)):
        messages.success(request, f"{made.kpi.name}: the waiver waits for approval by somebody else.")
        return redirect(f"{reverse('kpis:approval-list')}#waiver-{made.pk}")
    context = {"form": form, "kpi": kpi, "extends": initial.get("extends"), "subjects": waivers.subjects_of(kpi) if kpi else []}
    return page(request, "kpis/waiver_form.html", context, status=422 if form.errors else 200)


def _asked(request: HttpRequest) -> tuple[KPI | None, dict[str, Any]]:
    extends = request.GET.get("extends", "")
    if extends.isdecimal():
        old = get_object_or_404(Waiver.objects.select_related("kpi__scorecard"), pk=extends)
        return old.kpi, {"kpi": old.kpi_id, "subject": old.subject, "extends": old}
    card, _, key = request.GET.get("kpi", "").partition("/")
    kpi = KPI.objects.active().filter(scorecard__slug=card, key=key).first()
    return kpi, {"kpi": kpi.pk, "subject": request.GET.get("subject", "")[:80]} if kpi else {}


@require(Scope.READ)
@require_POST
def waiver_decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve, reject, withdraw or end one, as `decision` says; the guard of the verb is that of the API."""
    if request.POST.get("decision") not in VERBS:
        raise Http404
    verb, needed = VERBS[request.POST["decision"]]
    waiver = get_object_or_404(Waiver.objects.select_related("kpi"), pk=pk)
    if verb is waivers.end_waiver and waiver.requested_by_id == request.user.pk:
        needed = Scope.TARGETS_PROPOSE
    return require(needed)(_decide)(request, waiver, verb)  # type: ignore[return-value]


def _decide(request: HttpRequest, waiver: Waiver, verb: Any) -> HttpResponse:
    note = said(request, "note")
    try:
        done = verb(waiver=waiver, actor=actor_of(request)[0], now=timezone.now(), note=note)
    except Refused as error:
        messages.error(request, f"{waiver.kpi.name}: {error}")
    else:
        word = "ended" if done.ended_by_id else done.get_decision_display()
        messages.success(request, f"{done.kpi.name}: the waiver is {word}.")
    return redirect(back_to(request, reverse("kpis:waiver-list")))
