"""`maintenance/`: windows in which services are not measured."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypedDict

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.answers import Page, WarningOut
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


class WindowOut(TypedDict):
    id: int
    reason: str
    service: Annotated[str, "Its slug; empty where the window is for all services that have the tag."]
    tag: str
    starts_at: datetime
    ends_at: datetime
    rule: Annotated[str, "How it comes again (RFC 5545); empty: once."]
    zone: str
    created_by: str
    ended_at: Annotated[datetime | None, "When somebody ended it before its time."]
    holds_until: Annotated[datetime | None, "The end of the window that holds now; null where none holds."]
    next_at: Annotated[datetime | None, "When it begins the next time; null where it does not come again."]


class PlannedWindowOut(WindowOut):
    warnings: Annotated[list[WarningOut], "What was taken, but may not have been meant: a tag that no service has."]


@extend_schema(methods=["GET"], responses=Page[WindowOut])
@extend_schema(methods=["POST"], request=WindowIn, responses={201: PlannedWindowOut})
@scopes(per_service=True, GET=Scope.READ, POST=Scope.PROBES_WRITE)
@api_view(["GET", "POST"])
def window_list(request: Request) -> Response:
    """Maintenance windows, newest first; POST plans one, for a service or for all that have a tag.

    Its answer has `warnings` too: a tag that no service has.
    """
    if request.method == "POST":
        return Response(_planned_window(_planned(request)), status=201)
    pages = CursorPagination()
    page: list[Maintenance] = pages.paginate_queryset(_seen(request), request) or []
    return pages.get_paginated_response([_window(one) for one in page])


@extend_schema(request=None, responses=WindowOut)
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


def _planned_window(one: Maintenance) -> PlannedWindowOut:
    return {**_window(one), "warnings": [{"path": "$.tag", "detail": doubt} for doubt in maintenance.doubts(one)]}


def _window(one: Maintenance) -> WindowOut:
    now = timezone.now()
    return {
        "id": one.pk,
        "reason": one.reason,
        "service": one.service.slug if one.service else "",
        "tag": one.tag,
        "starts_at": one.starts_at,
        "ends_at": one.ends_at,
        "rule": one.rule,
        "zone": one.zone,
        "created_by": str(one.created_by),
        "ended_at": one.ended_at,
        "holds_until": one.holds_until(now),
        "next_at": one.next_at(now),
    }
