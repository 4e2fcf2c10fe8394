"""Pages of services, probes and runs."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.forms import BaseForm
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import conflicts
from accounts.permissions import Scope, may, require
from accounts.requests import PageRequest
from accounts.versions import StaleEdit
from probes import heartbeat, load_showing, reports
from probes.claiming import LOAD
from probes.confirming import FILE, HEADER, refusals, token_of
from probes.forms import ProbeForm, ServiceForm
from probes.kinds import kinds
from probes.loading import run_now, running_on
from probes.models import Probe, Run, Service
from probes.picking import STATES, Choice
from probes.registering import Wrong, save_probe, save_service
from probes.running import CannotRun

PAGE = 50


@require(Scope.READ)
@require_GET
def service_list(request: PageRequest) -> HttpResponse:
    choice = Choice.of(request.GET)
    services = choice.apply(Service.objects.all())
    page = Paginator(services.order_by("name", "pk"), PAGE).get_page(request.GET.get("page"))
    rows = reports.services(page.object_list, now=timezone.now())
    total = page.paginator.count
    context = {
        "rows": rows,
        "page": page,
        "choice": choice,
        "states": STATES,
        "headline": reports.headline(rows, filtered=choice.filtered)
        if total <= PAGE
        else reports.many(services, total, timezone.now()),
        "engine": heartbeat.state(now=timezone.now()),
        "environments": Service.objects.filter(archived_at=None).values_list("environment", flat=True).distinct().order_by(),
    }
    return render(request, "probes/service_list.html", context)


@require(Scope.PROBES_WRITE)
@require_http_methods(["GET", "POST"])
def service_edit(request: PageRequest, slug: str) -> HttpResponse:
    service = get_object_or_404(Service, slug=slug)
    form, conflict = ServiceForm(request.POST or None, instance=service), None
    if request.method == "POST" and form.is_valid():
        try:
            saved = save_service(service=form.filled(), actor=request.user, version=form.cleaned_data["version"])
        except StaleEdit as error:
            if form.holds_secrets:
                messages.warning(request, "Type the secrets again: they are shown to nobody.")
            conflict = conflicts.side_by_side(ServiceForm, error.current, request)
            form = conflicts.again(ServiceForm, error.current, request)
        except Wrong as wrong:
            for field, text in wrong.errors.items():
                form.add_error(field if field in form.fields else None, text)
        else:
            messages.success(request, f"{saved.name} is saved.")
            return redirect("probes:service-detail", slug=saved.slug)
    context = {"form": form, "service": Service.objects.get(pk=service.pk), "conflict": conflict}
    return render(request, "probes/service_form.html", context, status=_status(form, conflict))


def _status(form: BaseForm, conflict: list[dict[str, Any]] | None) -> int:
    return 409 if conflict is not None else 422 if form.errors else 200


@require(Scope.READ)
@require_GET
def service_detail(request: PageRequest, slug: str) -> HttpResponse:
    service = get_object_or_404(Service.objects.select_related("owner"), slug=slug)
    asked = request.GET.get("probe", "")
    only = service.probes.filter(pk=int(asked)).first() if asked.isdecimal() and len(asked) < 10 else None
    report = reports.service(service, now=timezone.now(), only=only.pk if only else None)
    template = "probes/_service.html" if request.htmx.target == "service" else "probes/service_detail.html"
    context = {
        "report": report,
        "service": service,
        "loading": running_on(service).first(),
        "kinds": kinds(),
        "only": only,
        "may_approve_load": may(request.user, Scope.ADMINISTER),
    }
    if template == "probes/service_detail.html":
        context |= {
            "confirm_token": token_of(service),
            "confirm_file": FILE,
            "confirm_header": HEADER,
            "refusals": refusals(service),
        }
    response = render(request, template, context)
    response["Vary"] = "HX-Target"
    return response


@require(Scope.PROBES_WRITE)
@require_http_methods(["GET", "POST"])
def probe_create(request: PageRequest, slug: str, kind: str) -> HttpResponse:
    service = get_object_or_404(Service, slug=slug)
    if kind not in kinds():
        messages.error(request, f"There is no kind {kind}.")
        return redirect("probes:service-detail", slug=slug)
    return _probe_form(request, Probe(service=service, kind=kind, interval_s=kinds()[kind].DEFAULT_INTERVAL_S))


@require(Scope.PROBES_WRITE)
@require_http_methods(["GET", "POST"])
def probe_edit(request: PageRequest, pk: int) -> HttpResponse:
    return _probe_form(request, get_object_or_404(Probe.objects.select_related("service"), pk=pk))


def _probe_form(request: PageRequest, probe: Probe) -> HttpResponse:
    form, conflict = ProbeForm(request.POST or None, probe=probe), None
    if request.method == "POST" and form.is_valid():
        probe.params = form.cleaned_data["params"]
        probe.interval_s, probe.enabled = form.cleaned_data["interval_s"], form.cleaned_data["enabled"]
        try:
            version = form.cleaned_data.get("version")
            save_probe(probe=probe, feeds=form.feeds(), actor=request.user, now=timezone.now(), version=version)
        except StaleEdit as error:
            conflict = conflicts.side_by_side(_form_of, error.current, request)
            form = conflicts.again(_form_of, error.current, request)
        except Wrong as wrong:
            for field, text in wrong.errors.items():
                form.add_error(field if field in form.fields else None, text)
        else:
            messages.success(request, f"{probe.get_kind_display()}: measured every {probe.interval_s} s.")
            return redirect("probes:service-detail", slug=probe.service.slug)
    context = {"form": form, "probe": probe, "conflict": conflict}
    return render(request, "probes/probe_form.html", context, status=_status(form, conflict))


def _form_of(data: QueryDict | None = None, *, instance: Probe) -> ProbeForm:
    return ProbeForm(data, probe=instance)


@require(Scope.PROBES_WRITE)
@require_POST
def probe_run(request: PageRequest, pk: int) -> HttpResponse:
    probe = get_object_or_404(Probe.objects.select_related("service"), pk=pk)
    try:
        run = run_now(probe=probe, actor=request.user, now=timezone.now())
    except CannotRun as why:
        messages.error(request, str(why))
        return redirect("probes:service-detail", slug=probe.service.slug)
    return redirect("probes:run-detail", pk=run.pk)


@require(Scope.READ)
@require_GET
def run_detail(request: PageRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run.objects.select_related("probe__service", "requested_by"), pk=pk)
    template = "probes/_run.html" if request.htmx.target == "run" else "probes/run_detail.html"
    response = render(
        request,
        template,
        {"run": run, "report": reports.run(run), "load": load_showing.report(run) if run.probe.kind == LOAD else None},
    )
    response["Vary"] = "HX-Target"
    return response
