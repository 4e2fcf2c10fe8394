"""`roadmaps/` and the rows below them."""

from __future__ import annotations

from typing import Any

from django.db.models import F, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.answers import Page, whole
from accounts.concurrency import asked_version, etag, fresh
from accounts.permissions import Scope, may, scopes
from accounts.problems import Problem
from roadmap import editing
from roadmap.api import serializers as shapes
from roadmap.api import standings
from roadmap.api.rows import Resource, create, detail, paged, roadmap_or_404, visible_roadmaps, written
from roadmap.judging import standings_of
from roadmap.models import Impact, LoadProfile, Phase, Roadmap, RoadmapState, Task
from roadmap.reports.phases import plan

ROADMAP = Resource(Roadmap, shapes.RoadmapSerializer, "pk", ("scorecard", "state_changed_by"))
PHASE = Resource(Phase, shapes.PhaseSerializer, "roadmap", ("roadmap",))
TASK = Resource(Task, shapes.TaskSerializer, "phase__roadmap", ("phase__roadmap", "assignee", "state_changed_by"))
IMPACT = Resource(Impact, shapes.ImpactSerializer, "phase__roadmap", ("phase", "task", "kpi", "confirmed_by"))


@extend_schema(responses=Page[shapes.RoadmapSerializer])
@scopes(GET=Scope.READ)
@api_view(["GET"])
def roadmap_list(request: Request) -> Response:
    return paged(request, visible_roadmaps(request), ROADMAP.serializer, ("name", "pk"))


@extend_schema(methods=["GET"], responses=standings.RoadmapStandingOut)
@extend_schema(methods=["PATCH"], request=shapes.RoadmapSerializer, responses=shapes.RoadmapSerializer)
@scopes(GET=Scope.READ, PATCH=Scope.PLAN_WRITE)
@api_view(["GET", "PATCH"])
def roadmap_detail(request: Request, slug: str) -> Response:
    """The plan with its phases, progress, gate states and schedule variance. A PATCH of `state` takes it one step on
    (draft → approved → active → closed); approving is for people who may approve."""
    roadmap = roadmap_or_404(request, slug)
    if request.method == "PATCH":
        return _change_roadmap(request, roadmap)
    now = timezone.now()
    report = plan(roadmap, standings_of(roadmap, now), now=now)
    return Response({**ROADMAP.data(roadmap), **standings.roadmap(report)}, headers={"ETag": etag(roadmap)})


def _change_roadmap(request: Request, roadmap: Roadmap) -> Response:
    form = shapes.RoadmapSerializer(roadmap, data=request.data, partial=True)
    form.is_valid(raise_exception=True)
    fields, version = dict(form.validated_data), asked_version(request, roadmap)
    state = fields.pop("state", None)
    actor, token = audit.actor_of(request)
    if state == RoadmapState.APPROVED and (token or not may(actor, Scope.APPROVE)):
        raise Problem(403, "missing-scope", "Approving a roadmap is for people who may approve")

    def change() -> Roadmap:
        row = editing.change(row=roadmap, changes=fields, actor=actor, version=version, token=token)
        if state is None or state == row.state:
            return row
        return editing.move(roadmap=row, state=state, actor=actor, now=timezone.now(), token=token)

    done = written(change, ROADMAP, request)
    return done if isinstance(done, Response) else Response(ROADMAP.data(done), headers={"ETag": etag(done)})


@extend_schema(methods=["GET"], responses=Page[standings.PhaseStandingOut])
@extend_schema(methods=["POST"], request=shapes.PhaseSerializer, responses={201: shapes.PhaseSerializer})
@scopes(GET=Scope.READ, POST=Scope.PLAN_WRITE)
@api_view(["GET", "POST"])
def phase_list(request: Request, slug: str) -> Response:
    roadmap = roadmap_or_404(request, slug)
    if request.method == "POST":
        return create(request, PHASE, roadmap)
    now = timezone.now()
    report = plan(roadmap, standings_of(roadmap, now), now=now)
    return Response(whole([standings.phase(phase) for phase in report.phases]))


@extend_schema(methods=["GET"], responses=standings.PhaseStandingOut)
@extend_schema(methods=["PATCH"], request=shapes.PhaseSerializer, responses=shapes.PhaseSerializer)
@extend_schema(methods=["DELETE"], responses={204: None})
@scopes(GET=Scope.READ, PATCH=Scope.PLAN_WRITE, DELETE=Scope.PLAN_WRITE)
@api_view(["GET", "PATCH", "DELETE"])
def phase_detail(request: Request, slug: str, number: int) -> Response:
    row = PHASE.one(request, roadmap__slug=slug, number=number)
    if request.method != "GET":
        return detail(request, PHASE, row.pk)
    now = timezone.now()
    roadmap = roadmap_or_404(request, slug)
    report = plan(roadmap, standings_of(roadmap, now), now=now, number=number)
    return Response(standings.phase(report.phases[0]), headers={"ETag": etag(row)})


