"""The first page: on plan or not, and what needs somebody today."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from roadmap.context import pick
from roadmap.reports.overview import OverviewReport, benefit_bars, booked_share
from roadmap.reports.overview import overview as overview_of
from roadmap.views.pages import live, page, target_of

NEEDS_SHOWN = 7


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    roadmap = pick(request)
    if roadmap is None:
        return page(request, "roadmap/overview_empty.html", {"nav_section": "overview"})
    now = timezone.now()
    report = overview_of(roadmap, now=now)
    context = {"roadmap": roadmap, "nav_section": "overview", "now": now, **_shown(report)}
    if target_of(request) == "overview":
        return live(request, "roadmap/_overview.html", context)
    return page(request, "roadmap/overview.html", context)


def _shown(report: OverviewReport) -> dict[str, Any]:
    span = report.plan.span
    return {
        "report": report,
        "plan": report.plan,
        "needs": report.needs[:NEEDS_SHOWN],
        "more_needs": max(0, len(report.needs) - NEEDS_SHOWN),
        "bars": benefit_bars(report.money),
        "elapsed": span.elapsed(report.plan.today),
        "met_share": report.met / len(report.standings) if report.standings else 0,
        "booked": booked_share(report.money),
    }
