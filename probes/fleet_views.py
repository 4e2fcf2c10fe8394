"""What is done from pages to one or many services at once, and how a service is confirmed."""

from __future__ import annotations

import asyncio

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.permissions import Scope, may, require
from accounts.requests import PageRequest, said
from probes.confirming import NotConfirmed, approve, find, settle, withdraw
from probes.fleet import ACTIONS, TooMany
from probes.models import Service
from probes.picking import Choice
from probes.running import policy

WORDS = {"pause": "paused", "resume": "resumed", "archive": "archived", "restore": "restored"}
ASKS = {"archive"}
"""What is asked again before it is done to more than one."""


@require(Scope.PROBES_WRITE)
@require_POST
def services_act(request: PageRequest) -> HttpResponse:
    """One action for the chosen services, or for all that the filter of the list shows."""
    action = request.POST.get("action", "")
    back = _back(request)
    slugs = _slugs(request)
    if action not in ACTIONS or not slugs:
        messages.error(request, "Choose at least one service." if action in ACTIONS else "There is no such action.")
        return redirect(back)
    if action in ASKS and not request.POST.get("sure"):
        context = {"action": action, "services": Service.objects.filter(slug__in=slugs).order_by("name"), "back": back}
        return render(request, "probes/sure.html", context)
    try:
        done = ACTIONS[action](slugs=slugs, actor=request.user, now=timezone.now(), why=said(request, "why", 200))
    except TooMany as error:
        messages.error(request, str(error))
        return redirect(back)
    noun = ("run" if action == "run" else "service") + ("" if done.count == 1 else "s")
    messages.success(request, f"{done.count} {noun} {WORDS.get(action, 'asked for: they start with the next tick')}.")
    for text in done.left[:5]:
        messages.info(request, f"{text}.")
    return redirect(back)


def _slugs(request: PageRequest) -> list[str]:
    if request.POST.get("all"):
        shown = Choice.of(QueryDict(said(request, "filter")).dict())
        return list(shown.apply(Service.objects.all()).values_list("slug", flat=True))
    return [slug for slug in request.POST.getlist("slug") if "\0" not in slug]


def _back(request: PageRequest) -> str:
    """Where the person came from, on this site only."""
    wanted = request.POST.get("next", "")
    return wanted if url_has_allowed_host_and_scheme(wanted, None) else reverse("probes:service-list")


@require(Scope.PROBES_WRITE)
@require_POST
def service_confirm(request: PageRequest, slug: str) -> HttpResponse:
    """Look for the token, take an administrator's word, or withdraw."""
    service = get_object_or_404(Service, slug=slug, archived_at=None)
    how = request.POST.get("how", "look")
    if how == "withdraw":
        withdraw(service=service, actor=request.user)
        messages.success(request, f"{service.name} is not confirmed any more.")
    elif how == "approve":
        _approve(request, service)
    else:
        found = asyncio.run(find(service, policy=policy(), clock=timezone.now))
        if settle(service=service, found=found, actor=request.user, now=timezone.now()):
            messages.success(request, f"{service.name} is confirmed: its owner agrees to load runs.")
        else:
            messages.error(request, f"The token was not found. {found.said}.")
    return redirect(f"{reverse('probes:service-detail', args=[slug])}#confirm")


def _approve(request: PageRequest, service: Service) -> None:
    if not may(request.user, Scope.ADMINISTER):
        messages.error(request, "Only an administrator may confirm without the owner's token.")
        return
    try:
        approve(service=service, actor=request.user, now=timezone.now(), why=said(request, "why"))
    except NotConfirmed as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{service.name} is confirmed by you.")
