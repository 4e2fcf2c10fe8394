"""What the plan returns and what it risks."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_safe

from roadmap import headlines
from roadmap.judging import standings_of
from roadmap.models import Roadmap
from roadmap.reports.money import money
from roadmap.reports.risks import RiskReport
from roadmap.reports.risks import risks as risks_of
from roadmap.views.pages import page
from roadmap.wording import count, joined, sentence


def _roadmap(slug: str) -> Roadmap:
    return get_object_or_404(Roadmap.objects.select_related("scorecard"), slug=slug)


@require_safe
def roi(request: HttpRequest, slug: str) -> HttpResponse:
    roadmap, now = _roadmap(slug), timezone.now()
    report = money(roadmap, standings_of(roadmap, now), now=now)
    headline = headlines.roi(
        payback=report.summary.payback_month,
        payback_date=f"{report.payback_on:%b %Y}" if report.payback_on else "",
        ratio=report.summary.return_ratio,
        months=report.plan.months,
        empty=report.empty,
    )
    planned = report.rate.planned
    lede = headlines.roi_lede(
        realised=report.rate.realisation,
        unknown=report.rate.unknown / planned if planned else None,
        net=report.summary.net,
        currency=report.currency,
    )
    context = {"roadmap": roadmap, "report": report, "headline": headline, "lede": lede, "now": now, "nav_section": "roi"}
    return page(request, "roadmap/roi.html", {**context, "unjudged": ("no_data", "stale", "no_target")})


@require_safe
def risks(request: HttpRequest, slug: str) -> HttpResponse:
    roadmap, now = _roadmap(slug), timezone.now()
    report = risks_of(roadmap, standings_of(roadmap, now), now=now)
    headline = headlines.risks(
        [f"{row.label} {row.risk.title}" for row in report.triggered], total=len(report.rows), overdue=len(report.overdue)
    )
    first = report.triggered[0] if report.triggered else None
    mitigations = first.mitigations if first else [m for row in report.rows for m in row.mitigations if m.look != "s-met"][:8]
    context = {"roadmap": roadmap, "report": report, "headline": headline, "lede": _lede(report), "nav_section": "risks"}
    return page(request, "roadmap/risks.html", {**context, "first": first, "mitigations": mitigations})


def _lede(report: RiskReport) -> str:
    if not report.rows:
        return ""
    parts = []
    for row in report.triggered:
        names = joined([trigger.name for trigger in row.judged.triggered_by])
        parts.append(sentence(f"{row.label} is triggered by {names}"))
    total = sum(row.total for row in report.rows)
    parts.append(sentence(f"{sum(row.done for row in report.rows)} of {count(total, 'mitigation')} are done"))
    if report.late_mitigations:
        parts.append(sentence(f"{count(report.late_mitigations, 'mitigation')} past the due date"))
    return " ".join(parts)
