"""`scorecards/` and `kpis/`: definitions, where they stand, and their course."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view, renderer_classes
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.answers import Page
from accounts.concurrency import etag
from accounts.pagination import CursorPagination
from accounts.permissions import Scope, scopes
from accounts.problems import invalid
from kpis.api import definitions, payload, shapes
from kpis.api.lookup import every_kpi, kpi_or_404, scorecard_or_404, visible_kpis, visible_scorecards
from kpis.api.tables import CourseRenderer
from kpis.evaluation import Status
from kpis.history import history
from kpis.models import Category
from kpis.standing import standing, standings

MOST_HISTORY_POINTS = 5000


@extend_schema(methods=["GET"], responses=Page[shapes.CountedScorecardOut])
@extend_schema(methods=["POST"], request=definitions.ScorecardIn, responses={201: shapes.ScorecardOut})
@scopes(GET=Scope.READ, POST=Scope.PLAN_WRITE)
@api_view(["GET", "POST"])
def scorecard_list(request: Request) -> Response:
    """Scorecards, each with how many of its KPIs have which status; POST makes one."""
    if request.method == "POST":
        return definitions.create_scorecard(request)
    pages = CursorPagination()
    pages.ordering = ("name", "pk")
    page = pages.paginate_queryset(visible_scorecards(request), request) or []
    found = standings(visible_kpis(request).filter(scorecard__in=page), now=timezone.now())
    return pages.get_paginated_response(
        [shapes.counted(row, [one for one in found if one.kpi.scorecard_id == row.pk]) for row in page]
    )


@extend_schema(methods=["GET"], responses=shapes.ScorecardStandingOut)
@extend_schema(methods=["PATCH"], request=definitions.ScorecardChange, responses=shapes.ScorecardOut)
@extend_schema(methods=["DELETE"], responses={204: None})
@scopes(GET=Scope.READ, PATCH=Scope.PLAN_WRITE, DELETE=Scope.PLAN_WRITE)
@api_view(["GET", "PATCH", "DELETE"])
def scorecard_detail(request: Request, slug: str) -> Response:
    """One scorecard with all its KPIs, judged now; its ETag names the version of its definition. One without KPIs, plans
    and results may be deleted."""
    row = scorecard_or_404(request, slug)
    if request.method != "GET":
        return definitions.change(request, row)
    found = standings(visible_kpis(request).filter(scorecard=row), now=timezone.now())
    return Response(shapes.scorecard_standing(row, found), headers={"ETag": etag(row)})


@extend_schema(methods=["POST"], request=definitions.KpiIn, responses={201: shapes.KpiDefinitionOut})
@extend_schema(
    methods=["GET"],
    responses=Page[shapes.KpiOut],
    parameters=[
        OpenApiParameter("scorecard", str),
        OpenApiParameter("archived", bool, description="Only those that are archived."),
        OpenApiParameter("status", str, enum=list(Status)),
        OpenApiParameter("category", str, enum=Category.values),
        OpenApiParameter("service", str, description="Subject of a series."),
    ],
)
@scopes(GET=Scope.READ, POST=Scope.PLAN_WRITE)
@api_view(["GET", "POST"])
def kpi_list(request: Request) -> Response:
    """KPIs as they stand now; POST makes one."""
    if request.method == "POST":
        return definitions.create_kpi(request)
    now = timezone.now()
    asked = request.query_params
    rows = every_kpi(request).archived() if asked.get("archived") in ("1", "true") else visible_kpis(request)
    if asked.get("scorecard"):
        rows = rows.filter(scorecard__slug=asked["scorecard"])
    if asked.get("category"):
        rows = rows.filter(category=asked["category"])
    if asked.get("service"):
        rows = rows.filter(series__subject=asked["service"], series__enabled=True).distinct()
    if status := asked.get("status"):
        if status not in list(Status):
            raise invalid([{"path": "status", "detail": f"Use one of {', '.join(Status)}."}])
        rows = rows.filter(pk__in=[one.kpi.pk for one in standings(rows, now=now) if one.status == status])
    pages = CursorPagination()
    pages.ordering = ("scorecard_id", "position", "key", "pk")
    page = pages.paginate_queryset(rows, request) or []
    return pages.get_paginated_response([shapes.kpi(one) for one in standings(page, now=now)])


@extend_schema(methods=["GET"], responses=shapes.KpiOut)
@extend_schema(methods=["PATCH"], request=definitions.KpiChange, responses=shapes.KpiDefinitionOut)
@extend_schema(methods=["DELETE"], responses={204: None})
@scopes(GET=Scope.READ, PATCH=Scope.PLAN_WRITE, DELETE=Scope.PLAN_WRITE)
@api_view(["GET", "PATCH", "DELETE"])
def kpi_detail(request: Request, scorecard: str, key: str) -> Response:
    """Definition, actual, status, attainment, target in force, since when, and every series; its ETag names the version of
    its definition. One that was never measured, and that nothing hangs on, may be deleted."""
    kpi = kpi_or_404(request, scorecard, key, every_kpi)
    if request.method != "GET":
        return definitions.change(request, kpi)
    return Response(shapes.kpi(standing(kpi, now=timezone.now())), headers={"ETag": etag(kpi)})


@extend_schema(
    responses={(200, "application/json"): shapes.CourseOut, (200, "text/csv"): str},
    parameters=[
        OpenApiParameter("from", datetime, description="Default: 24 hours before `to`."),
        OpenApiParameter("to", datetime, description="Default: now."),
        OpenApiParameter("points", int, description="At most so many points, but never fewer than one a day; default 500."),
        OpenApiParameter("subject", str),
        OpenApiParameter("environment", str, description="Empty: the series that name none."),
        OpenApiParameter("format", str, enum=["json", "csv"], description="The same as the header `Accept`."),
    ],
)
@scopes(GET=Scope.READ)
@api_view(["GET"])
@renderer_classes([JSONRenderer, CourseRenderer])
def kpi_measurements(request: Request, scorecard: str, key: str) -> Response:
    """The course of a KPI at the resolution that fits `points`; percentiles come from merged histograms, gaps stay gaps.

    Without `subject` it is told across all series: where the worst one counts, the worst at each point, with its own bounds
    and samples; where they are combined, no subject. Raw points of several series stand at the time of the newest measurement
    in them. The CSV of the KPI's
    page is that of the series which it is judged by now.
    """
    kpi = kpi_or_404(request, scorecard, key, every_kpi)
    asked = request.query_params
    times, wrong = payload.asked_moments(asked, "from", "to")
    points = asked.get("points", "500")
    if not points.isascii() or not points.isdigit() or not 1 <= int(points) <= MOST_HISTORY_POINTS:
        wrong.append({"path": "points", "detail": f"A whole number from 1 to {MOST_HISTORY_POINTS}."})
    if wrong:
        raise invalid(wrong)
    end = times.get("to") or timezone.now() + timedelta(microseconds=1)
    start = times.get("from") or end - timedelta(days=1)
    if start >= end:
        raise invalid([{"path": "from", "detail": "Lies before `to`."}])
    found = history(
        kpi, start=start, end=end, points=int(points), samples=False,
        subject=asked.get("subject", ""), environment=asked.get("environment"),
    )  # fmt: skip
    csv = getattr(request.accepted_renderer, "format", "") == CourseRenderer.format
    return Response(found if csv else shapes.course(found))
