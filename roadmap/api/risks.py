"""The risk register."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, TypedDict

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.answers import Page, beside, whole
from accounts.concurrency import asked_version, etag, fresh
from accounts.permissions import Scope, scopes
from roadmap import editing, risk
from roadmap.api import serializers as shapes
from roadmap.api.rows import Resource, create, detail, roadmap_or_404, written
from roadmap.judging import standings_of
from roadmap.models import Mitigation, Risk
from roadmap.reports.risks import RiskRow, risks

RISK = Resource(Risk, shapes.RiskSerializer, "roadmap", ("roadmap", "owner"), ("mitigations__owner", "triggers__kpi"))
MITIGATION = Resource(Mitigation, shapes.MitigationSerializer, "risk__roadmap", ("risk__roadmap", "owner"))


class PlacementOut(TypedDict):
    """A cell of the 5 × 5 matrix."""

    likelihood: int
    impact: int
    score: Annotated[int, "Likelihood × impact."]
    level: risk.Level


class TriggerOut(TypedDict):
    kpi: Annotated[str, "Its key."]
    since: datetime | None
    waived: bool
    measured: Annotated[str, "The figure that triggered it, with its unit."]
    measured_at: datetime | None
    origin: Annotated[str, "What measured it: `run:<id>` …"]


@beside(shapes.RiskSerializer)
class RiskStandingOut(TypedDict):
    """A risk as it stands now."""

    etag: str
    status_now: Annotated[str, "`triggered` while a KPI that it listens to is breached; otherwise its `status`."]
    level: Annotated[risk.Level | None, "Of `current`."]
    inherent: Annotated[PlacementOut | None, "Null where likelihood or impact is not stated."]
    residual: PlacementOut | None
    current: Annotated[PlacementOut | None, "Residual, or inherent while no residual is stated; at likelihood 5 while triggered."]
    triggered_since: datetime | None
    triggered_by: list[TriggerOut]
    review_overdue: bool
    agrees_with_stated: Annotated[bool | None, "Null where no level is stated."]


@extend_schema(methods=["GET"], responses=Page[RiskStandingOut])
@extend_schema(methods=["POST"], request=shapes.RiskSerializer, responses={201: shapes.RiskSerializer})
@scopes(GET=Scope.READ, POST=Scope.PLAN_WRITE)
@api_view(["GET", "POST"])
def risk_list(request: Request, slug: str) -> Response:
    """Every risk as it stands, triggered ones first."""
    roadmap = roadmap_or_404(request, slug)
    if request.method == "POST":
        return create(request, RISK, roadmap)
    now = timezone.now()
    report = risks(roadmap, standings_of(roadmap, now), now=now)
    return Response(whole([{**RISK.data(row.risk), **_judged(row)} for row in report.rows]))


@extend_schema(request=shapes.RiskSerializer, responses=shapes.RiskSerializer)
@scopes(GET=Scope.READ, PATCH=Scope.PLAN_WRITE, DELETE=Scope.PLAN_WRITE)
@api_view(["GET", "PATCH", "DELETE"])
def risk_detail(request: Request, pk: int) -> Response:
    return detail(request, RISK, pk)


@extend_schema(request=serializers.ListSerializer(child=serializers.SlugField()), responses=shapes.RiskSerializer)
@scopes(PUT=Scope.PLAN_WRITE)
@api_view(["PUT"])
def risk_triggers(request: Request, pk: int) -> Response:
    """The KPIs that trigger it while they are breached: `["database-connections"]` replaces what was said before."""
    row = RISK.one(request, pk=pk)
    form: serializers.ListSerializer[Any] = serializers.ListSerializer(child=serializers.SlugField(), data=request.data)
    form.is_valid(raise_exception=True)
    found = shapes.kpis_by_key(row.roadmap.scorecard_id, form.validated_data)
    actor, token = audit.actor_of(request)
    version = asked_version(request, row)
    done = written(
        lambda: editing.listen_to(risk=row, kpis=list(found.values()), actor=actor, version=version, token=token), RISK, request
    )
    if isinstance(done, Response):
        return done
    row = RISK.one(request, pk=pk)
    return fresh(request, row, RISK.data(row))


@extend_schema(request=shapes.MitigationSerializer, responses={201: shapes.MitigationSerializer})
@scopes(POST=Scope.PLAN_WRITE)
@api_view(["POST"])
def mitigation_list(request: Request, pk: int) -> Response:
    return create(request, MITIGATION, RISK.one(request, pk=pk))


@extend_schema(request=shapes.MitigationSerializer, responses=shapes.MitigationSerializer)
@scopes(GET=Scope.READ, PATCH=Scope.PLAN_WRITE, DELETE=Scope.PLAN_WRITE)
@api_view(["GET", "PATCH", "DELETE"])
def mitigation_detail(request: Request, pk: int) -> Response:
    return detail(request, MITIGATION, pk)


def _judged(row: RiskRow) -> RiskStandingOut:
    judged = row.judged
    return {
        "etag": etag(row.risk),
        "status_now": judged.status,
        "level": judged.level,
        "inherent": _placement(judged.inherent),
        "residual": _placement(judged.residual),
        "current": _placement(judged.current),
        "triggered_since": judged.triggered_since,
        "triggered_by": [
            {
                "kpi": hit.kpi,
                "since": hit.breached_since,
                "waived": hit.waived,
                "measured": hit.measured,
                "measured_at": hit.measured_at,
                "origin": hit.origin,
            }
            for hit in judged.triggered_by
        ],
        "review_overdue": judged.review_overdue,
        "agrees_with_stated": judged.agrees_with_stated,
    }


def _placement(place: risk.Placement | None) -> PlacementOut | None:
    if place is None:
        return None
    return {"likelihood": place.likelihood, "impact": place.impact, "score": place.score, "level": place.level}
