"""The API of registering: look at an address, import and export."""

from __future__ import annotations

import asyncio
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.audit import actor_of
from accounts.permissions import Scope, allowed_scorecards, scopes
from accounts.problems import invalid
from kpis.models import KPI
from probes import manifest, showing
from probes.api import problem, unrestricted, visible
from probes.discovery import discover
from probes.importing import Asked, entries_of, load
from probes.registering import Wrong, check_headers
from probes.running import policy


class ReceiptRowSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    what = serializers.ChoiceField(choices=["create", "change", "keep", "same"])
    lines = serializers.ListField(child=serializers.CharField())


class ReceiptSerializer(serializers.Serializer[Any]):
    services = ReceiptRowSerializer(many=True)


class AddressSerializer(serializers.Serializer[Any]):
    """Where to look; `headers` are sent along and kept nowhere."""

    base_url = serializers.CharField(max_length=200)
    metrics_url = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")
    health_path = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    headers = serializers.DictField(child=serializers.CharField(), required=False, write_only=True)


@extend_schema(
    request=AddressSerializer, responses=OpenApiTypes.OBJECT, summary="Look at an address and propose probes; saves nothing"
)
@scopes(POST=Scope.PROBES_WRITE)
@api_view(["POST"])
def look(request: Request) -> Response:
    unrestricted(request)
    serializer = AddressSerializer(data=request.data)
    serializer.is_valid(raise_exception=True)
    wanted = dict(serializer.validated_data)
    try:
        check_headers(wanted.get("headers", {}))
    except Wrong as wrong:
        raise problem(wrong) from None
    found = asyncio.run(discover(policy=policy(), clock=timezone.now, **wanted))
    only = allowed_scorecards(request)
    kpis = KPI.objects.active().select_related("scorecard")
    kpis = kpis if only is None else kpis.filter(scorecard__slug__in=only)
    return Response(showing.as_data(found, list(kpis)))


@extend_schema(
    request=OpenApiTypes.OBJECT, responses={200: ReceiptSerializer}, summary="Import services with their probes: all, or nothing",
    parameters=[
        OpenApiParameter("dry_run", bool, description="Say what would be done, write nothing"),
        OpenApiParameter("overwrite", bool, description="Change services that differ; otherwise they are kept and named"),
    ],
)  # fmt: skip
@scopes(POST=Scope.PROBES_WRITE)
@api_view(["POST"])
def import_(request: Request) -> Response:
    unrestricted(request)
    actor, token = actor_of(request)
    asked = Asked(actor, timezone.now(), _is_on(request, "overwrite"), allowed_scorecards(request), token)
    try:
        receipt = load(manifest.parse(request.data).services, asked=asked, dry_run=_is_on(request, "dry_run"))
    except manifest.Malformed as error:
        raise invalid([{"path": error.path, "detail": str(error)}]) from None
    if receipt.errors:
        raise invalid([{"path": path, "detail": text} for path, text in receipt.errors])
    return Response(ReceiptSerializer({"services": receipt.rows}).data)


@extend_schema(responses=OpenApiTypes.OBJECT, summary="Every service with its probes, as an import takes them; never secrets")
@scopes(GET=Scope.READ)
@api_view(["GET"])
def export(request: Request) -> Response:
    return Response(manifest.as_data(entries_of(visible(request))))


def _is_on(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() in ("1", "true", "yes", "on")
