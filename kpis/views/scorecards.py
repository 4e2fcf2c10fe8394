"""Pages of scorecards: the list, one with all its KPIs, and its CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts import spreadsheets
from accounts.permissions import Scope, require
from accounts.prepared import Prepared, Slot
from kpis import waivers
from kpis.gaps import WORDS, counted, gaps
from kpis.headlines import scorecard_headline, scorecard_lede
from kpis.models import KPI, Category, Scorecard
from kpis.reviewing import reviews
from kpis.rows import GROUPS, SORTS, Choice, grouped, needs_attention, picked, way_of
from kpis.sparklines import sparklines
from kpis.standing import Standing, counts, standings
from kpis.views.defining import archived
from kpis.views.pages import asks_for, live, page

COLUMNS = (
    "key", "name", "category", "unit", "baseline", "actual", "target", "alert_threshold", "way", "asked", "status", "since",
    "measured_at", "origin", "service", "owner", "waived_until",
)  # fmt: skip


_OF_CARD = Prepared(lambda: KPI.objects.filter(scorecard_id=Slot("scorecard")).select_related("owner"))


@require(Scope.READ)
@require_safe
def scorecard_list(request: HttpRequest) -> HttpResponse:
    every = list(Scorecard.objects.all())
    cards = [card for card in every if card.archived_at is None]
    by_card: dict[int, list[Standing]] = {card.pk: [] for card in cards}
    for one in standings(_kpis().filter(scorecard__in=cards), now=timezone.now()):
        by_card[one.kpi.scorecard_id].append(one)
    rows = [(card, scorecard_headline(by_card[card.pk]), counts(by_card[card.pk]), len(by_card[card.pk])) for card in cards]
    gone = [card for card in every if card.archived_at is not None]
    return page(request, "kpis/scorecard_list.html", {"rows": rows, "gone": gone})


@require(Scope.READ)
@require_safe
def scorecard_detail(request: HttpRequest, slug: str) -> HttpResponse:
    card = get_object_or_404(Scorecard, slug=slug)
    now = timezone.now()
    every = _OF_CARD(scorecard=card.pk)
    for kpi in every:
        kpi.scorecard = card
    found = standings([kpi for kpi in every if kpi.archived_at is None], now=now)
    context = {
        "scorecard": card,
        "gone": [kpi for kpi in every if kpi.archived_at is not None],
        "archived": archived(card),
        "now": now,
        **_told(found),
        **_missing(found, now),
        **_excused(found, now),
        **_shown(found, Choice.of(request.GET), now),
    }
    if asks_for(request, "scorecard"):
        return live(request, "kpis/_scorecard.html", context)
    return page(request, "kpis/scorecard_detail.html", context)


def _told(found: Sequence[Standing]) -> dict[str, Any]:
    """All of it in a few words and numbers."""
    return {
        "headline": scorecard_headline(found),
        "lede": scorecard_lede(found),
        "counts": counts(found),
        "total": len(found),
        "attention": sum(needs_attention(one) for one in found),
        "subjects": len({row.subject for one in found for row in one.series}),
    }


def _missing(found: Sequence[Standing], now: datetime) -> dict[str, Any]:
    lacking = gaps(found, reviews([one.kpi for one in found], today=now.date()))
    return {
        "gaps": lacking,
        "gaps_counted": counted(lacking),
        "gap_names": [word.capitalize() for word in WORDS.values()],
        "gaps_open": any(gap.review.state == "overdue" for gap in lacking),
    }


def _excused(found: Sequence[Standing], now: datetime) -> dict[str, Any]:
    """Waivers that have lately run out, and those that soon will, each with its KPI."""
    named = {one.kpi.pk: one for one in found}
    lapsed, ending = waivers.called_to_mind(named, now)
    return {
        "lapsed": [(row, named[row.kpi_id]) for row in lapsed],
        "ending": [(row, named[row.kpi_id]) for row in ending],
    }


def _shown(found: Sequence[Standing], choice: Choice, now: datetime) -> dict[str, Any]:
    """The rows that were asked for, and what can be asked."""
    shown = picked(found, choice)
    return {
        "choice": choice,
        "groups": grouped(shown, choice),
        "sparklines": sparklines([one.kpi for one in shown], now=now),
        "group_words": GROUPS,
        "sort_words": SORTS,
        "categories": Category.choices,
    }


@require(Scope.READ)
@require_safe
def scorecard_csv(request: HttpRequest, slug: str) -> HttpResponse:
    """The rows that the page shows, in its order; figures as they are, without units of their own."""
    card = get_object_or_404(Scorecard, slug=slug)
    shown = picked(standings(_kpis().filter(scorecard=card), now=timezone.now()), Choice.of(request.GET))
    response = HttpResponse(spreadsheets.lines(_table(shown)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{card.slug}.csv"'
    return response


def _kpis() -> Any:
    return KPI.objects.filter(archived_at=None).select_related("owner", "scorecard")


def _table(shown: Sequence[Standing]) -> Iterator[Sequence[object]]:
    yield COLUMNS
    for one in shown:
        yield (
            one.kpi.key, one.kpi.name, one.kpi.category, one.unit, one.baseline, one.actual, one.target_text, one.alert_threshold,
            way_of(one), one.asked, str(one.status), _iso(one.since), _iso(one.at),
            *((one.origin, one.worst_subject) if one.alone else ("", "")), one.kpi.owner, _iso(one.waived_until),
        )  # fmt: skip


def _iso(moment: Any) -> str:
    return moment.isoformat() if moment else ""
