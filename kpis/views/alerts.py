"""Pages of somebody on duty: what fires, one alert's life, taking it up, also by the link of a message."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.permissions import Scope, may, require
from accounts.requests import PageRequest
from kpis import duty
from kpis.alert_forms import AcknowledgeForm
from kpis.incidents import CannotAcknowledge, acknowledge
from kpis.messages import opened
from kpis.models import Channel, Incident, Severity
from kpis.report import course_around
from kpis.views.pages import asks_for, live, page

PER_PAGE = 50


@require(Scope.READ)
@require_safe
def alert_list(request: PageRequest) -> HttpResponse:
    if asks_for(request, "alerts"):
        return live(request, "kpis/_alerts.html", _listed(request))
    return page(request, "kpis/alert_list.html", _listed(request))


@require(Scope.READ)
@require_safe
def alert_bell(request: PageRequest) -> HttpResponse:
    """How many alerts fire, for the top of every page."""
    return live(request, "kpis/_bell.html", {"firing": duty.firing_count(), "here": reverse("kpis:alert-bell")})


@require(Scope.READ)
@require_safe
def alert_detail(request: PageRequest, pk: int) -> HttpResponse:
    return _detail(request, _incident(pk), AcknowledgeForm())


@require(Scope.READ)
@require_safe
def alert_of_kpi(request: PageRequest, slug: str, key: str) -> HttpResponse:
    """The newest alert of a KPI; without one, the list says that nothing fires."""
    found = duty.listed().filter(kpi__scorecard__slug=slug, kpi__key=key).order_by("-pk").first()
    return redirect("kpis:alert-detail", pk=found.pk) if found else redirect("kpis:alert-list")


@require(Scope.ALERTS_WRITE)
@require_POST
def alert_acknowledge(request: PageRequest, pk: int) -> HttpResponse:
    incident, form = _incident(pk), AcknowledgeForm(request.POST)
    if not form.is_valid():
        return _detail(request, incident, form, status=422)
    try:
        acknowledge(incident=incident, actor=request.user, note=form.cleaned_data["note"], now=timezone.now())
    except CannotAcknowledge as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "You have taken it up: those who were told that it fires are told that too.")
    return redirect("kpis:alert-detail", pk=pk)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def alert_link(request: HttpRequest, token: str) -> HttpResponse:
    """The link of a message: looking at it changes nothing, the button on it acknowledges."""
    found = opened(token)
    incident = Incident.objects.filter(pk=found[0]).first() if found else None
    channel = Channel.objects.filter(pk=found[1], archived_at=None).first() if found else None
    if incident is None or channel is None:
        return render(request, "kpis/alert_link.html", {"incident": None}, status=404)
    form, refused = AcknowledgeForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        known = request.user if isinstance(request.user, User) and may(request.user, Scope.ALERTS_WRITE) else None
        by, note = str(known or f"somebody with the link sent to {channel.name}"), form.cleaned_data["note"]
        try:
            incident = acknowledge(incident=incident, actor=known, by=by, note=note, now=timezone.now())
        except CannotAcknowledge as error:
            refused = str(error)
    response = render(request, "kpis/alert_link.html", {"incident": incident, "form": form, "refused": refused})
    response["Cache-Control"] = "no-store"
    return response


def _incident(pk: int) -> Incident:
    return get_object_or_404(duty.listed(), pk=pk)


def _listed(request: PageRequest) -> dict[str, Any]:
    now = timezone.now()
    show = request.GET.get("show", "open")
    show = show if show in duty.SHOWS else "open"
    found, muted = duty.chosen(show, now=now)
    filters = {name: request.GET.get(name, "").strip() for name in ("severity", "scorecard", "service")}
    if filters["severity"] in Severity.values:
        found = found.filter(severity=filters["severity"])
    if filters["scorecard"]:
        found = found.filter(scorecard__slug=filters["scorecard"])
    if filters["service"]:
        found = found.filter(subject=filters["service"])
    part: Any = Paginator(found if muted is None else muted, PER_PAGE).get_page(request.GET.get("page"))
    rows = list(part) if muted is not None else duty.rows(list(part), now=now)
    return {
        "page": part,
        "rows": rows,
        "show": show,
        "shows": duty.SHOWS,
        "watch": duty.watch(now=now),
        "severities": Severity.choices,
        "filtered": any(filters.values()),
        "now": now,
    }


def _detail(request: PageRequest, incident: Incident, form: AcknowledgeForm, status: int = 200) -> HttpResponse:
    now, begun = timezone.now(), incident.fired_at
    context = {"story": duty.story(incident, now=now), "incident": incident, "form": form}
    if incident.kpi and begun:
        context["chart"] = course_around(incident.kpi, begun, incident.resolved_at, now=now)
    return page(request, "kpis/alert_detail.html", context, status=status)
