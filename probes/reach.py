"""How far a token reaches among services: it sees those that it is for, and changes those that feed its scorecards alone.

A service feeds KPIs of scorecards, so whoever changes it, its probes or when it is measured changes figures of each of them.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from rest_framework.request import Request

from accounts.permissions import allowed_scorecards, allowed_services
from accounts.problems import Problem
from probes.models import Feed, Probe, Service


def visible(request: Request) -> QuerySet[Service]:
    """The services that the caller may see; what it may not see is 404."""
    found = Service.objects.filter(archived_at=None)
    only = allowed_services(request)
    return found if only is None else found.filter(slug__in=only)


def unrestricted(request: Request) -> None:
    if allowed_services(request) is not None:
        raise Problem(403, "forbidden", "Forbidden", "A token that is restricted to services cannot register another.")


def changeable(request: Request, services: Q) -> None:
    """Refuse a token that is restricted to scorecards where one of the services feeds another, archived or not."""
    only = allowed_scorecards(request)
    if only is None:
        return
    others = Feed.objects.exclude(kpi__scorecard__slug__in=only)
    fed = Service.objects.filter(services, probes__feeds__in=others).order_by("slug").distinct()
    if slugs := list(fed.values_list("slug", flat=True)):
        detail = f"Your token is restricted to scorecards, and others are fed by {', '.join(slugs)}."
        raise Problem(403, "restricted", "Forbidden", detail)


def by_name_alone(request: Request) -> None:
    """A tag means services that a restricted token may not change, today or later."""
    for only, noun in ((allowed_services(request), "services"), (allowed_scorecards(request), "scorecards")):
        if only is not None:
            detail = f"Your token is restricted to {noun}: it plans for a service by its name, not by tag."
            raise Problem(403, "restricted", "Forbidden", detail)


def feeds_seen(request: Request, probe: Probe) -> list[dict[str, str]]:
    feeds = [{"metric": feed.metric, "kpi": f"{feed.kpi.scorecard.slug}/{feed.kpi.key}"} for feed in probe.feeds.all()]
    return seen(request, feeds)


def seen(request: Request, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of rows that name a KPI as `scorecard/key`, those of scorecards that the caller may see."""
    only = allowed_scorecards(request)
    return [row for row in rows if only is None or str(row.get("kpi", "")).partition("/")[0] in only]
