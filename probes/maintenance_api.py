"""`maintenance/`: windows in which services are not measured."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.pagination import CursorPagination
from accounts.permissions import Scope, allowed_services, scopes
from accounts.problems import invalid
from accounts.serializers import MomentField, Strict
from probes import maintenance
from probes.models import Maintenance
from probes.reach import by_name_alone, changeable, visible


class WindowIn(Strict):
    reason = serializers.CharField(max_length=200)
    service = serializers.CharField(required=False, allow_blank=True, default="", max_length=80)
    tag = serializers.CharField(required=False, allow_blank=True, default="", max_length=60)
    starts_at = MomentField()
    ends_at = MomentField()
    rule = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)
    zone = serializers.CharField(required=False, default="UTC", max_length=60)


@extend_schema(request=WindowIn, responses={200: OpenApiTypes.OBJECT, 201: OpenApiTypes.OBJECT})
@scopes(per_service=True, GET=Scope.READ, POST=Scope.PROBES_WRITE)
@api_view(["GET", "POST"])
def window_list(request: Request) -> Response:
    """Maintenance windows, newest first; POST plans one, for a service or for all that have a tag.

    Its answer has `warnings` too: a tag that no service has.
    """
    if request.method == "POST":
        window = _planned(request)
        warnings = [{"path": "$.tag", "detail": doubt} for doubt in maintenance.doubts(window)]
        return Response(_window(window) | {"warnings": warnings}, status=201)
    pages = CursorPagination()
    page: list[Maintenance] = pages.paginate_queryset(_seen(request), request) or []
    return pages.get_paginated_response([_window(one) for one in page])


@extend_schema(request=None, responses=OpenApiTypes.OBJECT)
@scopes(per_service=True, POST=Scope.PROBES_WRITE)
@api_view(["POST"])
def window_end(request: Request, pk: int) -> Response:
    """End it before its time."""
    actor, token = audit.actor_of(request)
    window = get_object_or_404(_seen(request), pk=pk)
    if window.tag:
        by_name_alone(request)
    changeable(request, Q(pk=window.service_id))
    return Response(_window(maintenance.end(window=window, actor=actor, now=timezone.now(), token=token)))


def _planned(request: Request) -> Maintenance:
    form = WindowIn(data=request.data)
    form.is_valid(raise_exception=True)
    fields, (actor, token) = dict(form.validated_data), audit.actor_of(request)
    if fields["tag"]:
        by_name_alone(request)
    slug = fields.pop("service")
    fields["service"] = visible(request).filter(slug=slug).first() if slug else None
    if slug and fields["service"] is None:
        raise invalid([{"path": "$.service", "detail": f"There is no service {slug}."}])
    changeable(request, Q(slug=slug))
    try:
        return maintenance.plan(fields=fields, actor=actor, now=timezone.now(), token=token)
    except maintenance.BadWindow as bad:
        raise invalid([{"path": f"$.{name}", "detail": text} for name, text in bad.errors.items()]) from bad


def _seen(request: Request) -> QuerySet[Maintenance]:
    found = Maintenance.objects.select_related("service", "created_by")
    return found if allowed_services(request) is None else found.filter(service__in=visible(request))


def _window(one: Maintenance) -> dict[str, Any]:
    names = ("id", "reason", "tag", "starts_at", "ends_at", "rule", "zone", "ended_at")
    now = timezone.now()
    return {name: getattr(one, name) for name in names} | {
        "service": one.service.slug if one.service else "",
        "created_by": str(one.created_by),
        "holds_until": one.holds_until(now),
        "next_at": one.next_at(now),
    }
