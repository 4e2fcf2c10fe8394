"""Reviews of KPIs, and what is not stated of the KPIs of a scorecard."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, TypedDict

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.answers import Page
from accounts.pagination import CursorPagination
from accounts.permissions import Scope, scopes
from accounts.problems import Problem
from kpis import reviewing
from kpis.api import inputs
from kpis.api.lookup import kpi_or_404, scorecard_or_404
from kpis.faults import Refused
from kpis.gaps import WORDS, Gap, gaps
from kpis.models import KPI, Review
from kpis.standing import standings


class ReviewOut(TypedDict):
    id: int
    due_on: Annotated[date | None, "The day that it answers; null where none was due."]
    reviewed_by: str
    reviewed_at: datetime
    note: str


def _review(row: Review) -> ReviewOut:
    return {
        "id": row.pk,
        "due_on": row.due_on,
        "reviewed_by": str(row.reviewed_by),
        "reviewed_at": row.reviewed_at,
        "note": row.note,
    }


@extend_schema(methods=["GET"], responses=Page[ReviewOut])
@extend_schema(methods=["POST"], request=inputs.ReviewIn, responses={201: ReviewOut})
@scopes(GET=Scope.READ, POST=Scope.TARGETS_PROPOSE)
@api_view(["GET", "POST"])
def review_list(request: Request, scorecard: str, key: str) -> Response:
    """The reviews of a KPI, newest first; POST acknowledges one, with a note of what was found."""
    kpi = kpi_or_404(request, scorecard, key)
    if request.method == "POST":
        return _acknowledge(request, kpi)
    pages = CursorPagination()
    pages.ordering = ("-reviewed_at", "-pk")
    page = pages.paginate_queryset(kpi.reviews.select_related("reviewed_by"), request) or []
    return pages.get_paginated_response([_review(row) for row in page])


def _acknowledge(request: Request, kpi: KPI) -> Response:
    form = inputs.ReviewIn(data=request.data)
    form.is_valid(raise_exception=True)
    actor, token = audit.actor_of(request)
    try:
        row = reviewing.acknowledge(kpi=kpi, actor=actor, token=token, now=timezone.now(), note=form.validated_data["note"])
    except Refused as error:
        raise Problem(409, "refused", "Refused", str(error)) from error
    return Response(_review(row), status=201)


class DueOut(TypedDict):
    state: Annotated[str, {"enum": ["none", "next", "due", "overdue"]}, "`due` from a week before its day, `overdue` after it."]
    due_on: Annotated[date | None, "Null without a rhythm of reviews."]
    last_on: date | None


class GapOut(TypedDict):
    key: str
    name: str
    owner: str | None
    missing: list[Annotated[str, {"enum": list(WORDS)}]]
    review: DueOut


class GapsOut(TypedDict):
    scorecard: str
    kpis: list[GapOut]


@extend_schema(responses=GapsOut)
@scopes(GET=Scope.READ)
@api_view(["GET"])
def gap_list(request: Request, slug: str) -> Response:
    """The KPIs of a scorecard that lack an owner, a source, a target, a baseline or an alert threshold, or whose review is
    due."""
    card, now = scorecard_or_404(request, slug), timezone.now()
    kpis = KPI.objects.active().filter(scorecard=card).select_related("owner", "scorecard")
    found = standings(kpis, now=now)
    listed = gaps(found, reviewing.reviews([one.kpi for one in found], today=now.date()))
    told: GapsOut = {"scorecard": card.slug, "kpis": [_gap(gap) for gap in listed]}
    return Response(told)


def _gap(gap: Gap) -> GapOut:
    kpi, review = gap.standing.kpi, gap.review
    return {
        "key": kpi.key,
        "name": kpi.name,
        "owner": kpi.owner.get_username() if kpi.owner else None,
        "missing": list(gap.missing),
        "review": {"state": review.state, "due_on": review.due_on, "last_on": review.last_on},
    }
