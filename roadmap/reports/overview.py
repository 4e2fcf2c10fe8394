"""Are we on plan, do the figures agree, and what needs somebody today."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.urls import reverse

from kpis.models import Decision, Target, Waiver
from kpis.standing import Standing, counts
from roadmap import headlines
from roadmap.judging import standings_of
from roadmap.models import GateWaiver, Roadmap
from roadmap.reports.money import MoneyReport, money
from roadmap.reports.phases import PlanReport, plan
from roadmap.reports.risks import RiskReport, risks
from roadmap.reports.tasks import TaskRow
from roadmap.wording import count, day, days_in, sentence, whole_money

SOON_DAYS = 14
LINES = 8
OFF_LINE = ("breached", "behind", "stale", "no_data", "no_target")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a list: what, a second line, when, and where to go."""

    icon: str
    look: str
    text: str
    sub: str = ""
    at: str = ""
    since: datetime | None = None
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class OverviewReport:
    roadmap: Roadmap
    plan: PlanReport
    standings: tuple[Standing, ...]
    counts: dict[str, int]
    off_line: tuple[Standing, ...]
    money: MoneyReport
    risks: RiskReport
    needs: tuple[Line, ...]
    agree: tuple[Line, ...]
    changes: tuple[TaskRow, ...]
    headline: str
    lede: str

    @property
    def met(self) -> int:
        return self.counts.get("met", 0)


def overview(roadmap: Roadmap, *, now: datetime) -> OverviewReport:
    current = standings_of(roadmap, now)
    found = list(current.values())
    plan_report = plan(roadmap, current, now=now)
    money_report = money(roadmap, current, now=now)
    risk_report = risks(roadmap, current, now=now)
    statuses = counts(found)
    tasks = [row for phase in plan_report.phases for row in phase.tasks]
    return OverviewReport(
        roadmap=roadmap,
        plan=plan_report,
        standings=tuple(found),
        counts=statuses,
        off_line=off_line(found),
        money=money_report,
        risks=risk_report,
        needs=tuple(_needs(roadmap, plan_report, found, risk_report, now)),
        agree=tuple(_agree(roadmap, found, money_report)),
        changes=tuple(sorted((row for row in tasks if row.changed_at), key=lambda row: row.changed_at or now, reverse=True)[:5]),
        headline=headlines.overview(
            state_of(plan_report),
            breached=sum(str(s.status) == "breached" for s in found),
            triggered=len(risk_report.triggered),
            overdue=len(risk_report.overdue),
            unmeasured=sum(str(s.status) == "no_data" for s in found),
            kpis=len(found),
        ),
        lede=_lede(plan_report, money_report, found),
    )


def state_of(report: PlanReport) -> str:
    return headlines.plan_state(
        week=report.week,
        weeks=report.weeks,
        days_to_start=(report.span.first - report.today).days,
        days_left=report.days_left,
        late_days=report.late_days,
        behind=(report.planned_share or 0.0) - float(report.progress.share or 0),
        done=report.progress.done,
        total=report.progress.total,
    )


def _lede(report: PlanReport, costs: MoneyReport, found: Sequence[Standing]) -> str:
    current = report.current
    return headlines.overview_lede(
        phase=f"Phase {current.phase.number}, {current.phase.name}," if current else "",
        phase_end=day(current.span.last) if current else "",
        met=sum(str(s.status) == "met" for s in found),
        kpis=len(found),
        realised=costs.rate.realisation,
        currency=costs.currency,
    )


def off_line(found: Sequence[Standing]) -> tuple[Standing, ...]:
    """The KPIs that are neither met nor on track, worst first."""
    off = [standing for standing in found if str(standing.status) in OFF_LINE]
    return tuple(sorted(off, key=lambda standing: OFF_LINE.index(str(standing.status)))[:6])


def _needs(
    roadmap: Roadmap, report: PlanReport, found: Sequence[Standing], register: RiskReport, now: datetime
) -> Iterator[Line]:
    for standing in found:
        if str(standing.status) == "breached":
            text = f"{standing.kpi.name} is breached"
            yield Line(
                icon="alert-octagon", look="s-breached", text=text, since=standing.since,
            url=reverse("kpis:kpi-detail", args=[roadmap.scorecard.slug, standing.kpi.key]),
                sub=f"alert at {standing.alert_threshold:g} {standing.unit}" if standing.alert_threshold is not None else "",
            )  # fmt: skip
    yield from _risk_lines(roadmap, register)
    yield from _task_lines(roadmap, report)
    yield from _decision_lines(roadmap, now)
    if roadmap.review_on and roadmap.review_on < report.today:
        late = count((report.today - roadmap.review_on).days, "day")
        yield Line(
            icon="calendar-exclamation", look="s-behind", text="Review of the roadmap is overdue",
            sub=f"due {day(roadmap.review_on)}", at=late, url=reverse("roadmap:roadmap-detail", args=[roadmap.slug]),
        )  # fmt: skip


def _risk_lines(roadmap: Roadmap, register: RiskReport) -> Iterator[Line]:
    url = reverse("roadmap:risks", args=[roadmap.slug])
    for row in register.triggered:
        now = row.judged.current
        sub = f"Likelihood {now.likelihood} × impact {now.impact} = {now.score}, {now.level}" if now else ""
        yield Line(
            icon="flame", look="s-breached", text=f"Risk {row.label} triggered: {row.risk.title}", sub=sub,
            since=row.judged.triggered_since, url=f"{url}#risk-{row.risk.pk}",
        )  # fmt: skip
    for row in register.overdue:
        yield Line(
            icon="calendar-exclamation", look="s-behind", text=f"Review of risk {row.label} is overdue", sub=row.risk.title,
            at=f"{row.overdue_days} d", url=f"{url}#risk-{row.risk.pk}",
        )  # fmt: skip


