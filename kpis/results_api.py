"""`/api/v1/results/`: a CI job sends a tool's output and gets the verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, NotRequired, TypedDict, cast
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view, parser_classes, renderer_classes
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.answers import Page
from accounts.pagination import CursorPagination
from accounts.parsing import JSONParser
from accounts.permissions import Scope, allowed_scorecards, allowed_services, scopes
from accounts.problems import Problem, invalid
from kpis import arrivals, comment, mapping, results
from kpis.models import Submission


class DocumentRenderer(BaseRenderer):
    """A verdict document as text; anything else, such as a problem, stays JSON."""

    charset = "utf-8"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        if isinstance(data, dict) and "objectives" in data:
            return self.text(data).encode()
        return json.dumps(data, default=str).encode()

    def text(self, document: Mapping[str, Any]) -> str:
        raise NotImplementedError


class MarkdownRenderer(DocumentRenderer):
    media_type = "text/markdown"
    format = "markdown"

    def text(self, document: Mapping[str, Any]) -> str:
        return comment.markdown(document)


class JUnitRenderer(DocumentRenderer):
    media_type = "application/junit+xml"
    format = "junit"

    def text(self, document: Mapping[str, Any]) -> str:
        return comment.junit(document)


class AcceptNegotiation(DefaultContentNegotiation):
    """By `Accept` alone: `format=` names the format of what is sent, not of the answer."""

    def filter_renderers(self, renderers: Any, format: str) -> Any:
        return renderers


class InvalidatedOut(TypedDict):
    invalidated_at: NotRequired[Annotated[datetime, "There where the result was taken out of baselines and actuals."]]
    invalidated_why: NotRequired[str]


class ResultOut(results.ResultDocument, InvalidatedOut):
    """The verdict as it was given, and whether the result still counts."""


class ResultLineOut(results.VerdictDocument, InvalidatedOut):
    received_at: datetime


RENDERERS = [JSONRenderer, MarkdownRenderer, JUnitRenderer]
FILTERS = ("service", "branch", "commit", "verdict", "environment")


def _answers(status: int) -> dict[tuple[int, str], Any]:
    return {(status, renderer.media_type): ResultOut if renderer is JSONRenderer else str for renderer in RENDERERS}


@extend_schema(methods=["GET"], parameters=[OpenApiParameter(name, str) for name in FILTERS], responses=Page[ResultLineOut])
@extend_schema(
    methods=["POST"],
    parameters=[OpenApiParameter(name, str) for name in sorted(arrivals.OPTIONS)],
    request=OpenApiTypes.OBJECT,
    responses=_answers(201) | _answers(200) | _answers(422),
)
@scopes(per_service=True, GET=Scope.READ, POST=Scope.RESULTS_WRITE)
@api_view(["GET", "POST"])
@parser_classes(arrivals.PARSERS)
@renderer_classes(RENDERERS)
def result_list(request: Request) -> Response:
    """List submissions, newest first, or send one: 201, 200 for a repeated `Idempotency-Key`, and with `gate=1` the same
    document with 422 when its `exit_code` is not 0."""
    return _submit(request) if request.method == "POST" else _listed(request)


result_list.cls.content_negotiation_class = AcceptNegotiation


@extend_schema(responses=_answers(200))
@scopes(GET=Scope.READ)
@api_view(["GET"])
@renderer_classes(RENDERERS)
def result_detail(request: Request, pk: UUID) -> Response:
    return Response(_answer(_one(request, pk)))


@extend_schema(request=OpenApiTypes.OBJECT, responses=ResultOut)
@scopes(per_service=True, POST=Scope.RESULTS_WRITE)
@api_view(["POST"])
@parser_classes([JSONParser])
def result_invalidate(request: Request, pk: UUID) -> Response:
    """`{"why": "…"}`: take a result out of baselines and actuals."""
    why = request.data.get("why", "") if isinstance(request.data, dict) else ""
    if not isinstance(why, str):
        raise invalid([{"path": "$.why", "detail": "A text is needed."}])
    actor, token = audit.actor_of(request)
    try:
        row = results.invalidate(submission=_one(request, pk), actor=actor, why=why, now=timezone.now(), token=token)
    except mapping.Refused as error:
        raise _refused(error) from error
    return Response(_answer(row))


def _submit(request: Request) -> Response:
    sent, gate = arrivals.read(request)
    allowed = allowed_services(request)
    if allowed is not None and sent.subject not in allowed:
        raise Problem(403, "service-not-allowed", "Service not allowed", f"This token is for {', '.join(sorted(allowed))}.")
    actor, token = audit.actor_of(request)
    try:
        row, new = results.submit(sent=sent, actor=actor, now=timezone.now(), scorecards=allowed_scorecards(request), token=token)
    except mapping.Refused as error:
        raise _refused(error) from error
    except results.KeyReused as error:
        raise Problem(422, "idempotency-key-reused", "Idempotency-Key reused", str(error)) from error
    status = 201 if new else 200
    return Response(_answer(row), status=422 if gate and row.document["exit_code"] else status)


def _listed(request: Request) -> Response:
    rows = _visible(request)
    for name in FILTERS:
        if value := request.query_params.get(name):
            rows = rows.filter(**{name: value})
    pages = CursorPagination()
    pages.ordering = ("-received_at", "-id")
    page: list[Submission] = pages.paginate_queryset(rows, request) or []
    return pages.get_paginated_response([_line(row) for row in page])


def _line(row: Submission) -> ResultLineOut:
    document = {name: value for name, value in row.document.items() if name != "markdown"}
    return {**cast("results.VerdictDocument", document), **_invalidated(row), "received_at": row.received_at}


def _answer(row: Submission) -> ResultOut:
    document: results.ResultDocument = row.document
    return {**document, **_invalidated(row)}


def _invalidated(row: Submission) -> InvalidatedOut:
    if row.invalidated_at is None:
        return {}
    return {"invalidated_at": row.invalidated_at, "invalidated_why": row.invalidated_why}


def _visible(request: Request) -> Any:
    rows = Submission.objects.all()
    services, scorecards = allowed_services(request), allowed_scorecards(request)
    if services is not None:
        rows = rows.filter(service__in=services)
    if scorecards is not None:
        rows = rows.filter(scorecard__slug__in=scorecards)
    return rows


def _one(request: Request, pk: UUID) -> Submission:
    row = _visible(request).filter(pk=pk).first()
    if row is None:
        raise Http404
    return row


def _refused(error: mapping.Refused) -> Problem:
    return invalid([{"path": path, "detail": detail} for path, detail in error.errors])
