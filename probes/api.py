"""The API of services, probes and runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import Q
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.answers import Page
from accounts.audit import actor_of
from accounts.concurrency import asked_version, etag, stale
from accounts.models import User
from accounts.pagination import CursorPagination
from accounts.permissions import Scope, allowed_scorecards, scopes
from accounts.problems import Problem, invalid
from accounts.serializers import Strict, StrictSerializer
from accounts.versions import StaleEdit
from kpis.models import KPI
from probes.kinds import kinds
from probes.loading import run_now
from probes.models import OUTCOMES, Probe, Proof, Run, Service
from probes.reach import changeable, feeds_seen, seen, unrestricted, visible
from probes.registering import Wrong, feeds_of, save_probe, save_service
from probes.running import CannotRun

Row = TypeVar("Row", Service, Probe)


class ServiceSerializer(StrictSerializer):
    """`headers`, `database_dsn` and `redis_url` are secrets: taken, never given."""

    headers: Any = serializers.DictField(child=serializers.CharField(), write_only=True, required=False)
    database_dsn: Any = serializers.CharField(write_only=True, required=False, allow_blank=True, max_length=1000)
    redis_url: Any = serializers.CharField(write_only=True, required=False, allow_blank=True, max_length=1000)
    owner: Any = serializers.SlugRelatedField(slug_field="username", queryset=User.objects.all(), required=False, allow_null=True)
    tags: Any = serializers.ListField(child=serializers.CharField(max_length=60), required=False)
    base_url: Any = serializers.CharField(max_length=200)
    confirmed_how: Any = serializers.ChoiceField(Proof.choices, allow_blank=True, read_only=True)

    class Meta:
        model = Service
        fields = [
            "slug", "name", "base_url", "environment", "owner", "tags", "metrics_url", "health_path", "headers", "database_dsn",
            "redis_url", "paused_at", "confirmed_at", "confirmed_how", "created_at", "version",
        ]  # fmt: skip
        read_only_fields = ["paused_at", "confirmed_at", "confirmed_how", "created_at", "version"]


class FeedSerializer(Strict):
    metric = serializers.CharField()
    kpi = serializers.CharField(help_text="scorecard/key")


class ProbeSerializer(Strict):
    id = serializers.IntegerField(read_only=True)
    service = serializers.CharField(source="service.slug", read_only=True)
    kind = serializers.ChoiceField(choices=[(name, name) for name in kinds()])
    interval_s = serializers.IntegerField(min_value=5, max_value=86400, required=False)
    params = serializers.DictField(required=False)
    enabled = serializers.BooleanField(required=False)
    feeds = FeedSerializer(many=True, required=False)
    next_run_at = serializers.DateTimeField(read_only=True)


class RunSerializer(serializers.ModelSerializer[Run]):
    """What reached a KPI of a scorecard that the caller may not see is left out."""

    url: Any = serializers.SerializerMethodField()
    recorded: Any = serializers.SerializerMethodField()
    service: Any = serializers.CharField(source="probe.service.slug", read_only=True)
    kind: Any = serializers.CharField(source="probe.kind", read_only=True)
    outcome: Any = serializers.ChoiceField(OUTCOMES, allow_blank=True, read_only=True, help_text="Empty until it is over.")

    class Meta:
        model = Run
        fields = [
            "id", "url", "service", "kind", "probe", "state", "outcome", "reason", "error", "due_at", "started_at", "finished_at",
            "queue_delay_ms", "readings", "recorded", "details",
        ]  # fmt: skip
        read_only_fields = fields

    def get_url(self, run: Run) -> str:
        return reverse("probes-api:run-detail", args=[run.pk])

    def get_recorded(self, run: Run) -> list[dict[str, Any]]:
        return seen(self.context["request"], run.recorded)


@extend_schema(methods=["GET"], responses=Page[ServiceSerializer], summary="Registered services")
@extend_schema(methods=["POST"], request=ServiceSerializer, responses={201: ServiceSerializer}, summary="Register a service")
@scopes(per_service=True, GET=Scope.READ, POST=Scope.PROBES_WRITE)
@api_view(["GET", "POST"])
def services(request: Request) -> Response:
    if request.method == "POST":
        unrestricted(request)
        return _answer(request, Service(), _saved, 201)
    pages = CursorPagination()
    rows = pages.paginate_queryset(visible(request).select_related("owner"), request)
    return pages.get_paginated_response(ServiceSerializer(rows, many=True).data)


@extend_schema(methods=["GET"], responses=ServiceSerializer, summary="One service")
@extend_schema(
    methods=["PATCH"], request=ServiceSerializer(partial=True), responses=ServiceSerializer, summary="Change a service"
)
@scopes(per_service=True, GET=Scope.READ, PATCH=Scope.PROBES_WRITE)
@api_view(["GET", "PATCH"])
def service(request: Request, slug: str) -> Response:
    one = get_object_or_404(visible(request), slug=slug)
    if request.method == "PATCH":
        changeable(request, Q(pk=one.pk))
    return _answer(request, one, _saved) if request.method == "PATCH" else _tagged(one, ServiceSerializer(one).data)


def _tagged(one: Service | Probe, data: Any, status: int = 200) -> Response:
    """An ETag names the version to change from; what else changes a row, such as a run or a pause, makes no new one."""
    return Response(data, status=status, headers={"ETag": etag(one)})


def _answer(request: Request, one: Row, verb: Callable[[Request, Row], Any], status: int = 200) -> Response:
    """What was saved; or 412 with what stands, where `If-Match` names another version."""
    try:
        data = verb(request, one)
    except StaleEdit as error:
        current = error.current
        told = _probe(request, current) if isinstance(current, Probe) else current and ServiceSerializer(current).data
        return stale(current, told)
    return _tagged(one, data, status)


def _saved(request: Request, one: Service) -> Any:
    serializer = ServiceSerializer(instance=one if one.pk else None, data=request.data, partial=bool(one.pk))
    serializer.is_valid(raise_exception=True)
    if one.pk and serializer.validated_data.get("slug", one.slug) != one.slug:
        raise invalid([{"path": "$.slug", "detail": "A slug names measurements and cannot change."}])
    for name, value in serializer.validated_data.items():
        setattr(one, name, value)
    actor, token = actor_of(request)
    try:
        save_service(service=one, actor=actor, token=token, version=asked_version(request, one))
    except Wrong as wrong:
        raise problem(wrong) from None
    return ServiceSerializer(one).data


@extend_schema(methods=["GET"], responses=Page[ProbeSerializer], summary="The probes of a service")
@extend_schema(methods=["POST"], request=ProbeSerializer, responses={201: ProbeSerializer}, summary="Add a probe")
@scopes(per_service=True, GET=Scope.READ, POST=Scope.PROBES_WRITE)
@api_view(["GET", "POST"])
def probes(request: Request, slug: str) -> Response:
    one = get_object_or_404(visible(request), slug=slug)
    if request.method == "POST":
        changeable(request, Q(pk=one.pk))
        return _answer(request, Probe(service=one), _saved_probe, 201)
    pages = CursorPagination()
    rows = pages.paginate_queryset(one.probes.prefetch_related("feeds__kpi__scorecard"), request)
    return pages.get_paginated_response([_probe(request, row) for row in rows or []])


@extend_schema(methods=["GET"], responses=ProbeSerializer, summary="One probe")
@extend_schema(methods=["PATCH"], request=ProbeSerializer(partial=True), responses=ProbeSerializer, summary="Change a probe")
@scopes(per_service=True, GET=Scope.READ, PATCH=Scope.PROBES_WRITE)
@api_view(["GET", "PATCH"])
def probe(request: Request, pk: int) -> Response:
    one = get_object_or_404(Probe.objects.select_related("service").filter(service__in=visible(request)), pk=pk)
    if request.method == "PATCH":
        changeable(request, Q(pk=one.service_id))
    return _answer(request, one, _saved_probe) if request.method == "PATCH" else _tagged(one, _probe(request, one))


def _saved_probe(request: Request, one: Probe) -> dict[str, Any]:
    serializer = ProbeSerializer(data=request.data, partial=bool(one.pk))
    serializer.is_valid(raise_exception=True)
    data = serializer.validated_data
    if not one.pk:
        one.kind = data["kind"]
        one.interval_s = kinds()[one.kind].DEFAULT_INTERVAL_S
    for name in ("interval_s", "params", "enabled"):
        if name in data:
            setattr(one, name, data[name])
    feeds = [(feed.metric, feed.kpi) for feed in one.feeds.select_related("kpi")] if one.pk else []
    if "feeds" in data:
        feeds = _feeds(data["feeds"], allowed_scorecards(request))
    actor, token = actor_of(request)
    try:
        save_probe(probe=one, feeds=feeds, actor=actor, token=token, now=timezone.now(), version=asked_version(request, one))
    except Wrong as wrong:
        raise problem(wrong) from None
    return _probe(request, one)


def _feeds(rows: list[dict[str, str]], only: frozenset[str] | None) -> list[tuple[str, KPI]]:
    try:
        return feeds_of(rows, only=only)
    except Wrong as wrong:
        raise problem(wrong) from None


def _probe(request: Request, one: Probe) -> dict[str, Any]:
    return {
        "id": one.pk, "service": one.service.slug, "kind": one.kind, "interval_s": one.interval_s, "params": one.params,
        "enabled": one.enabled, "feeds": feeds_seen(request, one), "next_run_at": one.next_run_at,
    }  # fmt: skip


def problem(wrong: Wrong) -> Problem:
    return invalid([{"path": f"$.{field}", "detail": text} for field, text in wrong.errors.items()])


@extend_schema(request=None, responses={202: RunSerializer}, summary="Run now")
@scopes(per_service=True, POST=Scope.PROBES_WRITE)
@api_view(["POST"])
def probe_run(request: Request, pk: int) -> Response:
    one = get_object_or_404(Probe.objects.select_related("service").filter(service__in=visible(request)), pk=pk)
    changeable(request, Q(pk=one.service_id))
    try:
        run_ = run_now(probe=one, actor=actor_of(request)[0], now=timezone.now())
    except CannotRun as why:
        raise Problem(409, "cannot-run", "Cannot run", str(why)) from None
    data = RunSerializer(run_, context={"request": request}).data
    return Response(data, status=202, headers={"Location": data["url"]})


@extend_schema(
    responses=Page[RunSerializer], summary="Runs, newest first",
    parameters=[OpenApiParameter("service", str, description="Only of this service")],
)  # fmt: skip
@scopes(GET=Scope.READ)
@api_view(["GET"])
def runs(request: Request) -> Response:
    found = Run.objects.filter(probe__service__in=visible(request)).select_related("probe__service")
    if slug := request.query_params.get("service"):
        found = found.filter(probe__service__slug=slug)
    pages = CursorPagination()
    rows = pages.paginate_queryset(found, request)
    return pages.get_paginated_response(RunSerializer(rows, many=True, context={"request": request}).data)


@extend_schema(responses=RunSerializer, summary="One run: its state, and its readings at the end")
@scopes(GET=Scope.READ)
@api_view(["GET"])
def run(request: Request, pk: int) -> Response:
    found = Run.objects.filter(probe__service__in=visible(request)).select_related("probe__service")
    return Response(RunSerializer(get_object_or_404(found, pk=pk), context={"request": request}).data)
