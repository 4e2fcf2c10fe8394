"""`rules/`: what is watched beyond thresholds and outages; each write ends in one verb of `kpis.rules`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypedDict

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.answers import Page
from accounts.concurrency import asked_version, etag, fresh, stale
from accounts.pagination import CursorPagination
from accounts.permissions import Scope, scopes
from accounts.problems import invalid
from accounts.serializers import StrictSerializer
from accounts.versions import StaleEdit
from kpis import rules
from kpis.api.lookup import about, mine
from kpis.models import Rule, Severity
from kpis.models.alerts import RULED

ABOUT = ("scorecard", "kpi", "service")


class RuleChange(StrictSerializer):
    """What can be changed of a rule; `scorecard` by its slug, `kpi` as `scorecard/key`."""

    scorecard = serializers.CharField(required=False, allow_blank=True, allow_null=True)
    kpi = serializers.CharField(required=False, allow_blank=True, allow_null=True)

    class Meta:
        model = Rule
        fields = rules.FIELDS


class RuleIn(RuleChange):
    """A new rule. `absent` needs `every_s`, and a service or a KPI; `burn_rate` an `objective` and a KPI that is a share."""


class RuleOut(TypedDict):
    id: int
    kind: Annotated[str, RULED]
    scorecard: str | None
    kpi: Annotated[str | None, "`scorecard/key`; null where every KPI of the scorecard is watched."]
    service: Annotated[str, "Whose CI result is expected; empty for a manual entry."]
    branch: str
    severity: Annotated[str, Severity]
    for_s: Annotated[int, "Seconds that it lasts before it is an alert."]
    recover_s: Annotated[int, "Seconds that it is good again before the alert is over."]
    every_s: Annotated[int | None, "Of `absent`: the rhythm in which something is expected."]
    objective: Annotated[float | None, "Of `burn_rate`: the share of good events that is promised, such as 0.999."]
    min_events: Annotated[int, "With fewer events a burn rate tells nothing."]
    enabled: bool
    fault: Annotated[str, "Why the last look at it failed; empty where it did not."]
    fault_at: Annotated[datetime | None, "Since when it cannot be followed."]
    created_by: str | None
    created_at: datetime
    version: int


@extend_schema(methods=["POST"], request=RuleIn, responses={201: RuleOut})
@extend_schema(
    methods=["GET"],
    responses=Page[RuleOut],
    parameters=[OpenApiParameter("scorecard", str), OpenApiParameter("enabled", bool)],
)
@scopes(per_service=True, GET=Scope.READ, POST=Scope.ALERTS_WRITE)
@api_view(["GET", "POST"])
def rule_list(request: Request) -> Response:
    """Rules, newest first; `fault` says what keeps one from being followed. POST makes one."""
    if request.method == "POST":
        return _create(request)
    asked, found = request.query_params, _visible(request)
    if asked.get("scorecard"):
        found = found.filter(scorecard__slug=asked["scorecard"]) | found.filter(kpi__scorecard__slug=asked["scorecard"])
    if asked.get("enabled"):
        found = found.filter(enabled=asked["enabled"] in ("1", "true"))
    pages = CursorPagination()
    return pages.get_paginated_response([_rule(one) for one in pages.paginate_queryset(found, request) or []])


@extend_schema(methods=["GET"], responses=RuleOut)
@extend_schema(methods=["PATCH"], request=RuleChange, responses=RuleOut)
@extend_schema(methods=["DELETE"], responses={204: None})
@scopes(per_service=True, GET=Scope.READ, PATCH=Scope.ALERTS_WRITE, DELETE=Scope.ALERTS_WRITE)
@api_view(["GET", "PATCH", "DELETE"])
def rule_detail(request: Request, pk: int) -> Response:
    """One rule; its ETag names its version. Switched off (`enabled`) or deleted, its open alerts end within a minute."""
    rule = _visible(request).filter(pk=pk).first()
    if rule is None:
        raise Http404("There is no such rule.")
    if request.method == "GET":
        return fresh(request, rule, _rule(rule))
    actor, token = audit.actor_of(request)
    version = asked_version(request, rule)
    if request.method == "DELETE":
        gone = _written(lambda: rules.remove(rule=rule, actor=actor, version=version, token=token))
        return gone or Response(status=204)
    changes = _checked(RuleChange(rule, data=request.data, partial=True))
    if set(changes) & set(ABOUT):
        stands = _rule(rule)
        told = {"scorecard": stands["scorecard"] or "", "kpi": stands["kpi"] or "", "service": stands["service"]}
        changes |= about(request, told | changes)
    changed = _written(lambda: rules.change(rule=rule, changes=changes, actor=actor, version=version, token=token))
    return changed if isinstance(changed, Response) else _answer(request, changed)


def _create(request: Request) -> Response:
    fields = about(request, dict.fromkeys(ABOUT, "") | _checked(RuleIn(data=request.data)))
    actor, token = audit.actor_of(request)
    return _answer(request, _written(lambda: rules.create(fields=fields, actor=actor, token=token)), 201)


def _checked(form: serializers.BaseSerializer[Any]) -> dict[str, Any]:
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def _written(verb: Callable[[], Any]) -> Any:
    """What the verb returns, or the answer that its refusal becomes."""
    try:
        return verb()
    except rules.BadRule as bad:
        raise invalid([{"path": f"$.{name}", "detail": text} for name, text in bad.errors.items()]) from bad
    except StaleEdit as error:
        return stale(error.current, error.current and _rule(error.current))  # type: ignore[arg-type]


def _answer(request: Request, rule: Rule, status: int = 200) -> Response:
    row = Rule.objects.select_related("scorecard", "kpi__scorecard", "created_by").get(pk=rule.pk)
    return Response(_rule(row), status=status, headers={"ETag": etag(row)})


def _visible(request: Request) -> QuerySet[Rule]:
    return mine(request, Rule.objects.select_related("scorecard", "kpi__scorecard", "created_by"))


def _rule(one: Rule) -> RuleOut:
    return {
        "id": one.pk,
        "kind": one.kind,
        "scorecard": one.scorecard.slug if one.scorecard else None,
        "kpi": f"{one.kpi.scorecard.slug}/{one.kpi.key}" if one.kpi else None,
        "service": one.service,
        "branch": one.branch,
        "severity": one.severity,
        "for_s": one.for_s,
        "recover_s": one.recover_s,
        "every_s": one.every_s,
        "objective": one.objective,
        "min_events": one.min_events,
        "enabled": one.enabled,
        "fault": one.fault,
        "fault_at": one.fault_at,
        "created_by": str(one.created_by) if one.created_by else None,
        "created_at": one.created_at,
        "version": one.version,
    }
