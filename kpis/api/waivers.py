"""Waivers: asked for by people and tokens, decided by people who may approve, never one's own; ended early by either."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, TypedDict

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.answers import Page
from accounts.pagination import CursorPagination
from accounts.permissions import Scope, allowed_services, granted, scopes
from accounts.problems import Problem, invalid
from kpis import waivers
from kpis.api import inputs
from kpis.api.deciding import decided, decision
from kpis.api.lookup import Lookup, visible_kpis
from kpis.faults import Refused
from kpis.models import KPI, Decision, Waiver


class WaiverOut(TypedDict):
    id: int
    kpi: Annotated[str, "`scorecard/key`"]
    subject: Annotated[str, "The series that does not count; empty: the KPI as a whole."]
    reason: str
    expires_at: datetime
    decision: Annotated[str, Decision]
    requested_by: str
    requested_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision_note: str
    self_approved: bool
    ended_by: Annotated[str | None, "Who ended it before its day; null where nobody did."]


def shown(one: Waiver) -> WaiverOut:
    return {
        "id": one.pk,
        "kpi": f"{one.kpi.scorecard.slug}/{one.kpi.key}",
        "subject": one.subject,
        "reason": one.reason,
        "expires_at": one.expires_at,
        "decision": one.decision,
        "requested_by": str(one.requested_by),
        "requested_at": one.requested_at,
        "decided_by": str(one.decided_by) if one.decided_by else None,
        "decided_at": one.decided_at,
        "decision_note": one.decision_note,
        "self_approved": one.self_approved,
        "ended_by": str(one.ended_by) if one.ended_by else None,
    }


@extend_schema(methods=["POST"], request=inputs.WaiverIn, responses={201: WaiverOut})
@extend_schema(
    methods=["GET"],
    responses=Page[WaiverOut],
    parameters=[
        OpenApiParameter("state", str, enum=list(waivers.STATES), description="Only those that count now, wait, are over …"),
        OpenApiParameter("kpi", str, description="`scorecard/key`, or the bare key where only one KPI has it."),
    ],
)
@scopes(per_service=True, GET=Scope.READ, POST=Scope.TARGETS_PROPOSE)
@api_view(["GET", "POST"])
def waiver_list(request: Request) -> Response:
    """Waivers, newest first; POST asks for one, and an extension is a new request."""
    if request.method == "POST":
        return _request_waiver(request)
    state, name = request.query_params.get("state", ""), request.query_params.get("kpi", "")
    if state and state not in waivers.STATES:
        raise invalid([{"path": "state", "detail": f"Write one of {', '.join(waivers.STATES)}."}])
    found = waivers.picked(state, timezone.now()).filter(kpi__in=visible_kpis(request))
    if name:
        found = found.filter(kpi=_kpi(request, name, "kpi"))
    pages = CursorPagination()
    pages.ordering = ("-requested_at", "-pk")
    page: list[Waiver] = pages.paginate_queryset(found.select_related(*RELATED), request) or []
    return pages.get_paginated_response([shown(one) for one in page])


RELATED = ("kpi__scorecard", "requested_by", "decided_by", "ended_by")


def _kpi(request: Request, name: str, path: str) -> KPI:
    kpi = Lookup.of(request, [name]).find(name)
    if not isinstance(kpi, KPI):
        raise invalid([{"path": path, **kpi}])
    return kpi


def _request_waiver(request: Request) -> Response:
    form = inputs.WaiverIn(data=request.data)
    form.is_valid(raise_exception=True)
    fields = dict(form.validated_data)
    _only_for(request, fields.get("subject", ""))
    kpi = _kpi(request, fields.pop("kpi"), "$.kpi")
    actor, token = audit.actor_of(request)
    try:
        waiver = waivers.request_waiver(kpi=kpi, actor=actor, token=token, now=timezone.now(), **fields)
    except Refused as error:
        raise invalid([{"path": f"$.{error.field}" if error.field else "$", "detail": str(error)}]) from error
    return Response(shown(waiver), status=201)


@extend_schema(responses=WaiverOut)
@scopes(GET=Scope.READ)
@api_view(["GET"])
def waiver_detail(request: Request, pk: int) -> Response:
    return Response(shown(_waiver(request, pk)))


def _waivers(request: Request) -> QuerySet[Waiver]:
    return Waiver.objects.filter(kpi__in=visible_kpis(request)).select_related(*RELATED)


def _waiver(request: Request, pk: int) -> Waiver:
    waiver = _waivers(request).filter(pk=pk).first()
    if waiver is None:
        raise Http404("There is no such waiver.")
    return waiver


def _own(request: Request, pk: int) -> Waiver:
    """A waiver that the caller may change."""
    waiver = _waiver(request, pk)
    _only_for(request, waiver.subject)
    return waiver


def _only_for(request: Request, subject: str) -> None:
    allowed = allowed_services(request)
    if allowed is not None and subject not in allowed:
        names = ", ".join(sorted(allowed))
        detail = f"Your token is for some services only: of waivers it changes those whose subject is one of {names}."
        raise Problem(403, "restricted", "Forbidden", detail)


_decision = partial(decision, noun="waiver", find=_own, show=shown, per_service=True)
waiver_approve = _decision(waivers.approve_waiver, scope=Scope.APPROVE)
waiver_reject = _decision(waivers.reject_waiver, scope=Scope.APPROVE)
waiver_withdraw = _decision(waivers.withdraw_waiver, scope=Scope.TARGETS_PROPOSE)


@extend_schema(request=inputs.DecisionIn, responses=WaiverOut)
@scopes(per_service=True, POST=Scope.TARGETS_PROPOSE)
@api_view(["POST"])
def waiver_end(request: Request, pk: int) -> Response:
    """End a waiver before its day: for the one who asked, and for people who may approve."""
    waiver = _own(request, pk)
    if waiver.requested_by_id != request.user.pk and Scope.APPROVE not in granted(request):
        raise Problem(403, "missing-scope", "Missing scope", f"This needs the scope {Scope.APPROVE}.", scope=Scope.APPROVE)
    return decided(request, waiver, "waiver", waivers.end_waiver, shown)
