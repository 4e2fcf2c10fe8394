"""Badges: one KPI as a small SVG. Strangers see it only where the KPI says so."""

from __future__ import annotations

from html import escape

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.days import last_day
from accounts.permissions import Scope, may
from accounts.templatetags.ui import dated
from kpis.evaluation import Status
from kpis.models import KPI
from kpis.standing import standing

GREY = "#6b7280"
COLOURS = {
    Status.MET: "#15803d",
    Status.ON_TRACK: "#0369a1",
    Status.BEHIND: "#b45309",
    Status.BREACHED: "#b91c1c",
}
WAIVED = "#6741ab"
WIDTH = 6.6
"""Width of a character of the badge's text, about."""


@login_not_required
@require_safe
def kpi_badge(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """The badge of a KPI; 404 for strangers unless it is public, so that they learn nothing."""
    kpi = KPI.objects.active().select_related("scorecard").filter(scorecard__slug=slug, key=key).first()
    if kpi is None or not (kpi.public_badge or may(request.user, Scope.READ)):
        return HttpResponse("No such badge.\n", "text/plain", status=404)
    now = timezone.now()
    found = standing(kpi, now=now)
    figure = "" if found.actual is None else f"{found.actual:.4g} {kpi.unit} · "
    waived = f" · waived until {dated(last_day(found.waived_until), '%-d %b')}" if found.waived_until else ""
    colour = WAIVED if waived else COLOURS.get(found.status, GREY)
    response = HttpResponse(svg(kpi.name, f"{figure}{found.word}{waived}", colour), "image/svg+xml")
    # A copy does not outlive the waiver that it tells of.
    keep_s = min(60, int((found.waived_until - now).total_seconds())) if found.waived_until else 60
    response["Cache-Control"] = f"{'public' if kpi.public_badge else 'private'}, max-age={keep_s}"
    return response


def svg(label: str, text: str, colour: str) -> str:
    """Two boxes with a label and a text, without any style or script."""
    left, right = (round(len(part) * WIDTH + 14) for part in (label, text))
    title = escape(f"{label}: {text}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{title}">'
        f"<title>{title}</title>"
        f'<rect width="{left}" height="20" fill="#374151"/><rect x="{left}" width="{right}" height="20" fill="{colour}"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{left / 2}" y="14">{escape(label)}</text><text x="{left + right / 2}" y="14">{escape(text)}</text>'
        "</g></svg>\n"
    )
