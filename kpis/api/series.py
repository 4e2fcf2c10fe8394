"""The series of a KPI, and which of them count."""

from __future__ import annotations

from functools import partial
from typing import Any, TypedDict

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.answers import Page, whole
from accounts.permissions import Scope, allowed_services, scopes
from kpis import streams
from kpis.api.deciding import decision
from kpis.api.definitions import WhyIn
from kpis.api.lookup import every_kpi, kpi_or_404, visible_kpis
from kpis.models import Series


class ReasonIn(serializers.Serializer[Any]):
    why = serializers.CharField(max_length=1000)


class SeriesOut(TypedDict):
    id: int
    subject: str
    environment: str
    counts: bool


@extend_schema(responses=Page[SeriesOut])
@scopes(GET=Scope.READ)
@api_view(["GET"])
def series_list(request: Request, scorecard: str, key: str) -> Response:
    """Every series, those that are set aside too."""
    return Response(whole([shown(row) for row in streams.streams(kpi_or_404(request, scorecard, key, every_kpi))]))


def shown(row: Series) -> SeriesOut:
    return {"id": row.pk, "subject": row.subject, "environment": row.environment, "counts": row.enabled}


def _series(request: Request, pk: int) -> Series:
    found, services = Series.objects.filter(kpi__in=visible_kpis(request), pk=pk), allowed_services(request)
    row = (found if services is None else found.filter(subject__in=services)).first()
    if row is None:
        raise Http404("There is no such series.")
    return row


_decision = partial(decision, noun="series", scope=Scope.PLAN_WRITE, per_service=True, find=_series, show=shown)
series_set_aside = _decision(streams.set_aside, takes=ReasonIn)
series_take_back = _decision(streams.take_back, takes=WhyIn)
