"""The page of maintenance windows."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.permissions import Scope, may, require
from accounts.requests import PageRequest
from kpis.planned_form import PlannedForm
from kpis.views.pages import beside
from probes import maintenance
from probes.models import Maintenance, Service

MOST = 100


class MaintenanceForm(PlannedForm):
    class Meta:
        model = Maintenance
        fields = ["reason", "service", "tag", "starts_at", "ends_at", "zone", "repeat", "rule"]
        labels = {"reason": "What is done", "tag": "Or all with the tag"}
        help_texts = {"tag": ""}
        widgets = {"reason": forms.TextInput(attrs={"placeholder": "New disks for the database"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="window-%s", **kwargs)
        service = self.fields["service"]
        service.queryset = Service.objects.filter(archived_at=None).order_by("name")  # type: ignore[attr-defined]
        service.empty_label = "choose one"  # type: ignore[attr-defined]


@require(Scope.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def maintenance_list(request: PageRequest) -> HttpResponse:
    if request.method == "POST":
        return _plan(request)  # type: ignore[return-value]
    asked = request.GET.get("service", "")[:80]
    return _page(request, MaintenanceForm(initial={"service": Service.objects.filter(slug=asked).first() if asked else None}))


@require(Scope.PROBES_WRITE)
def _plan(request: PageRequest) -> HttpResponse:
    form = MaintenanceForm(request.POST)
    if form.is_valid():
        try:
            window = maintenance.plan(fields=form.changes(), actor=request.user, now=timezone.now())
        except maintenance.BadWindow as bad:
            beside(form, bad.errors)
        else:
            messages.success(request, "The window is planned. In it nothing is measured by the schedule.")
            for doubt in maintenance.doubts(window):
                messages.warning(request, doubt)
            return redirect("probes:maintenance-list")
    return _page(request, form, status=422)


@require(Scope.PROBES_WRITE)
@require_POST
def maintenance_end(request: PageRequest, pk: int) -> HttpResponse:
    maintenance.end(window=get_object_or_404(Maintenance, pk=pk), actor=request.user, now=timezone.now())
    messages.success(request, "It is ended. What it held is measured again within a minute.")
    return redirect("probes:maintenance-list")


def _page(request: PageRequest, form: MaintenanceForm, status: int = 200) -> HttpResponse:
    now = timezone.now()
    found = Maintenance.objects.select_related("service", "created_by")[:MOST]
    rows = [(one, one.holds_until(now), one.next_at(now)) for one in found]
    context = {"rows": rows, "form": form, "may_write": may(request.user, Scope.PROBES_WRITE)}
    return render(request, "probes/maintenance_list.html", context, status=status)
