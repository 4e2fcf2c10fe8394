"""Pages of figures that people bring: type one, look at what came in, take it back."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.audit import actor_of
from accounts.permissions import ENTER, Scope, may, require
from kpis import entering
from kpis.entry_forms import EntryForm, TakeBackForm
from kpis.identity import Conflict
from kpis.models import KPI, Measurement
from kpis.points import Rejected
from kpis.report import report
from kpis.views import kpis
from kpis.views.pages import page

SHOWN = 200


@require_POST
@require(*ENTER)
def kpi_enter(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Back to the KPI's page: with the figure in it, or with what is wrong beside its field."""
    kpi, now = _kpi(slug, key), timezone.now()
    found = report(kpi, span="", now=now)
    form = EntryForm(request.POST, kpi=kpi, series=found.standing.series, now=now)
    if form.is_valid() and (said := _entered(request, form)):
        messages.success(request, said)
        return redirect(f"{kpis.kpi_url(kpi)}#headline")
    return kpis.beside_entry(request, kpi, found, form)


def _entered(request: HttpRequest, form: EntryForm) -> str:
    """What became of it; nothing where it was refused, which then stands beside its field."""
    actor, token = actor_of(request)
    try:
        entry = entering.enter(point=form.point(), actor=actor, now=timezone.now(), token=token)
    except Rejected as error:
        for _, name, detail in error.errors:
            form.add_error(name if name in form.fields else None, f"{detail[:1].upper()}{detail[1:]}.")
        return ""
    except Conflict:
        form.add_error("at", "Another figure of it stands at this time: take that one back first, or give another time.")
        return ""
    return "The figure is in." if entry.receipt.stored else "The same figure was there already, so nothing changed."


@require_http_methods(["GET", "HEAD", "POST"])
@require(Scope.READ)
def entry_detail(request: HttpRequest, slug: str, key: str, origin: str) -> HttpResponse:
    """What a person brought in at once, of this KPI; a POST takes all of it back."""
    kpi = _kpi(slug, key)
    rows = Measurement.objects.filter(entering.BY_PEOPLE, series__kpi=kpi, origin=origin).select_related("series").order_by("-at")
    listed = list(rows[:SHOWN])
    if not listed:
        raise Http404("Nothing came in under this name, or it was taken back.")
    form = TakeBackForm(request.POST or None)
    if request.method == "POST":
        return _take_back(request, kpi, origin, listed, form)
    return _entry(request, kpi, origin, listed, form)


def _take_back(request: HttpRequest, kpi: KPI, origin: str, rows: list[Measurement], form: TakeBackForm) -> HttpResponse:
    if not any(may(request.user, scope) for scope in ENTER):
        return require(*ENTER)(_take_back)(request, kpi, origin, rows, form)  # type: ignore[return-value]
    if not form.is_valid():
        return _entry(request, kpi, origin, rows, form, status=422)
    actor, token = actor_of(request)
    try:
        gone = entering.take_back(
            kpi=kpi, origin=origin, actor=actor, why=form.cleaned_data["why"], now=timezone.now(), token=token
        )
    except entering.Refused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{gone} figure{' is' if gone == 1 else 's are'} taken back.")
    return redirect(kpis.kpi_url(kpi))


def _entry(
    request: HttpRequest, kpi: KPI, origin: str, rows: list[Measurement], form: TakeBackForm, status: int = 200
) -> HttpResponse:
    kind, who = origin.split(":")[:2]
    context = {"kpi": kpi, "rows": rows, "form": form, "by_file": kind == "file", "who": who, "more": len(rows) == SHOWN}
    return page(request, "kpis/entry_detail.html", context, status=status)


def _kpi(slug: str, key: str) -> KPI:
    return get_object_or_404(KPI.objects.select_related("owner", "scorecard"), scorecard__slug=slug, key=key)
