"""The API of load runs: ready-made profiles, and stopping."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.audit import actor_of
from accounts.permissions import Scope, scopes
from accounts.problems import Problem
from probes import loading
from probes.api import RunSerializer
from probes.load.profiles import READY
from probes.models import Run
from probes.reach import changeable, visible


class ReadyProfileSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    params = serializers.DictField(help_text="Parameters of a probe of the kind load, to be sent as they are or edited.")


@extend_schema(
    responses=ReadyProfileSerializer(many=True), summary="Ready-made load profiles", operation_id="ready_load_profiles"
)
@scopes(GET=Scope.READ)
@api_view(["GET"])
def ready_profiles(request: Request) -> Response:
    return Response(
        [{"slug": slug, "name": name, "description": text, "params": params} for slug, (name, text, params) in READY.items()]
    )


@extend_schema(request=None, responses={202: RunSerializer}, summary="Stop a load run, or one that waits")
@scopes(per_service=True, POST=Scope.PROBES_WRITE)
@api_view(["POST"])
def run_stop(request: Request, pk: int) -> Response:
    run = get_object_or_404(Run.objects.filter(probe__service__in=visible(request)).select_related("probe__service"), pk=pk)
    changeable(request, Q(pk=run.probe.service_id))
    actor, token = actor_of(request)
    if not loading.stop(run=run, actor=actor, token=token, now=timezone.now()):
        raise Problem(409, "nothing-to-stop", "Nothing to stop", "The run is over, or it is none that can be stopped.")
    run.refresh_from_db()
    return Response(RunSerializer(run, context={"request": request}).data, status=202)
