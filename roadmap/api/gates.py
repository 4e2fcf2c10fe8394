"""Closing a phase at its gate, and waivers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField, Serializer

from accounts import audit
from accounts.concurrency import asked_version, etag
from accounts.permissions import Scope, allowed_scorecards, granted, scopes
from accounts.problems import Problem
from roadmap import closing
from roadmap.api import serializers as shapes
from roadmap.api.rows import Resource, detail, written
from roadmap.models import Gate, GateWaiver

GATE = Resource(
    Gate, shapes.GateSerializer, "phase__roadmap", ("phase__roadmap", "closed_by"),
    ("kpis", "waivers__requested_by", "waivers__decided_by", "waivers__ended_by"),
)  # fmt: skip


@extend_schema(request=shapes.GateSerializer, responses=shapes.GateSerializer)
@scopes(GET=Scope.READ, PATCH=Scope.PLAN_WRITE)
@api_view(["GET", "PATCH"])
def gate_detail(request: Request, pk: int) -> Response:
    return detail(request, GATE, pk)


@extend_schema(request=None, responses=shapes.GateSerializer)
@scopes(POST=Scope.PLAN_WRITE)
@api_view(["POST"])
def gate_close(request: Request, pk: int) -> Response:
    """Close the phase; 409 naming what is missing unless its gate is passed or waived."""
    row = GATE.one(request, pk=pk)
    actor, token = audit.actor_of(request)
    version = asked_version(request, row)
    done = written(
        lambda: closing.close_phase(gate=row, actor=actor, now=timezone.now(), version=version, token=token), GATE, request
    )
    if isinstance(done, Response):
        return done
    row = GATE.one(request, pk=pk)
    return Response(GATE.data(row), headers={"ETag": etag(row)})


@extend_schema(request=shapes.GateWaiverSerializer, responses={201: shapes.GateWaiverSerializer})
@scopes(POST=Scope.PLAN_WRITE)
@api_view(["POST"])
def gate_waive(request: Request, pk: int) -> Response:
    """Ask for a waiver: `{"reason": "…", "expires_at": "…"}`; another person approves it."""
    row = GATE.one(request, pk=pk)
    form = shapes.GateWaiverSerializer(data=request.data)
    form.is_valid(raise_exception=True)
    actor, token = audit.actor_of(request)
    waiver = written(
        lambda: closing.request_waiver(gate=row, actor=actor, now=timezone.now(), token=token, **form.validated_data),
        GATE,
        request,
    )
    return Response(shapes.GateWaiverSerializer(waiver).data, status=status.HTTP_201_CREATED)


class NoteIn(Serializer[Any]):
    note = CharField(required=False, allow_blank=True, default="", max_length=2000)


@extend_schema(request=NoteIn, responses=shapes.GateWaiverSerializer)
@scopes(POST=Scope.APPROVE)
@api_view(["POST"])
def waiver_approve(request: Request, pk: int) -> Response:
    """Let the gate be passed until the waiver's day. For people only, and not for the one who asked."""
    return _decided(request, _waiver(request, pk), closing.approve_waiver)


@extend_schema(request=NoteIn, responses=shapes.GateWaiverSerializer)
@scopes(POST=Scope.APPROVE)
@api_view(["POST"])
def waiver_reject(request: Request, pk: int) -> Response:
    return _decided(request, _waiver(request, pk), closing.reject_waiver)


@extend_schema(request=NoteIn, responses=shapes.GateWaiverSerializer)
@scopes(POST=Scope.PLAN_WRITE)
@api_view(["POST"])
def waiver_withdraw(request: Request, pk: int) -> Response:
    """Take one's own request back."""
    return _decided(request, _waiver(request, pk), closing.withdraw_waiver)


@extend_schema(request=NoteIn, responses=shapes.GateWaiverSerializer)
@scopes(POST=Scope.READ)
@api_view(["POST"])
def waiver_end(request: Request, pk: int) -> Response:
    """End a waiver before its day: for the one who asked, and for people who may approve."""
    waiver = _waiver(request, pk)
    needed = Scope.PLAN_WRITE if waiver.requested_by_id == request.user.pk else Scope.APPROVE
    if not {needed, Scope.APPROVE} & granted(request):
        raise Problem(403, "missing-scope", "Missing scope", f"This needs the scope {needed}.", scope=needed)
    return _decided(request, waiver, closing.end_waiver)


def _waiver(request: Request, pk: int) -> GateWaiver:
    allowed = allowed_scorecards(request)
    rows = GateWaiver.objects.select_related("gate__phase__roadmap")
    if allowed is not None:
        rows = rows.filter(gate__phase__roadmap__scorecard__slug__in=allowed)
    waiver = rows.filter(pk=pk).first()
    if waiver is None:
        raise Http404("There is no such waiver.")
    return waiver


def _decided(request: Request, waiver: GateWaiver, verb: Callable[..., GateWaiver]) -> Response:
    form = NoteIn(data=request.data)
    form.is_valid(raise_exception=True)
    actor, token = audit.actor_of(request)
    note = form.validated_data["note"]
    done = written(lambda: verb(waiver=waiver, actor=actor, now=timezone.now(), note=note, token=token), GATE, request)
    return Response(shapes.GateWaiverSerializer(done).data)
