"""Costs, benefits and what follows from them."""

from __future__ import annotations

from decimal import Decimal

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.answers import Page
from accounts.concurrency import asked_version, fresh
from accounts.permissions import Scope, scopes
from roadmap import editing
from roadmap.api import returns
from roadmap.api import serializers as shapes
from roadmap.api.rows import Resource, create, detail, paged, roadmap_or_404, written
from roadmap.judging import standings_of
from roadmap.models import Benefit, Cost
from roadmap.reports.money import money

COST = Resource(Cost, shapes.CostSerializer, "roadmap", ("roadmap",), ("entries__by",))
BENEFIT = Resource(Benefit, shapes.BenefitSerializer, "roadmap", ("roadmap",), ("links__kpi",))


@extend_schema(methods=["GET"], responses=Page[shapes.CostSerializer])
@extend_schema(methods=["POST"], request=shapes.CostSerializer, responses={201: shapes.CostSerializer})
@scopes(GET=Scope.READ, POST=Scope.PLAN_WRITE)
@api_view(["GET", "POST"])
def cost_list(request: Request, slug: str) -> Response:
    roadmap = roadmap_or_404(request, slug)
    if request.method == "POST":
        return create(request, COST, roadmap)
    return paged(request, COST.rows(request).filter(roadmap=roadmap), COST.serializer, ("position", "pk"))


@extend_schema(request=shapes.CostSerializer, responses=shapes.CostSerializer)
@scopes(GET=Scope.READ, PATCH=Scope.PLAN_WRITE, DELETE=Scope.PLAN_WRITE)
@api_view(["GET", "PATCH", "DELETE"])
def cost_detail(request: Request, pk: int) -> Response:
    return detail(request, COST, pk)


@extend_schema(request=shapes.EntrySerializer, responses={201: shapes.EntrySerializer})
@scopes(POST=Scope.PLAN_WRITE)
@api_view(["POST"])
def cost_book(request: Request, pk: int) -> Response:
    """Book money spent; a negative amount corrects an earlier entry."""
    cost = COST.one(request, pk=pk)
    form = shapes.EntrySerializer(data=request.data)
    form.is_valid(raise_exception=True)
    actor, token = audit.actor_of(request)
    entry = written(lambda: editing.book(cost=cost, actor=actor, token=token, **form.validated_data), COST, request)
    return Response(shapes.EntrySerializer(entry).data, status=status.HTTP_201_CREATED)


@extend_schema(methods=["GET"], responses=Page[shapes.BenefitSerializer])
@extend_schema(methods=["POST"], request=shapes.BenefitSerializer, responses={201: shapes.BenefitSerializer})
@scopes(GET=Scope.READ, POST=Scope.PLAN_WRITE)
@api_view(["GET", "POST"])
def benefit_list(request: Request, slug: str) -> Response:
    roadmap = roadmap_or_404(request, slug)
    if request.method == "POST":
        return create(request, BENEFIT, roadmap)
    return paged(request, BENEFIT.rows(request).filter(roadmap=roadmap), BENEFIT.serializer, ("position", "pk"))


@extend_schema(request=shapes.BenefitSerializer, responses=shapes.BenefitSerializer)
@scopes(GET=Scope.READ, PATCH=Scope.PLAN_WRITE, DELETE=Scope.PLAN_WRITE)
@api_view(["GET", "PATCH", "DELETE"])
def benefit_detail(request: Request, pk: int) -> Response:
    return detail(request, BENEFIT, pk)


@extend_schema(request=shapes.WeightSerializer(many=True), responses=shapes.BenefitSerializer)
@scopes(PUT=Scope.PLAN_WRITE)
@api_view(["PUT"])
def benefit_kpis(request: Request, pk: int) -> Response:
    """The KPIs that bring it about: `[{"kpi": "uptime", "weight": "2"}]` replaces what was said before."""
    row = BENEFIT.one(request, pk=pk)
    form = shapes.WeightSerializer(data=request.data, many=True)
    form.is_valid(raise_exception=True)
    weights: dict[str, Decimal] = {link["kpi"]: Decimal(link["weight"]) for link in form.validated_data}
    if len(weights) != len(form.validated_data):
        raise serializers.ValidationError({"kpis": "A KPI is named twice."})
    found = shapes.kpis_by_key(row.roadmap.scorecard_id, list(weights))
    actor, token = audit.actor_of(request)
    version = asked_version(request, row)
    linked = {found[key]: weight for key, weight in weights.items()}
    done = written(
        lambda: editing.rest_on(benefit=row, weights=linked, actor=actor, version=version, token=token), BENEFIT, request
    )
    if isinstance(done, Response):
        return done
    row = BENEFIT.one(request, pk=pk)
    return fresh(request, row, BENEFIT.data(row))


@extend_schema(responses=returns.ReturnsOut)
@scopes(GET=Scope.READ)
@api_view(["GET"])
def roi_detail(request: Request, slug: str) -> Response:
    """Planned and realised, with the inputs of every formula. Money is a decimal string in the roadmap's currency."""
    roadmap, now = roadmap_or_404(request, slug), timezone.now()
    return Response(returns.returns(money(roadmap, standings_of(roadmap, now), now=now)))
