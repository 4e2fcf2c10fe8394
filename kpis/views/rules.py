"""Pages of the rules beyond thresholds: made, changed, switched off, removed, and what each sees now."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts import conflicts
from accounts.permissions import Scope, may, require
from accounts.requests import PageRequest
from accounts.versions import StaleEdit
from kpis import rules
from kpis.alert_forms import RuleForm
from kpis.commitments import in_force
from kpis.incidents import Sight
from kpis.models import KPI, Rule
from kpis.views.pages import beside, page
from kpis.watching import look, why

logger = logging.getLogger(__name__)

MOST, MOST_SEEN, MOST_WATCHED = 100, 50, 500
TYPED = {"every_s": "every_h", "for_s": "for_min", "recover_s": "recover_min"}
"""By which field of the form a field of the rule is typed."""


@require(Scope.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def rule_list(request: PageRequest) -> HttpResponse:
    return _make(request) if request.method == "POST" else _rules(request, RuleForm())  # type: ignore[return-value]


@require(Scope.ALERTS_WRITE)
def _make(request: PageRequest) -> HttpResponse:
    form = RuleForm(request.POST)
    if form.is_valid():
        try:
            rule = rules.create(fields=form.changes(), actor=request.user)
        except rules.BadRule as bad:
            _beside(form, bad)
        else:
            messages.success(request, "The rule watches from now on. This is what it sees.")
            return redirect("kpis:rule-edit", pk=rule.pk)
    return _rules(request, form, status=422)


@require(Scope.ALERTS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def rule_edit(request: PageRequest, pk: int) -> HttpResponse:
    """Its settings beside what it sees now."""
    rule = _rule(pk)
    form, conflict = RuleForm(request.POST or None, instance=rule), None
    if request.method == "POST" and form.is_valid():
        try:
            rules.change(rule=rule, changes=form.changes(), actor=request.user, version=form.cleaned_data["version"])
        except rules.BadRule as bad:
            _beside(form, bad)
        except StaleEdit as error:
            conflict = conflicts.side_by_side(RuleForm, error.current, request)
            form = conflicts.again(RuleForm, error.current, request)
        else:
            messages.success(request, "Saved. It watches so from now on.")
            return redirect("kpis:rule-edit", pk=pk)
    sights, fault = _seen(rule)
    context: dict[str, Any] = {"rule": rule, "form": form, "conflict": conflict, "fault": fault}
    context |= {"sights": sights[:MOST_SEEN], "more": max(0, len(sights) - MOST_SEEN)}
    return page(request, "kpis/rule_form.html", context, status=422 if request.method == "POST" else 200)


@require(Scope.ALERTS_WRITE)
@require_POST
def rule_switch(request: PageRequest, pk: int) -> HttpResponse:
    enabled = request.POST.get("enabled") == "1"
    try:
        rules.change(rule=_rule(pk), changes={"enabled": enabled}, actor=request.user)
    except rules.BadRule as bad:
        messages.error(request, f"The rule stays off: {bad}")
        return redirect("kpis:rule-edit", pk=pk)
    messages.success(request, "The rule watches again." if enabled else "The rule is off; its open alerts end within a minute.")
    return redirect("kpis:rule-list")


@require(Scope.ALERTS_WRITE)
@require_POST
def rule_remove(request: PageRequest, pk: int) -> HttpResponse:
    rules.remove(rule=_rule(pk), actor=request.user)
    messages.success(request, "The rule is removed; its open alerts end within a minute.")
    return redirect("kpis:rule-list")


def _rule(pk: int) -> Rule:
    return get_object_or_404(Rule.objects.select_related("scorecard", "kpi__scorecard"), pk=pk)


def _seen(rule: Rule) -> tuple[list[Sight], str]:
    """What it sees now, the bad first; or why it cannot be followed."""
    try:
        sights = look(rule, now=timezone.now())
    except Exception as error:  # whatever stops the rule in the engine is what this page is to show
        logger.exception("the alert rule %s cannot be followed", rule.pk)
        return [], why(error)
    return sorted(sights, key=lambda sight: (not sight.look.lasting, not sight.look.bad, sight.title)), ""


def _rules(request: PageRequest, form: RuleForm, status: int = 200) -> HttpResponse:
    found = Rule.objects.select_related("scorecard", "kpi__scorecard", "created_by").order_by("-enabled", "pk")[:MOST]
    context: dict[str, Any] = {"rules": list(found), "form": form, "may_write": may(request.user, Scope.ALERTS_WRITE)}
    kpis = list(KPI.objects.active().select_related("scorecard").order_by("scorecard__name", "position", "key"))
    targets = in_force(kpis, timezone.now())
    watched = [(kpi, targets[kpi.pk]) for kpi in kpis if kpi.pk in targets and targets[kpi.pk].alert_threshold is not None]
    context |= {"watched": watched[:MOST_WATCHED], "unwatched": len(kpis) - len(watched)}
    return page(request, "kpis/rule_list.html", context, status=status)


def _beside(form: RuleForm, bad: rules.BadRule) -> None:
    beside(form, {TYPED.get(name, name): text for name, text in bad.errors.items()})
