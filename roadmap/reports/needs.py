"""What needs somebody today: breaches, waivers that end, risks, tasks, decisions, reviews, as lines of a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from accounts.days import last_day
from kpis import waivers
from kpis.approvals import waiting_targets, waiting_waivers
from kpis.models import Decision, Waiver
from kpis.reviewing import reviews
from kpis.standing import Standing
from roadmap.models import GateWaiver, Roadmap
from roadmap.reports import waivers as gates
from roadmap.reports.phases import PlanReport
from roadmap.reports.risks import RiskReport
from roadmap.wording import count, day, days_in, sentence

SOON_DAYS = 14


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
class Told:
    """Waivers that ran out lately, with nothing after them, and those of KPIs that end within three days."""

    lapsed: tuple[Waiver, ...]
    ending: tuple[Waiver, ...]
    lapsed_gates: tuple[GateWaiver, ...]


def needs(
    roadmap: Roadmap, report: PlanReport, found: Sequence[Standing], register: RiskReport, ends: Told, now: datetime
) -> Iterator[Line]:
    yield from _waiver_lines(roadmap, ends)
    for standing in found:
        if str(standing.status) == "breached":
            yield _breach_line(roadmap, standing)
    yield from _risk_lines(roadmap, register)
    yield from _task_lines(roadmap, report)
    yield from _decision_lines(roadmap, now)
    yield from _review_lines(roadmap, found, report)
    if roadmap.review_on and roadmap.review_on < report.today:
        late = count((report.today - roadmap.review_on).days, "day")
        yield Line(
            icon="calendar-exclamation", look="s-behind", text="Review of the roadmap is overdue",
            sub=f"due {day(roadmap.review_on)}", at=late, url=reverse("roadmap:roadmap-detail", args=[roadmap.slug]),
        )  # fmt: skip


def _breach_line(roadmap: Roadmap, found: Standing) -> Line:
    """A waiver mutes nothing: the breach stays in the list, marked."""
    waived = f", waived until {day(last_day(found.waived_until))}" if found.waived_until else ""
    return Line(
        icon="alert-octagon",
        look="s-waived" if waived else "s-breached",
        text=f"{found.kpi.name} is breached{waived}",
        sub=f"alert at {found.alert_threshold:g} {found.unit}" if found.alert_threshold is not None else "",
        since=found.since,
        url=reverse("kpis:kpi-detail", args=[roadmap.scorecard.slug, found.kpi.key]),
    )


def told(roadmap: Roadmap, now: datetime) -> Told:
    card, plan = roadmap.scorecard_id, roadmap.pk
    return Told(
        lapsed=tuple(waivers.lapsed(now).filter(kpi__scorecard=card)),
        ending=tuple(waivers.ending(now).filter(kpi__scorecard=card)),
        lapsed_gates=tuple(gates.lapsed(now).filter(gate__phase__roadmap=plan).select_related("gate__phase")),
    )


def _waiver_lines(roadmap: Roadmap, found: Told) -> Iterator[Line]:
    url = reverse("kpis:approval-list")
    lapsed, ending = ("shield-x", "s-breached", "has lapsed"), ("shield-half", "s-waived", "ends soon")
    for rows, (icon, look, verb) in ((found.lapsed, lapsed), (found.ending, ending)):
        for row in rows:
            where = f" on {row.subject}" if row.subject else ""
            text = f"The waiver of {row.kpi.name}{where} {verb}"
            yield Line(icon=icon, look=look, text=text, sub=row.reason, at=day(row.expires_at.date()), url=url)
    for one in found.lapsed_gates:
        phase = one.gate.phase
        yield Line(
            icon="shield-x", look="s-breached", text=f"The waiver of {phase.name}’s gate has lapsed", sub=one.reason,
            at=day(one.expires_at.date()), url=reverse("roadmap:phase-detail", args=[roadmap.slug, phase.number]),
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


def _review_lines(roadmap: Roadmap, found: Sequence[Standing], report: PlanReport) -> Iterator[Line]:
    """The KPIs whose review is overdue, the latest first."""
    kpis = [one.kpi for one in found if one.kpi.review_rule]
    late = [one for one in reviews(kpis, today=report.today).values() if one.state == "overdue"]
    for one in sorted(late, key=lambda one: -one.days_late):
        yield Line(
            icon="calendar-exclamation", look="s-behind", text=f"Review of {one.kpi.name} is overdue",
            sub=f"due {day(one.due_on)}" if one.due_on else "", at=count(one.days_late, "day"),
            url=f"{reverse('kpis:kpi-detail', args=[roadmap.scorecard.slug, one.kpi.key])}#reviews",
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
    proposed = waiting_targets().filter(kpi__scorecard=roadmap.scorecard_id).count()
    asked = waiting_waivers(now).filter(kpi__scorecard=roadmap.scorecard_id).count()
    gates = GateWaiver.objects.filter(gate__phase__roadmap=roadmap, decision=Decision.PROPOSED, expires_at__gt=now).count()
    for number, noun in ((proposed, "target"), (asked + gates, "waiver")):
        if number:
            verb = "waits" if number == 1 else "wait"
            text = sentence(f"{count(number, f'proposed {noun}')} {verb} for approval").rstrip(".")
            yield Line(icon="rubber-stamp", look="s-plain", text=text, url=reverse("kpis:approval-list"))
