"""Pages of load runs: start one from a profile, stop it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.permissions import Scope, require
from accounts.requests import PageRequest
from probes import loading
from probes.claiming import LOAD
from probes.forms import ProbeForm
from probes.kinds import kinds
from probes.load.profiles import READY
from probes.models import Probe, Run, Service
from probes.registering import Wrong, save_probe
from probes.running import CannotRun


@require(Scope.PROBES_WRITE)
@require_http_methods(["GET", "POST"])
def load_start(request: PageRequest, slug: str) -> HttpResponse:
    """Choose a ready-made profile, edit it, start. The edited one stays as a probe of the service, to be run again."""
    service = get_object_or_404(Service, slug=slug, archived_at=None)
    chosen = request.GET.get("profile", "")
    chosen = chosen if chosen in READY else "baseline"
    probe = Probe(
        service=service, kind=LOAD, params=READY[chosen][2], interval_s=kinds()[LOAD].DEFAULT_INTERVAL_S, enabled=False,
        next_run_at=timezone.now(),
    )  # fmt: skip
    form = ProbeForm(request.POST or None, probe=probe, suggested={})
    form.fields["enabled"].label, form.fields["interval_s"].label = "Repeat it by itself", "Repeated every, seconds"
    if request.method == "POST" and form.is_valid():
        run = _started(request, form, probe)
        if run is not None:
            return redirect("probes:run-detail", pk=run.pk)
    context: dict[str, Any] = {
        "service": service, "form": form, "chosen": chosen,
        "profiles": [(key, name, text) for key, (name, text, _) in READY.items()],
        "saved": service.probes.filter(kind=LOAD), "under_way": loading.running_on(service).first(),
    }  # fmt: skip
    return render(request, "probes/load_start.html", context, status=422 if form.errors else 200)


def _started(request: PageRequest, form: ProbeForm, probe: Probe) -> Run | None:
    """Keep the profile as a probe, the same one if it is there already, and ask for its run."""
    probe.params, probe.interval_s = form.cleaned_data["params"], form.cleaned_data["interval_s"]
    probe.enabled = form.cleaned_data["enabled"]
    known = Probe.objects.filter(service=probe.service, kind=LOAD, params=probe.params).first()
    try:
        kept = known or save_probe(probe=probe, feeds=form.feeds(), actor=request.user, now=timezone.now())
        return loading.start(probe=kept, actor=request.user, now=timezone.now())
    except Wrong as wrong:
        for field, text in wrong.errors.items():
            form.add_error(field if field in form.fields else None, text)
    except CannotRun as why:
        form.add_error(None, str(why))
    return None


@require(Scope.PROBES_WRITE)
@require_POST
def run_stop(request: PageRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run, pk=pk)
    if loading.stop(run=run, actor=request.user, now=timezone.now()):
        messages.success(request, "It stops within two seconds.")
    else:
        messages.error(request, "There is nothing to stop: the run is over, or it is none that can be stopped.")
    return redirect("probes:run-detail", pk=run.pk)
