"""Baselines from measurements: looked at, and proposed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.permissions import Scope, scopes
from accounts.problems import Problem, invalid
from kpis import baselines
from kpis.api import inputs, shapes
from kpis.api.lookup import kpi_or_404
from kpis.faults import BadTarget, Refused
from kpis.models import KPI

FIELDS = {"baseline_since": "since", "baseline_until": "until"}


@extend_schema(
    methods=["GET"],
    parameters=[OpenApiParameter(name, OpenApiTypes.DATETIME, required=True) for name in FIELDS.values()],
    responses=baselines.Measured,
)
@extend_schema(methods=["POST"], request=inputs.MeasuredIn, responses={201: shapes.TargetOut})
@scopes(GET=Scope.READ, POST=Scope.TARGETS_PROPOSE)
@api_view(["GET", "POST"])
def baseline(request: Request, scorecard: str, key: str) -> Response:
    """The KPI's own figure over a window, with the runs and samples behind it; POST proposes a version with it."""
    kpi = kpi_or_404(request, scorecard, key)
    try:
        return _propose(request, kpi) if request.method == "POST" else _measure(request, kpi)
    except BadTarget as error:
        raise invalid([{"path": f"$.{FIELDS.get(name, name)}", "detail": text} for name, text in error.errors.items()]) from error
    except Refused as error:
        raise Problem(409, "refused", "Refused", str(error)) from error


def _measure(request: Request, kpi: KPI) -> Response:
    form = inputs.WindowIn(data=request.query_params)
    form.is_valid(raise_exception=True)
    return Response(asdict(baselines.measure(kpi=kpi, now=timezone.now(), **form.validated_data)))


def _propose(request: Request, kpi: KPI) -> Response:
    form = inputs.MeasuredIn(data=request.data)
    form.is_valid(raise_exception=True)
    fields: dict[str, Any] = form.validated_data
    actor, token = audit.actor_of(request)
    version = baselines.propose(kpi=kpi, actor=actor, token=token, now=timezone.now(), **fields)
    return Response(shapes.target(version), status=201)
