"""What needs somebody today: breaches, waivers that end, risks, tasks, decisions, reviews, as lines of a list."""

from __future__ import annotations

from collections import Counter
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
from roadmap.headlines import SAID, Need
from roadmap.models import GateWaiver, Roadmap
from roadmap.reports import waivers as gates
from roadmap.reports.phases import PlanReport
from roadmap.reports.risks import RiskReport
from roadmap.reports.tasks import TaskRow
from roadmap.wording import count, day, days_in, sentence

SOON_DAYS = 14
BLOCKED_SHOWN = 3


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
class NeedLine(Line):
    """One line of what needs somebody; it may stand for a `number` of them."""

    need: Need
    number: int = 1


@dataclass(frozen=True, kw_only=True)
class Told:
    """Waivers that ran out lately, with nothing after them, and those of KPIs that end within three days."""

    lapsed: tuple[Waiver, ...]
    ending: tuple[Waiver, ...]
    lapsed_gates: tuple[GateWaiver, ...]


def needs(
    roadmap: Roadmap, report: PlanReport, found: Sequence[Standing], register: RiskReport, ends: Told, now: datetime
) -> Iterator[NeedLine]:
    yield from _waiver_lines(roadmap, ends)
    for standing in found:
        if str(standing.status) == "breached":
            yield _breach_line(roadmap, standing)
    yield from _unmeasured_lines(roadmap, found)
    yield from _risk_lines(roadmap, register)
    yield from _task_lines(roadmap, report)
    yield from _gate_lines(roadmap, report)
    yield from _decision_lines(roadmap, now)
    yield from _review_lines(roadmap, found, report)
    if roadmap.review_on and roadmap.review_on < report.today:
        late = count((report.today - roadmap.review_on).days, "day")
        yield NeedLine(
            need="review", icon="calendar-exclamation", look="s-behind", text="Review of the roadmap is overdue",
            sub=f"due {day(roadmap.review_on)}", at=late, url=reverse("roadmap:roadmap-detail", args=[roadmap.slug]),
        )  # fmt: skip


def counted(lines: Sequence[NeedLine]) -> dict[Need, int]:
    """How many of each kind the lines stand for."""
    found: Counter[Need] = Counter()
    for line in lines:
        found[line.need] += line.number
    return found


def _breach_line(roadmap: Roadmap, found: Standing) -> NeedLine:
    """A waiver mutes nothing: the breach stays in the list, marked."""
    waived = f", waived until {day(last_day(found.waived_until))}" if found.waived_until else ""
    return NeedLine(
        need="waived" if waived else "breach",
        icon="alert-octagon",
        look="s-waived" if waived else "s-breached",
        text=f"{found.kpi.name} is breached{waived}",
        sub=f"alert at {found.alert_threshold:g} {found.unit}" if found.alert_threshold is not None else "",
        since=found.since,
        url=reverse("kpis:kpi-detail", args=[roadmap.scorecard.slug, found.kpi.key]),
    )


def _unmeasured_lines(roadmap: Roadmap, found: Sequence[Standing]) -> Iterator[NeedLine]:
    """Where nothing was measured at all; where only some KPIs were not, the scorecard says so."""
    if found and all(str(one.status) == "no_data" for one in found):
        yield NeedLine(
            need="unmeasured", number=len(found), icon="circle-dashed", look="s-nodata",
            text=_said(len(found), *SAID["unmeasured"]), url=reverse("kpis:scorecard-detail", args=[roadmap.scorecard.slug]),
        )  # fmt: skip


def _said(number: int, noun: str, nouns: str) -> str:
    return sentence(count(number, noun, nouns)).rstrip(".")


def told(roadmap: Roadmap, now: datetime) -> Told:
    card, plan = roadmap.scorecard_id, roadmap.pk
    return Told(
        lapsed=tuple(waivers.lapsed(now).filter(kpi__scorecard=card)),
        ending=tuple(waivers.ending(now).filter(kpi__scorecard=card)),
        lapsed_gates=tuple(gates.lapsed(now).filter(gate__phase__roadmap=plan).select_related("gate__phase")),
    )


def _waiver_lines(roadmap: Roadmap, found: Told) -> Iterator[NeedLine]:
    url = reverse("kpis:approval-list")
    kinds: tuple[tuple[tuple[Waiver, ...], Need, str, str, str], ...] = (
        (found.lapsed, "lapsed", "shield-x", "s-breached", "has lapsed"),
        (found.ending, "ending", "shield-half", "s-waived", "ends soon"),
    )
    for rows, need, icon, look, verb in kinds:
        for row in rows:
            where = f" on {row.subject}" if row.subject else ""
            text = f"The waiver of {row.kpi.name}{where} {verb}"
            yield NeedLine(need=need, icon=icon, look=look, text=text, sub=row.reason, at=day(row.expires_at.date()), url=url)
    for one in found.lapsed_gates:
        phase = one.gate.phase
        yield NeedLine(
            need="lapsed", icon="shield-x", look="s-breached", text=f"The waiver of {phase.name}’s gate has lapsed",
            sub=one.reason, at=day(one.expires_at.date()), url=reverse("roadmap:phase-detail", args=[roadmap.slug, phase.number]),
        )  # fmt: skip


