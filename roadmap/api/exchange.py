"""The plan as a file, out and in, and what does not add up in it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any, TypedDict

import msgspec
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import api_view, parser_classes
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.answers import Page, whole
from accounts.parsing import JSONParser, YamlParser, switches
from accounts.permissions import Scope, allowed_scorecards, scopes
from accounts.problems import Problem
from roadmap import document, findings, loading
from roadmap.api.rows import roadmap_or_404
from roadmap.exporting import export


@extend_schema(responses=Page[findings.Finding])
@scopes(GET=Scope.READ)
@api_view(["GET"])
def findings_list(request: Request, slug: str) -> Response:
    """Contradictions, notices and what is not stated."""
    found = findings.check(export(roadmap_or_404(request, slug)))
    return Response(whole([asdict(finding) for finding in found]))


@extend_schema(
    parameters=[OpenApiParameter("as", str, enum=["json", "yaml"], description="Default: yaml.")],
    responses={(200, "application/yaml"): str, (200, "application/json"): document.Document},
)
@scopes(GET=Scope.READ)
@api_view(["GET"])
def export_file(request: Request, slug: str) -> HttpResponse:
    """The whole plan with its progress; YAML, or JSON with `?as=json`."""
    plan = export(roadmap_or_404(request, slug))
    as_json = request.query_params.get("as") == "json"
    text = json.dumps(msgspec.to_builtins(plan), ensure_ascii=False, indent=1) if as_json else document.write(plan)
    kind, ending = ("application/json", "json") if as_json else ("application/yaml", "yaml")
    headers = {"Content-Disposition": f'attachment; filename="{slug}.{ending}"'}
    return HttpResponse(text, content_type=f"{kind}; charset=utf-8", headers=headers)


class LoadedOut(TypedDict):
    """What a file did, row by row (`task 1/indexes`)."""

    dry_run: bool
    slug: str
    created: list[str]
    changed: list[str]
    kept: Annotated[list[str], "Fields that the file has otherwise, but people changed."]
    unchanged: int
    unknown_people: list[str]
    findings: list[Annotated[dict[str, Any], findings.Finding]]


@extend_schema(
    request=document.Document,
    parameters=[OpenApiParameter("dry_run", bool, description="Say what would be done, write nothing.")],
    responses={200: LoadedOut, 201: LoadedOut},
)
@scopes(POST=Scope.PLAN_WRITE)
@api_view(["POST"])
@parser_classes([JSONParser, YamlParser])
def import_file(request: Request) -> Response:
    """Load a file (JSON or YAML). `?dry_run=1` tells what would be done, with the findings, and writes nothing."""
    try:
        plan = document.parse(request.data)
    except document.Malformed as error:
        raise _malformed(error) from error
    allowed = allowed_scorecards(request)
    if allowed is not None and plan.scorecard.get("slug") not in allowed:
        raise Problem(404, "not-found", "There is no such scorecard")
    dry_run = switches(request.query_params, "dry_run")["dry_run"]
    actor, token = audit.actor_of(request)
    try:
        receipt = loading.load(plan, now=timezone.now(), actor=actor, token=token, dry_run=dry_run)
    except document.Malformed as error:
        raise _malformed(error) from error
    told: LoadedOut = {
        "dry_run": dry_run,
        "slug": receipt.slug,
        "created": receipt.created,
        "changed": receipt.changed,
        "kept": receipt.kept,
        "unchanged": receipt.unchanged,
        "unknown_people": receipt.unknown_people,
        "findings": [asdict(finding) for finding in findings.check(plan)],
    }
    return Response(told, status=status.HTTP_200_OK if dry_run or not receipt.created else status.HTTP_201_CREATED)


def _malformed(error: document.Malformed) -> Problem:
    errors = [{"path": error.path, "detail": error.detail}]
    return Problem(422, "malformed", "This is not a roadmap file", error.detail, errors)
