"""Costs, benefits and what follows from them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.concurrency import asked_version, fresh
from accounts.permissions import Scope, scopes
from roadmap import editing, roi
from roadmap.api import serializers as shapes
from roadmap.api.rows import Resource, create, detail, paged, roadmap_or_404, written
from roadmap.judging import standings_of
from roadmap.models import Benefit, Cost
from roadmap.reports.money import BenefitRow, LinkRow, money

COST = Resource(Cost, shapes.CostSerializer, "roadmap", ("roadmap",), ("entries__by",))
BENEFIT = Resource(Benefit, shapes.BenefitSerializer, "roadmap", ("roadmap",), ("links__kpi",))


@extend_schema(request=shapes.CostSerializer, responses=shapes.CostSerializer(many=True))
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


@extend_schema(request=shapes.EntrySerializer, responses=shapes.EntrySerializer)
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


@extend_schema(request=shapes.BenefitSerializer, responses=shapes.BenefitSerializer(many=True))
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


@extend_schema(responses=dict)
@scopes(GET=Scope.READ)
@api_view(["GET"])
def roi_detail(request: Request, slug: str) -> Response:
    """Planned and realised, with the inputs of every formula. Money is a decimal string in the roadmap's currency."""
    roadmap, now = roadmap_or_404(request, slug), timezone.now()
    report = money(roadmap, standings_of(roadmap, now), now=now)
    return Response(
        {
            "currency": roadmap.currency,
            "inputs": _fields(report.plan),
            "planned": _planned(report.summary),
            "cash_flow": [
                {"month": row.month, "flow": _decimal("", row.flow), "cumulative": _decimal("", row.cumulative)}
                for row in report.flows
            ],
            "realised": {
                "to_date": _realised(report.to_date),
                "booked": _decimal("", report.booked),
                "net_to_date": _decimal("", report.to_date.realised - report.booked),
                "per_month_now": _realised(report.rate),
                "months": [
                    {"month": row.first, "booked": _decimal("", row.booked), **_realised(row.realised)} for row in report.months
                ],
                "benefits": [_benefit(row) for row in report.benefits],
            },
            "stated": [_fields(row) for row in report.stated],
            "formulas": FORMULAS,
        }
    )


CENT, TEN_PLACES = Decimal("0.01"), Decimal("1e-10")
RATIOS = frozenset(
    {
        "roi", "return_ratio", "annual_rate", "monthly_rate", "irr_monthly", "irr_annual", "payback_interpolated_months",
        "realisation", "weight",
    }
)  # fmt: skip
FORMULAS = {
    "investment": "one-off costs + 12 × monthly costs",
    "return": "12 × monthly benefits",
    "roi": "(return − investment) ÷ investment",
    "return_ratio": "return ÷ investment",
    "npv": "Σ CFₜ ÷ (1 + r)ᵗ with r = (1 + annual)^(1/12) − 1",
    "irr": "the only r > −1 with Σ CFₜ ÷ (1 + r)ᵗ = 0",
    "payback_month": "first month in which the cumulative net cash flow is not negative",
    "realised": "planned × Σ weight × attainment, each held to 0…1; unknown is never counted as realised",
}


def _planned(summary: roi.Summary) -> dict[str, Any]:
    shown = _fields(summary)
    del shown["flows"], shown["cumulative"]
    shown["return"] = shown.pop("returned")
    return shown


def _benefit(row: BenefitRow) -> dict[str, Any]:
    return {
        "key": row.benefit.key,
        "name": row.benefit.name,
        "monthly_amount": str(row.benefit.monthly_amount),
        "kpis": [
            {"kpi": link.kpi.key, "weight": _decimal("weight", link.weight), "attainment": link.way, "status": link.status}
            for link in row.links
        ],
        **_realised(row.rate),
    }


def _link(link: LinkRow) -> dict[str, Any]:
    weight = _decimal("weight", link.weight)
    return {"kpi": link.kpi.key, "weight": weight, "attainment": link.way, "status": link.status}


def _realised(part: roi.Realised) -> dict[str, Any]:
    return {**_fields(part), "realisation": _decimal("realisation", part.realisation)}


def _fields(record: Any) -> dict[str, Any]:
    """A frozen record as JSON, decimals as strings."""
    return {name: _decimal(name, getattr(record, name)) for name in record.__dataclass_fields__}


def _decimal(name: str, value: Any) -> Any:
    """Money to the cent, ratios and rates to ten places, both as text."""
    if not isinstance(value, Decimal):
        return value
    return f"{value.quantize(TEN_PLACES if name in RATIOS else CENT) + 0:f}"
