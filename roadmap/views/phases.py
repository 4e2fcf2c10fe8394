"""Decisions about a phase: close it at its gate, open it again, ask for a waiver, decide on one."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.audit import actor_of
from accounts.days import day_end
from accounts.permissions import Scope, require
from accounts.requests import back_to, said
from roadmap import closing
from roadmap.models import Gate, GateWaiver
from roadmap.reports import waivers as reports
from roadmap.views.pages import TROUBLES, complain, page, target_of


def _gate(slug: str, number: int) -> Gate:
    gates = Gate.objects.select_related("phase__roadmap__scorecard")
    return get_object_or_404(gates, phase__roadmap__slug=slug, phase__number=number)


def _version(request: HttpRequest) -> int | None:
    text = request.POST.get("version", "")
    return int(text) if text.isdecimal() else None


@require_POST
@require(Scope.PLAN_WRITE)
def phase_close(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    actor, token = actor_of(request)
    try:
        closing.close_phase(gate=_gate(slug, number), actor=actor, now=timezone.now(), version=_version(request), token=token)
        messages.success(request, f"Phase {number} is closed.")
    except TROUBLES as error:
        complain(request, error)
    return redirect("roadmap:phase-detail", slug, number)


@require_POST
@require(Scope.PLAN_WRITE)
def phase_reopen(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    actor, token = actor_of(request)
    try:
        closing.reopen_phase(gate=_gate(slug, number), actor=actor, why=said(request, "why"), token=token)
        messages.success(request, f"Phase {number} is open again.")
    except TROUBLES as error:
        complain(request, error)
    return redirect("roadmap:phase-detail", slug, number)


@require_POST
@require(Scope.PLAN_WRITE)
def waiver_request(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    actor, token = actor_of(request)
    try:
        closing.request_waiver(
            gate=_gate(slug, number),
            actor=actor,
            reason=said(request, "reason"),
            expires_at=_end_of(request.POST.get("expires_on", "")),
            now=timezone.now(),
            token=token,
        )
        messages.success(request, "The waiver waits for approval by somebody else.")
    except TROUBLES as error:
        complain(request, error)
    return redirect("roadmap:phase-detail", slug, number)


def _end_of(text: str) -> datetime:
    try:
        return day_end(date.fromisoformat(text))
    except ValueError as error:
        raise ValidationError({"expires_at": "Write the last day as YYYY-MM-DD."}) from error


VERBS = {
    "approve": (closing.approve_waiver, Scope.APPROVE),
    "reject": (closing.reject_waiver, Scope.APPROVE),
    "withdraw": (closing.withdraw_waiver, Scope.PLAN_WRITE),
    "end": (closing.end_waiver, Scope.APPROVE),  # or, for one's own, the scope of asking
}


@require_POST
@require(Scope.READ)
def waiver_decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve, reject, withdraw or end one, as `decision` says; the guard of the verb is that of the API."""
    if request.POST.get("decision") not in VERBS:
        raise Http404
    verb, needed = VERBS[request.POST["decision"]]
    waiver = get_object_or_404(GateWaiver.objects.select_related("gate__phase__roadmap"), pk=pk)
    if verb is closing.end_waiver and waiver.requested_by_id == request.user.pk:
        needed = Scope.PLAN_WRITE
    return require(needed)(_decide)(request, waiver, verb)  # type: ignore[return-value]


def _decide(request: HttpRequest, waiver: GateWaiver, verb: Any) -> HttpResponse:
    try:
        note = said(request, "note")
        decided = verb(waiver=waiver, actor=actor_of(request)[0], now=timezone.now(), note=note)
        messages.success(request, f"The waiver is {'ended' if decided.ended_by_id else decided.get_decision_display()}.")
    except TROUBLES as error:
        complain(request, error)
    phase = waiver.gate.phase
    return redirect(back_to(request, reverse("roadmap:phase-detail", args=[phase.roadmap.slug, phase.number])))


@require(Scope.READ)
@require_safe
def waiver_list(request: HttpRequest) -> HttpResponse:
    """Gate waivers that wait for a decision, that end soon, that ran out: a page, and the part of the page of approvals."""
    found = reports.gate_waivers(user=request.user, now=timezone.now())  # type: ignore[arg-type]
    part = target_of(request) == "gate-waivers"
    return page(request, "roadmap/_gate_waivers.html" if part else "roadmap/gate_waivers.html", {"found": found})
