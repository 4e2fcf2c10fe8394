"""Pages of load runs: start one from a profile, stop it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.forms.boundfield import BoundField
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
    params = {**READY[chosen][2], "requests": usual_requests(service)}
    probe = Probe(
        service=service, kind=LOAD, params=params, interval_s=kinds()[LOAD].DEFAULT_INTERVAL_S, enabled=False,
        next_run_at=timezone.now(),
    )  # fmt: skip
    form = ProbeForm(request.POST or None, probe=probe, suggested={})
    form.fields["params.stages"].widget.attrs["rows"] = 7
    form.fields["enabled"].label, form.fields["interval_s"].label = "Repeat it by itself", "Repeated every, seconds"
    if request.method == "POST" and form.is_valid():
        run = _started(request, form, probe)
        if run is not None:
            return redirect("probes:run-detail", pk=run.pk)
    context: dict[str, Any] = {
        "service": service, "form": form, "chosen": chosen, "groups": groups(form),
        "profiles": [(key, name, text) for key, (name, text, _) in READY.items()],
        "saved": service.probes.filter(kind=LOAD), "under_way": loading.running_on(service).first(),
    }  # fmt: skip
    return render(request, "probes/load_start.html", context, status=422 if form.errors else 200)


Group = tuple[str, str, list[BoundField], bool]


def groups(form: ProbeForm) -> list[Group]:
    """(title, about, fields, open): what everybody looks at first; the rest is folded while nothing in it is wrong."""
    fields = {field.name: field for field in form}
    asks = [fields.pop(f"params.{name}") for name in ("stages", "requests", "think")]
    limits = [fields.pop(f"params.{name}") for name in ("p95_limit_ms", "errors_limit_pct", "search")]
    feeds = [fields.pop(field.name) for field in form.feed_fields]
    rest = [fields.pop(name) for name in [*fields]]
    return [
        ("What it asks", "a line each", asks, True),
        ("Limits", "what a stage must meet", limits, True),
        ("KPIs that it feeds", "none unless you choose", feeds, any(field.errors for field in feeds)),
        ("More", "warm-up, time-outs, when it stops by itself, repeating", rest, any(field.errors for field in rest)),
    ]


def usual_requests(service: Service) -> list[str]:
    """What its latency is read from: as good a mix as any to begin with."""
    known = service.probes.filter(kind="http").order_by("-enabled", "pk").first()
    return [f"GET {path}" for path in (known.params.get("paths") if known else None) or ["/"]]


def _started(request: PageRequest, form: ProbeForm, probe: Probe) -> Run | None:
    """Keep the profile as a probe, the same one if it is there already, and ask for its run."""
    probe.params, probe.interval_s = form.cleaned_data["params"], form.cleaned_data["interval_s"]
    probe.enabled = form.cleaned_data["enabled"]
    if why := loading.forbidden(probe, now=timezone.now()):
        form.add_error(None, why)
        return None
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
