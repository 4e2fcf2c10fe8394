"""Are we on plan, do the figures agree, and what needs somebody today."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.urls import reverse

from kpis.standing import Standing, counts
from roadmap import headlines
from roadmap.drawing.flow import short_money
from roadmap.judging import standings_of
from roadmap.models import Roadmap
from roadmap.reports.money import MoneyReport, money
from roadmap.reports.needs import Line, NeedLine, counted, needs, told
from roadmap.reports.phases import PlanReport, plan
from roadmap.reports.risks import RiskReport, risks
from roadmap.reports.tasks import TaskRow
from roadmap.wording import SYMBOLS, day, whole_money

LINES = 8
OFF_LINE = ("breached", "behind", "stale", "no_data", "no_target")


@dataclass(frozen=True, kw_only=True)
class OverviewReport:
    roadmap: Roadmap
    plan: PlanReport
    standings: tuple[Standing, ...]
    counts: dict[str, int]
    off_line: tuple[Standing, ...]
    money: MoneyReport
    risks: RiskReport
    needs: tuple[NeedLine, ...]
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
    lines = tuple(needs(roadmap, plan_report, found, risk_report, told(roadmap, now), now))
    tasks = [row for phase in plan_report.phases for row in phase.tasks]
    return OverviewReport(
        roadmap=roadmap,
        plan=plan_report,
        standings=tuple(found),
        counts=statuses,
        off_line=off_line(found),
        money=money_report,
        risks=risk_report,
        needs=lines,
        agree=tuple(_agree(roadmap, found, money_report)),
        changes=tuple(sorted((row for row in tasks if row.changed_at), key=lambda row: row.changed_at or now, reverse=True)[:5]),
        headline=headlines.overview(state_of(plan_report), counted(lines)),
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
        unknown=costs.rate.unknown_share,
    )


def off_line(found: Sequence[Standing]) -> tuple[Standing, ...]:
    """The KPIs that are neither met nor on track, worst first."""
    off = [standing for standing in found if str(standing.status) in OFF_LINE]
    return tuple(sorted(off, key=lambda standing: OFF_LINE.index(str(standing.status)))[:6])


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
    """One column of the overview's chart, in units of its view box (400 × 220), which is about as wide as it is shown."""

    x: float
    planned_y: float
    unknown_y: float
    realised_y: float
    label: str
    planned: str
    realised: str


def benefit_bars(report: MoneyReport) -> tuple[BenefitBar, ...]:
    """The last months and the run rate, scaled to a whole month's plan."""
    top = report.plan.monthly_benefit
    if not top:
        return ()
    columns = [(_month_label(row.first, report, index), row.realised) for index, row in enumerate(report.months[-3:])]
    columns.append(("run rate", report.rate))
    width = 348 / len(columns)
    bars = []
    for index, (label, part) in enumerate(columns):
        realised = float(part.realised / top)
        unknown = float(part.unknown / top)
        bars.append(
            BenefitBar(
                x=round(48 + width * (index + 0.5) - 28, 1),
                planned_y=_y(float(part.planned / top)),
                unknown_y=_y(realised + unknown),
                realised_y=_y(realised),
                label=label,
                planned=f"of {_amount(part.planned, report.currency)}",
                realised=_amount(part.realised, report.currency),
            )
        )
    return tuple(bars)


def _y(share: float) -> float:
    return round(190 - 146 * share, 1)


def _amount(amount: Decimal, currency: str) -> str:
    """As wide as a column at most: from a million on to three figures."""
    if amount < 1_000_000:
        return whole_money(amount, currency)
    return short_money(float(f"{amount:.3g}"), SYMBOLS.get(currency, ""))


def _month_label(first: date, report: MoneyReport, index: int) -> str:
    newest = index == len(report.months[-3:]) - 1
    return f"{first:%b} so far" if newest else f"{first:%b}"


def booked_share(report: MoneyReport) -> float:
    """Booked over the investment planned for twelve months, held to 0…1."""
    planned = report.summary.investment
    return float(min(Decimal(1), max(Decimal(0), report.booked / planned))) if planned else 0.0