def _task_lines(roadmap: Roadmap, report: PlanReport) -> Iterator[Line]:
    url = reverse("roadmap:roadmap-detail", args=[roadmap.slug])
    tasks = [row for phase in report.phases for row in phase.tasks]
    late = [row for row in tasks if not row.settled and row.due_on and row.due_on < report.today]
    for row in [row for row in tasks if row.state == "blocked"][:3]:
        yield Line(
            icon="hand-stop", look="s-behind", text=f"{row.title} is blocked", sub=row.note, since=row.changed_at,
            url=f"{url}#task-{row.id}",
        )  # fmt: skip
    if late:
        sub = late[0].title if len(late) == 1 else f"{late[0].title} and {count(len(late) - 1, 'other')}"
        yield Line(
            icon="hourglass", look="s-behind", text=sentence(f"{count(len(late), 'task')} past the due date").rstrip("."),
            sub=sub,
            url=f"{url}#task-{late[0].id}",
        )  # fmt: skip
    for phase in report.phases:
        waiver = phase.gate.waiver
        if phase.gate.state == "waived" and waiver and (waiver.expires_at.date() - report.today).days <= SOON_DAYS:
            yield Line(
                icon="shield-half", look="s-waived", text=f"Waiver ends {day(waiver.expires_at.date())}: {phase.phase.name}",
                sub=waiver.reason, at=days_in((waiver.expires_at.date() - report.today).days),
                url=reverse("roadmap:phase-detail", args=[roadmap.slug, phase.phase.number]),
            )  # fmt: skip


def _decision_lines(roadmap: Roadmap, now: datetime) -> Iterator[Line]:
    """Targets and waivers that wait for an approver."""
    proposed = Target.objects.filter(kpi__scorecard=roadmap.scorecard_id, decision=Decision.PROPOSED).count()
    waivers = Waiver.objects.filter(kpi__scorecard=roadmap.scorecard_id, decision=Decision.PROPOSED, expires_at__gt=now).count()
    gates = GateWaiver.objects.filter(gate__phase__roadmap=roadmap, decision=Decision.PROPOSED, expires_at__gt=now).count()
    for number, noun in ((proposed, "target"), (waivers + gates, "waiver")):
        if number:
            verb = "waits" if number == 1 else "wait"
            text = sentence(f"{count(number, f'proposed {noun}')} {verb} for approval").rstrip(".")
            yield Line(icon="rubber-stamp", look="s-plain", text=text)


def _agree(roadmap: Roadmap, found: Sequence[Standing], costs: MoneyReport) -> Iterator[Line]:
    url = reverse("roadmap:roi", args=[roadmap.slug])
    for row in costs.stated:
        if not row.agrees:
            yield Line(
                icon="scale", look="s-behind", text=f"{row.figure}: stated {row.stated}, computed {row.computed}",
                sub=row.why, at="Compare", url=f"{url}#stated",
            )  # fmt: skip
    stale = sum(str(s.status) == "stale" for s in found)
    never = sum(str(s.status) == "no_data" for s in found)
    if found:
        fresh = len(found) - stale - never
        look, icon = ("s-met", "circle-check") if fresh == len(found) else ("s-stale", "history")
        yield Line(
            icon=icon, look=look, text=f"{fresh} of {len(found)} KPIs are fresh; {stale} stale, {never} never measured",
            sub="They are judged apart and never counted as met", at="Show",
            url=reverse("kpis:scorecard-detail", args=[roadmap.scorecard.slug]),
        )  # fmt: skip
    if costs.rate.unknown:
        unknown = whole_money(costs.rate.unknown, costs.currency)
        yield Line(
            icon="circle-dashed", look="s-nodata", text=f"{unknown} a month of benefit cannot be judged",
            sub="Its KPIs have no data, target or baseline, or are stale", at="Show", url=f"{url}#benefits",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class BenefitBar:
    """One column of the overview's chart, in units of its view box (200 high, from the top)."""

    x: float
    planned_y: float
    unknown_y: float
    realised_y: float
    label: str
    planned: str
    realised: str

    @property
    def value_y(self) -> float:
        """Above what is known and unknown, or inside the column where there is no room above."""
        return max(self.unknown_y - 5, self.planned_y + 16)


def benefit_bars(report: MoneyReport) -> tuple[BenefitBar, ...]:
    """The last months and the run rate, scaled to a whole month's plan."""
    top = report.plan.monthly_benefit
    if not top:
        return ()
    columns = [(_month_label(row.first, report, index), row.realised) for index, row in enumerate(report.months[-3:])]
    columns.append(("run rate", report.rate))
    width = 480 / len(columns)
    bars = []
    for index, (label, part) in enumerate(columns):
        realised = float(part.realised / top)
        unknown = float(part.unknown / top)
        bars.append(
            BenefitBar(
                x=round(60 + width * (index + 0.5) - 34, 1),
                planned_y=_y(float(part.planned / top)),
                unknown_y=_y(realised + unknown),
                realised_y=_y(realised),
                label=label,
                planned=f"of {whole_money(part.planned, report.currency)}",
                realised=whole_money(part.realised, report.currency),
            )
        )
    return tuple(bars)


def _y(share: float) -> float:
    return round(190 - 160 * share, 1)


def _month_label(first: date, report: MoneyReport, index: int) -> str:
    newest = index == len(report.months[-3:]) - 1
    return f"{first:%b} so far" if newest else f"{first:%b}"


def booked_share(report: MoneyReport) -> float:
    """Booked over the investment planned for twelve months, held to 0…1."""
    planned = report.summary.investment
    return float(min(Decimal(1), max(Decimal(0), report.booked / planned))) if planned else 0.0
