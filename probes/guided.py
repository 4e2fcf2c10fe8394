"""The guided registration: address, what was found, probes with their KPIs. Nothing is saved before the last step."""

from __future__ import annotations

import asyncio
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.permissions import Scope, require
from accounts.requests import PageRequest
from probes.confirming import refuse
from probes.discovery import Found, discover
from probes.forms import ProbeForm
from probes.guided_forms import AddressForm, DescribeForm, described, orders, probe_forms
from probes.models import Service
from probes.proposing import proposals, untold
from probes.registering import Wrong, register
from probes.running import policy

CARRIED = ("base_url", "metrics_url", "health_path", "sealed")


@require(Scope.PROBES_WRITE)
@require_http_methods(["GET", "POST"])
def service_create(request: PageRequest) -> HttpResponse:
    """`go` names the step that the form asks for; without it the first one is shown."""
    steps = {"look": _look, "describe": _describe, "back": _again, "save": _save}
    step = steps.get(request.POST.get("go", "")) if request.method == "POST" else None
    if step:
        return step(request)
    given = request.POST if request.method == "POST" else request.GET
    return _page(request, "address", form=AddressForm(initial={name: given.get(name, "") for name in CARRIED}))


def _look(request: PageRequest) -> HttpResponse:
    form = AddressForm(request.POST)
    if not form.is_valid():
        return _page(request, "address", form=form)
    wanted = form.cleaned_data
    found = _found(wanted["base_url"], form.secrets(), wanted["metrics_url"], wanted["health_path"])
    if found.refused:
        refuse(service=Service(name=found.base_url), what="registration", why=found.refused, actor=request.user)
        form.add_error("base_url", found.refused)
        return _page(request, "address", form=form)
    return _page(request, "describe", form=DescribeForm(initial=described(found, form.secrets()), found=found), found=found)


def _again(request: PageRequest) -> HttpResponse:
    """Step 2 as it was left, looked at anew."""
    return _describing(request, status=200)


def _describe(request: PageRequest) -> HttpResponse:
    form = DescribeForm(request.POST)
    if not form.is_valid():
        return _describing(request)
    return _page(request, "probes", form=form, probes=probe_forms(form))


def _save(request: PageRequest) -> HttpResponse:
    form = DescribeForm(request.POST)
    if not form.is_valid():
        return _describing(request)
    probes = probe_forms(form, request.POST)
    valid = [one.is_valid() for one in probes]
    if not all(valid):
        return _page(request, "probes", form=form, probes=probes)
    try:
        saved = register(service=form.filled(), orders=orders(probes), actor=request.user, now=timezone.now())
    except Wrong as wrong:
        return _refused(request, wrong, probes)
    messages.success(request, f"{saved.name} is registered and measured by {len(probes)} probe{'s' if len(probes) != 1 else ''}.")
    return redirect("probes:service-detail", slug=saved.slug)


def _refused(request: PageRequest, wrong: Wrong, probes: list[ProbeForm]) -> HttpResponse:
    """What only the verb could tell, beside its field."""
    mine = {field: text for field, text in wrong.errors.items() if not field.startswith("probes[")}
    if mine:
        return _describing(request, errors=mine)
    form = DescribeForm(request.POST)
    form.is_valid()
    for field, text in wrong.errors.items():
        place, _, name = field.removeprefix("probes[").partition("].")
        one = probes[int(place)]
        one.add_error(name if name in one.fields else None, text)
    return _page(request, "probes", form=form, probes=probes)


def _describing(request: PageRequest, *, errors: dict[str, str] | None = None, status: int = 422) -> HttpResponse:
    """Step 2 with what was posted: looked at again, since what was found is not taken from the page."""
    address = AddressForm({name: request.POST.get(name, "") for name in CARRIED})
    if not address.is_valid():
        return _page(request, "address", form=address)
    wanted = address.cleaned_data
    found = _found(wanted["base_url"], address.secrets(), wanted["metrics_url"], wanted["health_path"])
    form = DescribeForm(request.POST, found=found)
    for field, text in (errors or {}).items():
        form.add_error(field if field in form.fields else None, text)
    return _page(request, "describe", form=form, found=found, status=status)


def _found(base_url: str, secrets: dict[str, Any], metrics_url: str, health_path: str) -> Found:
    look = discover(
        base_url, policy=policy(), clock=timezone.now, headers=secrets.get("headers", {}), metrics_url=metrics_url,
        health_path=health_path,
    )  # fmt: skip
    return asyncio.run(look)


def _page(request: PageRequest, step: str, *, form: Any, status: int = 0, **context: Any) -> HttpResponse:
    wrong = bool(form.errors) or any(one.errors for one in context.get("probes", []))
    context |= {"form": form, "step": step}
    if found := context.get("found"):
        context |= {"proposals": proposals(found), "untold": untold(found)}
    return render(request, f"probes/guided_{step}.html", context, status=status or (422 if wrong else 200))
