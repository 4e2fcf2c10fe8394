"""Pages of one KPI: where it stands and how it came there; its targets, proposed and decided."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts import spreadsheets
from accounts.audit import actor_of
from accounts.permissions import Scope, require
from accounts.requests import back_to, said
from kpis import rhythm, targets
from kpis.baselines import Measured
from kpis.change_forms import BOUNDS, SIDES, ChangeForm
from kpis.changes import changes
from kpis.course_table import table
from kpis.entering import typed
from kpis.entry_forms import EntryForm
from kpis.forms import BaselineForm, ProposalForm
from kpis.headlines import kpi_headline, kpi_lede
from kpis.models import KPI, Target
from kpis.report import MOST_LISTED, SPANS, Report, report, stands_for, target_history, waivers
from kpis.reviewing import reviews
from kpis.sides import versions as commits
from kpis.streams import streams
from kpis.views.defining import archived
from kpis.views.pages import asks_for, live, page

VERBS = {"approve": targets.approve, "reject": targets.reject, "withdraw": targets.withdraw}


@require(Scope.READ)
@require_safe
def kpi_detail(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    kpi = _kpi(slug, key)
    found = report(kpi, span=request.GET.get("range", ""), now=timezone.now())
    if asks_for(request, "kpi"):
        return live(request, "kpis/_kpi.html", _live_part(found))
    asked = ChangeForm(request.GET, kpi=kpi, where=stands_for(found.standing))
    return page(request, "kpis/kpi_detail.html", _whole(kpi, found, base=_base(kpi, request.GET), asked=asked))


@require(Scope.READ)
@require_safe
def kpi_csv(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """The points of the chart's first line, oldest first: of the series that stands for the KPI now, where one does."""
    kpi = _kpi(slug, key)
    found = report(kpi, span=request.GET.get("range", ""), now=timezone.now())
    response = HttpResponse(spreadsheets.lines(table(found.points[::-1], kpi.unit)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{slug}-{key}-{found.span}.csv"'
    return response


@require(Scope.TARGETS_PROPOSE)
@require_POST
def target_propose(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Back to the KPI's page: with the new version waiting, or with what is wrong beside its field."""
    kpi = _kpi(slug, key)
    found = report(kpi, span="", now=timezone.now())
    base = _base(kpi, request.POST)
    form = _form(kpi, found, request.POST, base.measured())
    version = form.propose(actor=actor_of(request)[0]) if form.is_valid() and not base.errors else None
    if version is None:
        context = _whole(kpi, found, form=form, base=base) | {"here": kpi_url(kpi)}
        return page(request, "kpis/kpi_detail.html", context, status=422)
    messages.success(request, f"Version {version.number} waits for approval by somebody else.")
    return redirect(kpi_url(kpi))


@require(Scope.READ)
@require_POST
def target_decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve, reject or withdraw a proposal, as `decision` says; the guard of the verb is that of the API."""
    verb = request.POST.get("decision", "")
    if verb not in VERBS:
        raise Http404
    needed = Scope.TARGETS_PROPOSE if verb == "withdraw" else Scope.APPROVE
    return require(needed)(_decide)(request, get_object_or_404(Target.objects.select_related("kpi__scorecard"), pk=pk), verb)  # type: ignore[return-value]


def _decide(request: HttpRequest, target: Target, verb: str) -> HttpResponse:
    note, seen = said(request, "note"), said(request, "seen", 9)
    more: dict[str, Any] = {"seen": int(seen)} if verb == "approve" and seen.isdecimal() else {}
    try:
        done = VERBS[verb](target=target, actor=actor_of(request)[0], now=timezone.now(), note=note, **more)
    except targets.Refused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Version {done.number} is {done.get_decision_display()}.")
    return redirect(back_to(request, kpi_url(target.kpi)))


def beside_entry(request: HttpRequest, kpi: KPI, found: Report, entry: EntryForm) -> HttpResponse:
    """The KPI's page with what is wrong about a typed figure."""
    return page(request, "kpis/kpi_detail.html", _whole(kpi, found, entry=entry) | {"here": kpi_url(kpi)}, status=422)


def kpi_url(kpi: KPI) -> str:
    return reverse("kpis:kpi-detail", args=[kpi.scorecard.slug, kpi.key])


def _kpi(slug: str, key: str) -> KPI:
    return get_object_or_404(KPI.objects.select_related("owner", "approver", "scorecard"), scorecard__slug=slug, key=key)


def _form(kpi: KPI, found: Report, data: Any, measured: Measured | None) -> ProposalForm:
    return ProposalForm(data, kpi=kpi, in_force=found.standing.target, now=timezone.now(), measured=measured)


def _base(kpi: KPI, data: Any) -> BaselineForm:
    """The window of a measured baseline, where one was asked for."""
    return BaselineForm(data if "baseline_since" in data else None, kpi=kpi, now=timezone.now())


def _live_part(found: Report) -> dict[str, Any]:
    return {
        "report": found,
        "standing": found.standing,
        "kpi": found.kpi,
        "spans": [(key, word) for key, (word, _) in SPANS.items()],
        "headline": kpi_headline(found.standing),
        "lede": kpi_lede(found.standing),
    }


def _whole(
    kpi: KPI,
    found: Report,
    *,
    form: ProposalForm | None = None,
    base: BaselineForm | None = None,
    asked: ChangeForm | None = None,
    entry: EntryForm | None = None,
) -> dict[str, Any]:
    asked, base = asked or ChangeForm(kpi=kpi, where={}), base or _base(kpi, {})
    at, course, stands = asked.at_asked, found.points[::-1], found.standing
    form = form or _form(kpi, found, None, base.measured())
    there = sorted(streams(kpi), key=lambda row: row.enabled)  # those that are set aside first
    return {
        **_live_part(found),
        "versions": target_history(kpi, now=timezone.now()),
        "waivers": waivers(kpi),
        "changes": changes(kpi, course, stands.goal, drawn=found.drawn, actual=stands.actual, at=at, sides=asked.sides),
        "asked": asked,
        "two_windows": [asked[name] for name in BOUNDS],
        "two_versions": [asked[name] for name in SIDES],
        "commits": commits(kpi),
        "sides_open": asked.asks((*BOUNDS, *SIDES)),
        "form": form,
        "base": base,
        "review": reviews([kpi], today=timezone.now().date())[kpi.pk],
        "rhythm": rhythm.words(kpi.review_rule),
        "reviewed": list(kpi.reviews.select_related("reviewed_by")[:5]),
        "archived": archived(kpi),
        "streams": there[:MOST_LISTED],
        "streams_there": len(there),
        "typed": typed(kpi),
        "entry": entry or EntryForm(kpi=kpi, series=found.standing.series, now=timezone.now()),
    }
