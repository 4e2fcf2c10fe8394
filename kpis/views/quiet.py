"""Pages of planned quiet, and of the rules beyond thresholds."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.permissions import Scope, may, require
from accounts.requests import PageRequest
from kpis import rules, silences
from kpis.alert_forms import RuleForm, SilenceForm
from kpis.models import Rule, Silence
from kpis.views.pages import page

MOST = 100


@require(Scope.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def silence_list(request: PageRequest) -> HttpResponse:
    if request.method == "POST":
        return _plan(request)  # type: ignore[return-value]
    initial = {name: request.GET.get(name, "") for name in ("kpi", "service", "scorecard")}
    initial["kpi"] = initial["kpi"] if initial["kpi"].isdigit() else ""
    return _silences(request, SilenceForm(initial=initial))


@require(Scope.ALERTS_WRITE)
def _plan(request: PageRequest) -> HttpResponse:
    form = SilenceForm(request.POST)
    if form.is_valid():
        try:
            silences.plan(fields=form.changes(), actor=request.user, now=timezone.now())
        except silences.BadSilence as bad:
            _beside(form, bad.errors)
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


@require(Scope.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def rule_list(request: PageRequest) -> HttpResponse:
    return _make_rule(request) if request.method == "POST" else _rules(request, RuleForm())  # type: ignore[return-value]


@require(Scope.ALERTS_WRITE)
def _make_rule(request: PageRequest) -> HttpResponse:
    form = RuleForm(request.POST)
    if form.is_valid():
        try:
            rules.create(fields=form.changes(), actor=request.user)
        except rules.BadRule as bad:
            _beside(form, {"every_h" if name == "every_s" else name: text for name, text in bad.errors.items()})
        else:
            messages.success(request, "The rule watches from now on.")
            return redirect("kpis:rule-list")
    return _rules(request, form, status=422)


@require(Scope.ALERTS_WRITE)
@require_POST
def rule_switch(request: PageRequest, pk: int) -> HttpResponse:
    enabled = request.POST.get("enabled") == "1"
    rules.switch(rule=get_object_or_404(Rule, pk=pk), enabled=enabled, actor=request.user)
    messages.success(request, "The rule watches again." if enabled else "The rule is off; its open alerts end within a minute.")
    return redirect("kpis:rule-list")


def _silences(request: PageRequest, form: SilenceForm, status: int = 200) -> HttpResponse:
    now = timezone.now()
    found = Silence.objects.select_related("scorecard", "kpi__scorecard", "created_by")[:MOST]
    rows = [(one, one.holds_until(now), one.next_at(now)) for one in found]
    context = {"rows": rows, "form": form, "may_write": may(request.user, Scope.ALERTS_WRITE), "now": now}
    return page(request, "kpis/silence_list.html", context, status=status)


def _rules(request: PageRequest, form: RuleForm, status: int = 200) -> HttpResponse:
    found = Rule.objects.select_related("scorecard", "kpi__scorecard", "created_by").order_by("-enabled", "pk")[:MOST]
    context = {"rules": list(found), "form": form, "may_write": may(request.user, Scope.ALERTS_WRITE)}
    return page(request, "kpis/rule_list.html", context, status=status)


def _beside(form: forms.BaseForm, errors: dict[str, str]) -> None:
    for name, text in errors.items():
        form.add_error(name if name in form.fields else None, text)
