"""`alerts/` and `silences/`: what fires, taking it up, planned quiet."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypedDict

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.answers import Page
from accounts.pagination import CursorPagination
from accounts.permissions import Scope, allowed_scorecards, allowed_services, scopes
from accounts.problems import Problem, invalid
from accounts.serializers import MomentField, Strict
from kpis import duty, incidents, silences
from kpis.alerting import State
from kpis.api.lookup import about, mine
from kpis.models import Incident, Kind, Outbox, Severity, Silence, Transition

SHOWN = [State.PENDING, State.FIRING, State.ACKNOWLEDGED, State.RESOLVED]


class AcknowledgeIn(Strict):
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)


class SilenceIn(Strict):
    """Planned quiet for a scorecard, a KPI or a service, or with `everything` for all of them."""

    reason = serializers.CharField(max_length=300)
    starts_at = MomentField()
    ends_at = MomentField()
    rule = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)
    zone = serializers.CharField(required=False, default="UTC", max_length=60)
    scorecard = serializers.CharField(required=False, allow_blank=True, default="", max_length=50)
    kpi = serializers.CharField(required=False, allow_blank=True, default="")
    service = serializers.CharField(required=False, allow_blank=True, default="", max_length=80)
    everything = serializers.BooleanField(required=False, default=False)


class AlertOut(TypedDict):
    id: int
    state: Annotated[str, State]
    severity: Annotated[str, Severity]
    kind: Annotated[str, Kind]
    title: str
    kpi: Annotated[str | None, "`scorecard/key`; null where it is about no KPI, such as a CI result that did not come."]
    scorecard: str | None
    subject: Annotated[str, "The service, or whatever else was measured."]
    value: Annotated[float | None, "The figure behind its newest step, in `unit`."]
    unit: str | None
    origin: Annotated[str, "What measured that figure: `run:<id>`, `result:<uuid>` …; empty where nothing did."]
    measured_at: datetime | None
    opened_at: datetime
    fires_at: Annotated[datetime | None, "While pending: when it fires if it stays so."]
    fired_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    recovery_s: Annotated[float | None, "From firing to resolved; null while it is open."]
    silenced_until: datetime | None
    waived_until: datetime | None


class RecoveryOut(TypedDict):
    """Mean lengths in the last 30 days; null where nothing recovered."""

    kpi_mean_s: Annotated[float | None, "Of the alerts of this KPI."]
    kpi_alerts: int
    mttr_s: Annotated[float | None, "Of outages alone."]
    outages: int


class TransitionOut(TypedDict):
    number: Annotated[int, "Within the alert, from 1."]
    state: Annotated[str, State]
    at: datetime
    subject: str
    value: float | None
    origin: str
    measured_at: datetime | None
    by: Annotated[str, "Who did it; empty where no person did."]
    note: str
    told: Annotated[str, Outbox]


class AlertStoryOut(AlertOut):
    recovery_30_days: Annotated[RecoveryOut | None, "Null where the alert is about no KPI."]
    transitions: list[TransitionOut]


class SilenceOut(TypedDict):
    id: int
    reason: str
    starts_at: datetime
    ends_at: datetime
    rule: Annotated[str, "How it comes again (RFC 5545); empty: once."]
    zone: str
    scorecard: str | None
    kpi: Annotated[str | None, "`scorecard/key`"]
    service: str
    created_by: str
    ended_at: Annotated[datetime | None, "When somebody ended it before its time."]
    holds_until: Annotated[datetime | None, "The end of the quiet that holds now; null where none holds."]


@extend_schema(
    responses=Page[AlertOut],
    parameters=[
        OpenApiParameter(
            "state", str, enum=["open", *[state.value for state in SHOWN]], description="Default: all that were alerts."
        ),
        OpenApiParameter("severity", str, enum=Severity.values),
        OpenApiParameter("scorecard", str),
        OpenApiParameter("service", str),
    ],
)
@scopes(GET=Scope.READ)
@api_view(["GET"])
def alert_list(request: Request) -> Response:
    """Alerts, newest first. Those that are only `pending` are none yet: they are listed where they are asked for, with
    `fires_at`."""
    asked = request.query_params
    state = asked.get("state", "")
    if state and state not in ("open", *SHOWN):
        raise invalid([{"path": "$.state", "detail": f"Use open or one of {', '.join(SHOWN)}."}])
    found = _visible(request, duty.about_to_fire() if state == State.PENDING else duty.listed())
    if state:
        found = found.filter(state__in=duty.OPEN if state == "open" else [state])
    for name, lookup in (("severity", "severity"), ("scorecard", "scorecard__slug"), ("service", "subject")):
        if asked.get(name):
            found = found.filter(**{lookup: asked[name]})
    pages = CursorPagination()
    rows = duty.rows(pages.paginate_queryset(found, request) or [], now=timezone.now())
    return pages.get_paginated_response([_alert(row) for row in rows])


@extend_schema(responses=AlertStoryOut)
@scopes(GET=Scope.READ)
@api_view(["GET"])
def alert_detail(request: Request, pk: int) -> Response:
    """One alert with every step of its life; also one that is `pending`, with `fires_at`."""
    return Response(_story(_incident(request, pk)))


@extend_schema(request=AcknowledgeIn, responses=AlertStoryOut)
@scopes(per_service=True, POST=Scope.ALERTS_WRITE)
@api_view(["POST"])
def alert_acknowledge(request: Request, pk: int) -> Response:
    """Take it up, with a note; 409 where somebody has, where it is over, or where it has not fired yet."""
    form = AcknowledgeIn(data=request.data)
    form.is_valid(raise_exception=True)
    actor, token = audit.actor_of(request)
    incident = _incident(request, pk)
    try:
        incidents.acknowledge(incident=incident, actor=actor, note=form.validated_data["note"], now=timezone.now(), token=token)
    except incidents.CannotAcknowledge as refused:
        raise Problem(409, "refused", "Refused", str(refused)) from refused
    return Response(_story(_incident(request, pk)))


@extend_schema(methods=["GET"], responses=Page[SilenceOut])
@extend_schema(methods=["POST"], request=SilenceIn, responses={201: SilenceOut})
@scopes(per_service=True, GET=Scope.READ, POST=Scope.ALERTS_WRITE)
@api_view(["GET", "POST"])
def silence_list(request: Request) -> Response:
    """Planned quiet, newest first; POST plans one."""
    if request.method == "POST":
        return _plan(request)
    pages = CursorPagination()
    page: list[Silence] = pages.paginate_queryset(_silences(request), request) or []
    return pages.get_paginated_response([_silence(one) for one in page])


@extend_schema(request=None, responses=SilenceOut)
@scopes(per_service=True, POST=Scope.ALERTS_WRITE)
@api_view(["POST"])
def silence_end(request: Request, pk: int) -> Response:
    """End it before its time; what it held back is told within a minute."""
    silence = _silences(request).filter(pk=pk).first()
    if silence is None:
        raise Http404("There is no such silence.")
    actor, token = audit.actor_of(request)
    silences.end(silence=silence, actor=actor, now=timezone.now(), token=token)
    return Response(_silence(_silences(request).get(pk=pk)))


def _plan(request: Request) -> Response:
    form = SilenceIn(data=request.data)
    form.is_valid(raise_exception=True)
    actor, token = audit.actor_of(request)
    fields = about(request, dict(form.validated_data))
    everything = fields.pop("everything")
    try:
        silence = silences.plan(fields=fields, everything=everything, actor=actor, now=timezone.now(), token=token)
    except silences.BadSilence as bad:
        raise invalid([{"path": f"$.{name}", "detail": text} for name, text in bad.errors.items()]) from bad
    return Response(_silence(silence), status=201)


def _visible(request: Request, found: QuerySet[Incident]) -> QuerySet[Incident]:
    allowed, services = allowed_scorecards(request), allowed_services(request)
    if allowed is not None:
        found = found.filter(scorecard__slug__in=allowed)
    return found if services is None else found.filter(subject__in=services)


def _incident(request: Request, pk: int) -> Incident:
    incident = _visible(request, duty.shown()).filter(pk=pk).first()
    if incident is None:
        raise Http404("There is no such alert.")
    return incident


def _silences(request: Request) -> QuerySet[Silence]:
    return mine(request, Silence.objects.select_related("scorecard", "kpi__scorecard", "created_by"))


def _alert(row: duty.Row) -> AlertOut:
    one = row.incident
    return {
        "id": one.pk,
        "state": one.state,
        "severity": one.severity,
        "kind": one.kind,
        "title": one.title,
        "kpi": f"{one.kpi.scorecard.slug}/{one.kpi.key}" if one.kpi else None,
        "scorecard": one.scorecard.slug if one.scorecard else None,
        "subject": one.subject,
        "value": one.value,
        "unit": one.kpi.unit if one.kpi else None,
        "origin": one.origin,
        "measured_at": one.measured_at,
        "opened_at": one.opened_at,
        "fires_at": one.fires_at if one.state == State.PENDING else None,
        "fired_at": one.fired_at,
        "acknowledged_at": one.acknowledged_at,
        "acknowledged_by": one.acknowledged_by or None,
        "resolved_at": one.resolved_at,
        "recovery_s": (one.resolved_at - one.fired_at).total_seconds() if one.resolved_at and one.fired_at else None,
        "silenced_until": row.silenced_until,
        "waived_until": row.waived_until,
    }


def _story(incident: Incident) -> AlertStoryOut:
    found = duty.story(incident, now=timezone.now())
    return {
        **_alert(found.row),
        "recovery_30_days": _recovery(found.recovery) if found.recovery else None,
        "transitions": [_transition(step) for step in found.steps],
    }


def _recovery(found: duty.Recovery) -> RecoveryOut:
    return {
        "kpi_mean_s": found.mean.total_seconds() if found.mean else None,
        "kpi_alerts": found.count,
        "mttr_s": found.mttr.total_seconds() if found.mttr else None,
        "outages": found.outages,
    }


def _transition(step: Transition) -> TransitionOut:
    return {
        "number": step.number,
        "state": step.state,
        "at": step.at,
        "subject": step.subject,
        "value": step.value,
        "origin": step.origin,
        "measured_at": step.measured_at,
        "by": step.by,
        "note": step.note,
        "told": step.outbox,
    }


def _silence(one: Silence) -> SilenceOut:
    return {
        "id": one.pk,
        "reason": one.reason,
        "starts_at": one.starts_at,
        "ends_at": one.ends_at,
        "rule": one.rule,
        "zone": one.zone,
        "scorecard": one.scorecard.slug if one.scorecard else None,
        "kpi": f"{one.kpi.scorecard.slug}/{one.kpi.key}" if one.kpi else None,
        "service": one.service,
        "created_by": str(one.created_by),
        "ended_at": one.ended_at,
        "holds_until": one.holds_until(timezone.now()),
    }
