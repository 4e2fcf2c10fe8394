"""The API of registering: look at an address, import and export."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from django.db.models import Q
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view, parser_classes
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.audit import actor_of
from accounts.parsing import JSONParser, YamlParser, switches
from accounts.permissions import Scope, allowed_scorecards, allowed_services, scopes
from accounts.problems import Problem, invalid
from accounts.serializers import Strict
from kpis.models import KPI
from probes import manifest, showing
from probes.api import ServiceSerializer, problem
from probes.confirming import FILE, HEADER, find, refuse, settle, token_of
from probes.discovery import discover
from probes.fleet import ACTIONS, TooMany
from probes.importing import Asked, entries_of, load
from probes.models import Service
from probes.reach import changeable, unrestricted, visible
from probes.registering import Wrong, check_headers, check_places
from probes.running import policy


class ReceiptRowSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    what = serializers.ChoiceField(choices=["create", "change", "keep", "same"])
    probes = serializers.IntegerField(help_text="New probes")
    feeds = serializers.IntegerField(help_text="Feeds of the new probes")
    lines = serializers.ListField(child=serializers.CharField())


class ReceiptSerializer(serializers.Serializer[Any]):
    services = ReceiptRowSerializer(many=True)


class AddressSerializer(Strict):
    """Where to look; `headers` are sent along and kept nowhere."""

    base_url = serializers.CharField(max_length=200)
    metrics_url = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")
    health_path = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    headers = serializers.DictField(child=serializers.CharField(), required=False, write_only=True)


@extend_schema(
    request=AddressSerializer, responses=showing.FoundOut, summary="Look at an address and propose probes; saves nothing"
)
@scopes(per_service=True, POST=Scope.PROBES_WRITE)
@api_view(["POST"])
def look(request: Request) -> Response:
    unrestricted(request)
    serializer = AddressSerializer(data=request.data)
    serializer.is_valid(raise_exception=True)
    wanted = dict(serializer.validated_data)
    try:
        check_headers(wanted.get("headers", {}))
        check_places(wanted)
    except Wrong as wrong:
        raise problem(wrong) from None
    found = asyncio.run(discover(policy=policy(), clock=timezone.now, **wanted))
    if found.refused and "@" not in found.base_url:  # what stands before an @ may be a password: not into the trail
        actor, token = actor_of(request)
        refuse(service=Service(name=found.base_url), what="registration", why=found.refused, actor=actor, token=token)
    only = allowed_scorecards(request)
    kpis = KPI.objects.active().select_related("scorecard")
    kpis = kpis if only is None else kpis.filter(scorecard__slug__in=only)
    return Response(showing.as_data(found, list(kpis)))


@extend_schema(
    request=manifest.Manifest, responses={200: ReceiptSerializer}, summary="Import services with their probes: all, or nothing",
    parameters=[
        OpenApiParameter("dry_run", bool, description="Say what would be done, write nothing"),
        OpenApiParameter("overwrite", bool, description="Change services that differ; otherwise they are kept and named"),
    ],
)  # fmt: skip
@scopes(per_service=True, POST=Scope.PROBES_WRITE)
@api_view(["POST"])
@parser_classes([JSONParser, YamlParser])
def import_(request: Request) -> Response:
    unrestricted(request)
    actor, token = actor_of(request)
    options = switches(request.query_params, "dry_run", "overwrite")
    asked = Asked(actor, timezone.now(), options["overwrite"], allowed_scorecards(request), token)
    try:
        entries = manifest.parse(request.data).services
    except manifest.Malformed as error:
        raise _invalid(error.errors) from None
    changeable(request, Q(slug__in=[entry.slug for entry in entries]))
    receipt = load(entries, asked=asked, dry_run=options["dry_run"])
    if receipt.errors:
        raise _invalid(receipt.errors)
    return Response(ReceiptSerializer({"services": receipt.rows}).data)


@extend_schema(responses=manifest.Manifest, summary="Every service with its probes, as an import takes them; never secrets")
@scopes(GET=Scope.READ)
@api_view(["GET"])
def export(request: Request) -> Response:
    return Response(manifest.as_data(entries_of(visible(request), scorecards=allowed_scorecards(request))))


def _invalid(errors: Iterable[tuple[str, str]]) -> Problem:
    return invalid([{"path": path, "detail": text} for path, text in errors])


class ActionSerializer(Strict):
    action = serializers.ChoiceField(choices=list(ACTIONS))
    services = serializers.ListField(child=serializers.CharField(max_length=80), min_length=1, max_length=5000)
    why = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class DoneSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="Services that were changed, or runs that were asked for")
    left = serializers.ListField(child=serializers.CharField(), help_text="What was left as it is, and why")


@extend_schema(request=ActionSerializer, responses=DoneSerializer, summary="Pause, resume, run, archive or restore services")
@scopes(per_service=True, POST=Scope.PROBES_WRITE)
@api_view(["POST"])
def act(request: Request) -> Response:
    serializer = ActionSerializer(data=request.data)
    serializer.is_valid(raise_exception=True)
    wanted = serializer.validated_data
    found = Service.objects.filter(slug__in=wanted["services"])
    only = allowed_services(request)
    known = set(found.values_list("slug", flat=True)) if only is None else set(wanted["services"]) & only
    unknown = [place for place, slug in enumerate(wanted["services"]) if slug not in known]
    if unknown:
        raise invalid([{"path": f"$.services[{place}]", "detail": "There is no such service."} for place in unknown])
    changeable(request, Q(slug__in=known))
    actor, token = actor_of(request)
    try:
        done = ACTIONS[wanted["action"]](slugs=sorted(known), actor=actor, now=timezone.now(), why=wanted["why"], token=token)
    except TooMany as error:
        raise Problem(409, "too-many", "Too many at once", str(error)) from None
    return Response(DoneSerializer(done).data)


@extend_schema(request=None, responses=ServiceSerializer, summary="Look for the token that confirms a service for load runs")
@scopes(per_service=True, POST=Scope.PROBES_WRITE)
@api_view(["POST"])
def confirm(request: Request, slug: str) -> Response:
    """200 where the token was found; 409 says where it must stand, and what was found there."""
    one = get_object_or_404(visible(request), slug=slug)
    changeable(request, Q(pk=one.pk))
    actor, token = actor_of(request)
    found = asyncio.run(find(one, policy=policy(), clock=timezone.now))
    if not settle(service=one, found=found, actor=actor, now=timezone.now(), token=token):
        raise Problem(
            409, "not-confirmed", "Not confirmed", found.said, token=token_of(one), file=FILE, header=HEADER
        )  # fmt: skip
    return Response(ServiceSerializer(one).data)