def _risk_lines(roadmap: Roadmap, register: RiskReport) -> Iterator[NeedLine]:
    url = reverse("roadmap:risks", args=[roadmap.slug])
    for row in register.triggered:
        now = row.judged.current
        sub = f"Likelihood {now.likelihood} × impact {now.impact} = {now.score}, {now.level}" if now else ""
        yield NeedLine(
            need="risk", icon="flame", look="s-breached", text=f"Risk {row.label} triggered: {row.risk.title}", sub=sub,
            since=row.judged.triggered_since, url=f"{url}#risk-{row.risk.pk}",
        )  # fmt: skip
    for row in register.overdue:
        yield NeedLine(
            need="review", icon="calendar-exclamation", look="s-behind", text=f"Review of risk {row.label} is overdue",
            sub=row.risk.title, at=f"{row.overdue_days} d", url=f"{url}#risk-{row.risk.pk}",
        )  # fmt: skip


def _review_lines(roadmap: Roadmap, found: Sequence[Standing], report: PlanReport) -> Iterator[NeedLine]:
    """The KPIs whose review is overdue, the latest first."""
    kpis = [one.kpi for one in found if one.kpi.review_rule]
    late = [one for one in reviews(kpis, today=report.today).values() if one.state == "overdue"]
    for one in sorted(late, key=lambda one: -one.days_late):
        yield NeedLine(
            need="review", icon="calendar-exclamation", look="s-behind", text=f"Review of {one.kpi.name} is overdue",
            sub=f"due {day(one.due_on)}" if one.due_on else "", at=count(one.days_late, "day"),
            url=f"{reverse('kpis:kpi-detail', args=[roadmap.scorecard.slug, one.kpi.key])}#reviews",
        )  # fmt: skip


def _task_lines(roadmap: Roadmap, report: PlanReport) -> Iterator[NeedLine]:
    url = reverse("roadmap:roadmap-detail", args=[roadmap.slug])
    tasks = [row for phase in report.phases for row in phase.tasks]
    late = [row for row in tasks if not row.settled and row.due_on and row.due_on < report.today]
    blocked = [row for row in tasks if row.state == "blocked"]
    for row in blocked[:BLOCKED_SHOWN]:
        yield NeedLine(
            need="blocked", icon="hand-stop", look="s-behind", text=f"{row.title} is blocked", sub=row.note,
            since=row.changed_at, url=f"{url}#task-{row.id}",
        )  # fmt: skip
    if rest := blocked[BLOCKED_SHOWN:]:
        yield NeedLine(
            need="blocked", number=len(rest), icon="hand-stop", look="s-behind",
            text=_said(len(rest), "more task is blocked", "more tasks are blocked"), sub=_and_others(rest),
            url=f"{url}#task-{rest[0].id}",
        )  # fmt: skip
    if late:
        yield NeedLine(
            need="late", number=len(late), icon="hourglass", look="s-behind", text=_said(len(late), *SAID["late"]),
            sub=_and_others(late), url=f"{url}#task-{late[0].id}",
        )  # fmt: skip


def _and_others(rows: Sequence[TaskRow]) -> str:
    return rows[0].title if len(rows) == 1 else f"{rows[0].title} and {count(len(rows) - 1, 'other')}"


def _gate_lines(roadmap: Roadmap, report: PlanReport) -> Iterator[NeedLine]:
    """Waivers that phases rest on and that end soon."""
    for phase in report.phases:
        waiver = phase.gate.waiver
        left = (waiver.expires_at.date() - report.today).days if waiver else 0
        if phase.gate.state == "waived" and waiver and left <= SOON_DAYS:
            yield NeedLine(
                need="ending", icon="shield-half", look="s-waived",
                text=f"Waiver ends {day(waiver.expires_at.date())}: {phase.phase.name}", sub=waiver.reason, at=days_in(left),
                url=reverse("roadmap:phase-detail", args=[roadmap.slug, phase.phase.number]),
            )  # fmt: skip


def _decision_lines(roadmap: Roadmap, now: datetime) -> Iterator[NeedLine]:
    """Targets and waivers that wait for an approver."""
    proposed = waiting_targets().filter(kpi__scorecard=roadmap.scorecard_id).count()
    asked = waiting_waivers(now).filter(kpi__scorecard=roadmap.scorecard_id).count()
    gates = GateWaiver.objects.filter(gate__phase__roadmap=roadmap, decision=Decision.PROPOSED, expires_at__gt=now).count()
    for number, noun in ((proposed, "target"), (asked + gates, "waiver")):
        if number:
            text = _said(number, f"proposed {noun} waits for approval", f"proposed {noun}s wait for approval")
            url = reverse("kpis:approval-list")
            yield NeedLine(need="decision", number=number, icon="rubber-stamp", look="s-plain", text=text, url=url)