@extend_schema(methods=["GET"], responses=Page[shapes.TaskSerializer])
@extend_schema(methods=["POST"], request=shapes.TaskSerializer, responses={201: shapes.TaskSerializer})
@scopes(GET=Scope.READ, POST=Scope.PLAN_WRITE)
@api_view(["GET", "POST"])
def task_list(request: Request, slug: str) -> Response:
    """Filters: `phase` (number), `status`, `assignee` (user name). A new task names its phase: `?phase=2`."""
    roadmap = roadmap_or_404(request, slug)
    number = request.query_params.get("phase", "")
    if number and not number.isdigit():
        raise serializers.ValidationError({"phase": "Give the phase's number."})
    if request.method == "POST":
        if not number:
            raise serializers.ValidationError({"phase": "Name the phase: ?phase=1."})
        return create(request, TASK, PHASE.one(request, roadmap=roadmap, number=int(number)))
    rows = TASK.rows(request).filter(phase__roadmap=roadmap)
    asked = {
        "phase__number": number,
        "state": request.query_params.get("status"),
        "assignee__username": request.query_params.get("assignee"),
    }
    rows = rows.filter(**{name: value for name, value in asked.items() if value})
    return _by_phase(request, TASK, rows)


@extend_schema(request=shapes.TaskSerializer, responses=shapes.TaskSerializer)
@scopes(GET=Scope.READ, PATCH=Scope.PLAN_WRITE, DELETE=Scope.PLAN_WRITE)
@api_view(["GET", "PATCH", "DELETE"])
def task_detail(request: Request, pk: int) -> Response:
    """`PATCH {"status": "done"}` ticks it: who and when is kept. ETag and If-Match guard against overwriting."""
    return detail(request, TASK, pk)


@extend_schema(responses=Page[shapes.ImpactSerializer])
@scopes(GET=Scope.READ)
@api_view(["GET"])
def impact_list(request: Request, slug: str = "") -> Response:
    rows = IMPACT.rows(request)
    if slug:
        rows = rows.filter(phase__roadmap=roadmap_or_404(request, slug))
    return _by_phase(request, IMPACT, rows)


@extend_schema(request=shapes.ImpactSerializer, responses=shapes.ImpactSerializer)
@scopes(GET=Scope.READ, PATCH=Scope.PLAN_WRITE, DELETE=Scope.PLAN_WRITE)
@api_view(["GET", "PATCH", "DELETE"])
def impact_detail(request: Request, pk: int) -> Response:
    return detail(request, IMPACT, pk)


@extend_schema(request=None, responses=shapes.ImpactSerializer)
@scopes(POST=Scope.PLAN_WRITE)
@api_view(["POST"])
def impact_confirm(request: Request, pk: int) -> Response:
    """`{"evidence": "…"}`: a person confirms a promise that no KPI measures."""
    row = IMPACT.one(request, pk=pk)
    actor, token = audit.actor_of(request)
    evidence = _text_field(request, "evidence")
    done = written(
        lambda: editing.confirm(
            impact=row, actor=actor, now=timezone.now(), evidence=evidence, version=asked_version(request, row), token=token
        ),
        IMPACT,
        request,
    )
    return done if isinstance(done, Response) else fresh(request, done, IMPACT.data(done))


@extend_schema(responses=Page[shapes.LoadProfileSerializer])
@scopes(GET=Scope.READ)
@api_view(["GET"])
def load_profile_list(request: Request, slug: str = "") -> Response:
    rows = Resource(LoadProfile, shapes.LoadProfileSerializer, "roadmap").rows(request)
    if slug:
        rows = rows.filter(roadmap=roadmap_or_404(request, slug))
    return paged(request, rows, shapes.LoadProfileSerializer, ("roadmap_id", "position", "pk"))


@extend_schema(responses=Page[shapes.AlertRuleSerializer])
@scopes(GET=Scope.READ)
@api_view(["GET"])
def alert_rule_list(request: Request, slug: str) -> Response:
    rows = roadmap_or_404(request, slug).alert_rules.select_related("kpi")
    return paged(request, rows, shapes.AlertRuleSerializer, ("position", "pk"))


def _by_phase(request: Request, resource: Resource, rows: QuerySet[Any]) -> Response:
    """In the order of the plan; a cursor needs the phase's number on the row itself."""
    numbered = rows.annotate(phase_number=F("phase__number"))
    return paged(request, numbered, resource.serializer, ("phase_number", "position", "pk"))


def _text_field(request: Request, name: str) -> str:
    """One text of a JSON object; empty where it is not there."""
    return str(request.data.get(name, "")) if isinstance(request.data, dict) else ""
