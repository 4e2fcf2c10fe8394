"""Roadmaps, one roadmap on its time line, and its phases."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.days import last_day
from roadmap import headlines
from roadmap.judging import standings_of
from roadmap.models import Phase, Roadmap, Task, TaskState
from roadmap.reports.overview import state_of
from roadmap.reports.phases import PhaseReport, PlanReport, plan
from roadmap.views.pages import page, target_of
from roadmap.wording import count, sentence

LISTED_AT_ONCE = 300


def _counted(tasks: QuerySet[Task]) -> Coalesce:
    grouped = tasks.filter(phase__roadmap=OuterRef("pk")).order_by().values("phase__roadmap").annotate(n=Count("pk"))
    return Coalesce(Subquery(grouped.values("n")), 0)


@require_safe
def roadmap_list(request: HttpRequest) -> HttpResponse:
    kept = Task.objects.exclude(state=TaskState.DROPPED)
    roadmaps = Roadmap.objects.select_related("scorecard").annotate(
        phase_count=Count("phases"), task_count=_counted(kept), done_count=_counted(kept.filter(state=TaskState.DONE))
    )
    found = list(roadmaps)
    headline = sentence(f"{count(len(found), 'roadmap')}") if found else "There is no roadmap yet."
    return page(request, "roadmap/roadmap_list.html", {"roadmaps": found, "headline": headline, "nav_section": "roadmap"})


@require_http_methods(["GET", "HEAD"])
def roadmap_detail(request: HttpRequest, slug: str) -> HttpResponse:
    roadmap = get_object_or_404(Roadmap.objects.select_related("scorecard"), slug=slug)
    now = timezone.now()
    report = plan(roadmap, standings_of(roadmap, now), now=now)
    context = {"roadmap": roadmap, "plan": report, "nav_section": "roadmap"}
    target = target_of(request)
    if target.startswith("phase-"):
        return _one_phase(request, report, target.removeprefix("phase-"), context)
    opened = _opened(request, report)
    lazy = report.progress.total > LISTED_AT_ONCE
    phases = [_Shown(phase, phase.phase.number in opened, lazy) for phase in report.phases]
    headline = headlines.roadmap(
        state_of(report),
        done=report.progress.done,
        total=report.progress.total,
        closed=report.closed,
        phases=len(report.phases),
    )
    return page(request, "roadmap/roadmap_detail.html", {**context, "phases": phases, "headline": headline})


class _Shown:
    """A phase as the time line shows it: everything of its report, and whether its check list is open and in the page."""

    def __init__(self, report: PhaseReport, opened: bool, lazy: bool) -> None:
        self.report = report
        self.open = opened
        self.listed = opened or not lazy

    def __getattr__(self, name: str) -> Any:
        return getattr(self.report, name)


def _opened(request: HttpRequest, report: PlanReport) -> set[int]:
    asked = {int(number) for number in request.GET.getlist("open") if number.isdecimal()}
    return asked or ({report.current.phase.number} if report.current else set())


def _one_phase(request: HttpRequest, report: PlanReport, number: str, context: dict[str, Any]) -> HttpResponse:
    """The fragment of one phase, and the strip above it, which moves with every tick."""
    found = next((phase for phase in report.phases if str(phase.phase.number) == number), None)
    if found is None:
        raise Http404
    return page(request, "roadmap/_phase_moved.html", {**context, "report": _Shown(found, True, False), "swap": True})


@require_safe
def phase_detail(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    roadmap = get_object_or_404(Roadmap.objects.select_related("scorecard"), slug=slug)
    now = timezone.now()
    current = standings_of(roadmap, now)
    plan_report = plan(roadmap, current, now=now, number=number)
    if not plan_report.phases:
        raise Http404
    report = plan_report.phases[0]
    numbers = list(Phase.objects.filter(roadmap=roadmap).order_by("number").values_list("number", flat=True))
    place = numbers.index(number)
    context = {
        "roadmap": roadmap,
        "nav_section": "roadmap",
        "plan": plan_report,
        "report": report,
        "headline": _phase_headline(report, now.date()),
        "phase_count": len(numbers),
        "before": numbers[place - 1] if place else None,
        "after": numbers[place + 1] if place + 1 < len(numbers) else None,
        "tasks": _with_tasks(report),
        "impacts": [(impact, current.get(impact.kpi_id or 0)) for impact in report.impacts],
        "confirmed": sum(impact.confirmed_at is not None for impact in report.impacts),
        "effort": _effort(report),
        "waivers": [waiver for waiver in (report.gate.waiver, report.gate.asked) if waiver],
    }
    template = "roadmap/_phase_page.html" if target_of(request) == "phase-page" else "roadmap/phase_detail.html"
    return page(request, template, context)


def _with_tasks(report: PhaseReport) -> list[tuple[Any, Task]]:
    texts = Task.objects.filter(phase=report.phase).in_bulk()
    return [(row, texts[row.id]) for row in report.tasks if row.id in texts]


def _effort(report: PhaseReport) -> dict[str, Decimal | None]:
    """Sums of what is stated; None where no task states any."""

    def total(values: list[Decimal]) -> Decimal | None:
        return sum(values, Decimal(0)) if values else None

    return {
        "planned": total([row.effort_planned_h for row in report.tasks if row.effort_planned_h is not None]),
        "spent": total([row.effort_spent_h for row in report.tasks if row.effort_spent_h is not None]),
    }


def _phase_headline(report: PhaseReport, today: Any) -> str:
    waived = report.gate.judgement.waived_until
    return headlines.phase(
        report.phase.name,
        done=report.progress.done,
        total=report.progress.total,
        gate=report.gate.state,
        held=report.gate.held,
        criteria=len(report.gate.criteria),
        waived_days=(last_day(waived) - today).days if waived else None,
    )
