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
from accounts.concurrency import asked_version, etag, fresh
from accounts.permissions import Scope, may, scopes
from accounts.problems import Problem
from roadmap import editing
from roadmap.api import serializers as shapes
from roadmap.api.rows import Resource, create, detail, paged, roadmap_or_404, visible_roadmaps, written
from roadmap.judging import standings_of
from roadmap.models import Impact, LoadProfile, Phase, Roadmap, RoadmapState, Task
from roadmap.reports.phases import PhaseReport, PlanReport, plan

ROADMAP = Resource(Roadmap, shapes.RoadmapSerializer, "pk", ("scorecard", "state_changed_by"))
PHASE = Resource(Phase, shapes.PhaseSerializer, "roadmap", ("roadmap",))
TASK = Resource(Task, shapes.TaskSerializer, "phase__roadmap", ("phase__roadmap", "assignee", "state_changed_by"))
IMPACT = Resource(Impact, shapes.ImpactSerializer, "phase__roadmap", ("phase", "task", "kpi", "confirmed_by"))


@extend_schema(responses=shapes.RoadmapSerializer(many=True))
@scopes(GET=Scope.READ)
@api_view(["GET"])
def roadmap_list(request: Request) -> Response:
    return paged(request, visible_roadmaps(request), ROADMAP.serializer, ("name", "pk"))


@extend_schema(request=shapes.RoadmapSerializer, responses=shapes.RoadmapSerializer)
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
    data = {**ROADMAP.data(roadmap), **_schedule(report), "phases": [_phase(phase) for phase in report.phases]}
    return Response(data, headers={"ETag": etag(roadmap)})


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


@extend_schema(request=shapes.PhaseSerializer, responses=shapes.PhaseSerializer(many=True))
@scopes(GET=Scope.READ, POST=Scope.PLAN_WRITE)
@api_view(["GET", "POST"])
def phase_list(request: Request, slug: str) -> Response:
    roadmap = roadmap_or_404(request, slug)
    if request.method == "POST":
        return create(request, PHASE, roadmap)
    now = timezone.now()
    report = plan(roadmap, standings_of(roadmap, now), now=now)
    return Response({"next": None, "results": [_phase(phase) for phase in report.phases]})


@extend_schema(request=shapes.PhaseSerializer, responses=shapes.PhaseSerializer)
@scopes(GET=Scope.READ, PATCH=Scope.PLAN_WRITE, DELETE=Scope.PLAN_WRITE)
@api_view(["GET", "PATCH", "DELETE"])
def phase_detail(request: Request, slug: str, number: int) -> Response:
    row = PHASE.one(request, roadmap__slug=slug, number=number)
    if request.method != "GET":
        return detail(request, PHASE, row.pk)
    now = timezone.now()
    roadmap = roadmap_or_404(request, slug)
    report = plan(roadmap, standings_of(roadmap, now), now=now, number=number)
    return Response(_phase(report.phases[0]), headers={"ETag": etag(row)})


@extend_schema(request=shapes.TaskSerializer, responses=shapes.TaskSerializer(many=True))
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


@extend_schema(responses=shapes.ImpactSerializer(many=True))
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


@extend_schema(responses=shapes.LoadProfileSerializer(many=True))
@scopes(GET=Scope.READ)
@api_view(["GET"])
def load_profile_list(request: Request, slug: str = "") -> Response:
    rows = Resource(LoadProfile, shapes.LoadProfileSerializer, "roadmap").rows(request)
    if slug:
        rows = rows.filter(roadmap=roadmap_or_404(request, slug))
    return paged(request, rows, shapes.LoadProfileSerializer, ("roadmap_id", "position", "pk"))


@extend_schema(responses=shapes.AlertRuleSerializer(many=True))
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


def _schedule(report: PlanReport) -> dict[str, Any]:
    earned = report.earned
    return {
        "today": report.today,
        "week": report.week,
        "weeks": report.weeks,
        "ends_on": report.span.last,
        "late_days": report.late_days,
        "progress": {**_progress(report), "planned_share": report.planned_share},
        "earned_value": {name: _text(getattr(earned, name)) for name in earned.__dataclass_fields__},
    }


def _phase(report: PhaseReport) -> dict[str, Any]:
    judged = report.gate.judgement
    gate = getattr(report.phase, "gate", None)
    return {
        **shapes.PhaseSerializer(report.phase).data,
        "etag": etag(report.phase),
        "state": report.state,
        "progress": _progress(report),
        "slip_days": report.slip_days,
        "impacts": [{"statement": i.statement, "kpi": i.kpi.key if i.kpi else None, "stated": i.stated} for i in report.impacts],
        "gate": {
            "id": gate.pk if gate else None,
            "state": report.gate.closed_as or judged.state,
            "reason": judged.reason,
            "waived_until": judged.waived_until,
            "criteria": [
                {"kind": c.kind, "text": c.text, "holds": c.holds, "reason": c.reason, "kpi": c.kpi or None, "waived": c.waived}
                for c in judged.criteria
            ],
        },
    }


def _progress(report: PlanReport | PhaseReport) -> dict[str, Any]:
    done = report.progress
    return {
        "done": done.done,
        "total": done.total,
        "dropped": done.dropped,
        "share": None if done.share is None else float(done.share),
        "weighted_by": done.weighted_by,
    }


def _text(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else str(value)
