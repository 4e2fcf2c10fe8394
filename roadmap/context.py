"""The roadmap that a page is about, for the card on top of the sidebar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db.models import Case, Count, IntegerField, Max, QuerySet, Value, When
from django.http import HttpRequest
from django.utils import timezone

from accounts.prepared import Prepared, Slot
from kpis import approvals
from roadmap.models import Roadmap
from roadmap.reports import waivers
from roadmap.schedule import week_of


@dataclass(frozen=True, kw_only=True)
class CurrentRoadmap:
    """`week` is held to 1…weeks; `days_left` is negative once the plan is over."""

    slug: str
    name: str
    week: int
    weeks: int
    days_left: int
    scorecard_slug: str

    @property
    def week_text(self) -> str:
        left = f"{self.days_left} days left" if self.days_left >= 0 else "over"
        return f"Week {self.week} of {self.weeks} · {left}"

    @property
    def steps(self) -> list[str]:
        """A word per week: on (behind us), now, or nothing."""
        return ["on" if week < self.week else "now" if week == self.week else "" for week in range(1, self.weeks + 1)]


def current(request: HttpRequest) -> dict[str, Any]:
    """Context processor; strangers see no roadmap."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"current_roadmap": None}
    roadmap = pick(request)
    return {"current_roadmap": card(roadmap) if roadmap else None, "approvals_waiting": partial(_waiting, request)}


def _waiting(request: HttpRequest) -> int:
    """How many decisions wait for the person: of KPIs and of gates, in one query per request, and none unless it is asked.

    Nobody decides about what they asked for themselves, unless self-approval is on.
    """
    if not hasattr(request, "_waiting"):
        person = NOBODY if settings.ALLOW_SELF_APPROVAL else request.user.pk
        request._waiting = sum(count for (count,) in _WAITING(now=timezone.now(), person=person))  # type: ignore[attr-defined]
    return int(request._waiting)  # type: ignore[attr-defined]


NOBODY = 0
"""The id of no person."""


def _counts() -> QuerySet[Any, tuple[int]]:
    """One row each of target versions, waivers of KPIs and waivers of gates."""
    rows: tuple[QuerySet[Any], ...] = (
        approvals.waiting_targets().exclude(proposed_by=Slot("person")),
        approvals.waiting_waivers(Slot("now")).exclude(requested_by=Slot("person")),
        waivers.waiting(Slot("now")).exclude(requested_by=Slot("person")),
    )
    # Values that are the same for all make it one group, without a GROUP BY: a row also where there is nothing to count.
    first, *others = (found.order_by().values(all=Value(1)).annotate(count=Count("pk")).values_list("count") for found in rows)
    return first.union(*others, all=True)


_WAITING = Prepared(_counts)


def card(roadmap: Roadmap) -> CurrentRoadmap:
    today = timezone.now().date()
    weeks = getattr(roadmap, "weeks", None) or 1
    last = roadmap.starts_on + timedelta(weeks=weeks, days=-1)
    return CurrentRoadmap(
        slug=roadmap.slug,
        name=roadmap.name,
        week=min(max(week_of(roadmap.starts_on, today), 1), weeks),
        weeks=weeks,
        days_left=(last - today).days,
        scorecard_slug=roadmap.scorecard.slug,
    )


def pick(request: HttpRequest) -> Roadmap | None:
    """The roadmap of the address, else the one in work: active before approved before draft, newest first. Once per request."""
    if not hasattr(request, "_roadmap"):
        request._roadmap = _found(request)  # type: ignore[attr-defined]
    return request._roadmap  # type: ignore[attr-defined]


def _found(request: HttpRequest) -> Roadmap | None:
    match = request.resolver_match
    slug = match.kwargs.get("slug") if match and match.app_name == "roadmap" else None
    return next(iter((slug and _NAMED(slug=slug)) or _FIRST()), None)


def _ranked() -> QuerySet[Roadmap]:
    ranks = {"active": 0, "approved": 1, "draft": 2, "closed": 3}
    rank = Case(*(When(state=state, then=rank) for state, rank in ranks.items()), output_field=IntegerField())
    return (
        Roadmap.objects.select_related("scorecard")
        .annotate(weeks=Max("phases__week_to"), rank=rank)
        .order_by("rank", "-starts_on", "-pk")
    )


_FIRST = Prepared(lambda: _ranked()[:1])
_NAMED = Prepared(lambda: _ranked().filter(slug=Slot("slug")))
