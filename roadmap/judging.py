"""What KPI standings make of a plan: gate states, triggered risks and realised benefits, all derived when read.

Callers read the standings once (`kpis.standing.standings`) and hand them in by the KPI's id.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from accounts.templatetags.ui import figure_words
from kpis.commitments import approved, goal_of, holding
from kpis.evaluation import Status, attainment
from kpis.models import KPI, Decision, Target, Transition
from kpis.sparklines import sparklines
from kpis.standing import Standing, standings
from roadmap import gates, risk, roi, schedule
from roadmap.models import Benefit, Gate, GateWaiver, Impact, Risk, Roadmap, Task

Standings = Mapping[int, Standing]


@dataclass(frozen=True, kw_only=True)
class Month:
    """One calendar month of a benefit; `share` is the part of the month that has passed."""

    first: date
    share: Decimal
    realised: roi.Realised


def standings_of(roadmap: Roadmap, now: datetime) -> dict[int, Standing]:
    """Every KPI of the roadmap's scorecard as it stands, by id."""
    kpis = KPI.objects.active().filter(scorecard_id=roadmap.scorecard_id)
    return {standing.kpi.pk: standing for standing in standings(kpis, now=now)}


def is_waived(standing: Standing, now: datetime) -> bool:
    return standing.waived_until is not None and standing.waived_until > now


def work_of(tasks: Iterable[Task]) -> tuple[schedule.Work, ...]:
    return tuple(schedule.Work(task.state, task.effort_planned_h, task.effort_spent_h) for task in tasks)


def judge_gate(
    gate: Gate,
    *,
    tasks: Sequence[Task],
    impacts: Sequence[Impact],
    waivers: Sequence[GateWaiver],
    standings: Standings,
    now: datetime,
) -> gates.GateJudgement:
    """The gate of one phase out of rows that were read already; `gate.kpis` is best prefetched."""
    done = schedule.progress(work_of(tasks))
    criteria = [gates.tasks_criterion(done.done, done.total)] if gate.needs_tasks else []
    kpi_ids = [impact.kpi_id for impact in impacts if impact.kpi_id] if gate.needs_impacts else []
    for kpi_id in dict.fromkeys([*kpi_ids, *(kpi.pk for kpi in gate.kpis.all())]):
        criteria.append(_kpi_criterion(kpi_id, standings, now))
    if gate.needs_impacts:
        criteria += [
            gates.statement_criterion(impact.statement, impact.confirmed_at is not None)
            for impact in impacts
            if impact.kpi_id is None
        ]
    ended = now.date() > gate.phase.ends_on or (done.done == done.total and done.total > 0)
    waived = [waiver.expires_at for waiver in waivers if waiver.decision == Decision.APPROVED]
    return gates.judge(criteria, ended=ended, waived_until=max(waived, default=None), now=now)


def judge_gates(roadmap: Roadmap, standings: Standings, now: datetime) -> dict[int, gates.GateJudgement]:
    """Every gate of a roadmap, by the phase's id, in a constant number of queries."""
    found = Gate.objects.filter(phase__roadmap=roadmap).select_related("phase__roadmap")
    rows = found.prefetch_related("kpis", "waivers", "phase__tasks", "phase__impacts")
    return {
        gate.phase_id: judge_gate(
            gate,
            tasks=list(gate.phase.tasks.all()),
            impacts=list(gate.phase.impacts.all()),
            waivers=list(gate.waivers.all()),
            standings=standings,
            now=now,
        )
        for gate in rows
    }


def judge_risk(
    row: Risk, *, kpis: Sequence[KPI], standings: Standings, breaches: Mapping[int, Transition], now: datetime
) -> risk.Judgement:
    """One risk; `kpis` are those of its triggers, `breaches` the steps with which their alerts fired."""
    return risk.judge(
        inherent=risk.placement(row.likelihood, row.impact),
        residual=risk.placement(row.residual_likelihood, row.residual_impact),
        status=row.status,
        triggers=[_trigger(kpi, standings.get(kpi.pk), breaches.get(kpi.pk), now) for kpi in kpis],
        today=now.date(),
        review_on=row.review_on,
        stated_level=row.stated_level,
    )


def realised_months(benefits: Sequence[Benefit], *, starts_on: date, now: datetime) -> dict[int, list[Month]]:
    """For each benefit (by id, its links prefetched with their KPIs): month by month from the plan's start to today."""
    kpis = {link.kpi_id: link.kpi for benefit in benefits for link in benefit.links.all()}
    days = _days(starts_on, now.date())
    daily = _daily_attainments(kpis, days, now)
    months = _months(days)
    return {benefit.pk: [_realised_month(benefit, first, span, daily) for first, span in months.items()] for benefit in benefits}


def _realised_month(benefit: Benefit, first: date, days: list[date], daily: Mapping[tuple[int, date], float]) -> Month:
    share = Decimal(len(days)) / monthrange(first.year, first.month)[1]
    parts = [roi.part_of(link.weight, [daily.get((link.kpi_id, day)) for day in days]) for link in benefit.links.all()]
    return Month(first=first, share=share, realised=roi.realise(benefit.monthly_amount, parts, share))


def _daily_attainments(kpis: Mapping[int, KPI], days: list[date], now: datetime) -> dict[tuple[int, date], float]:
    """Attainment by (KPI, day), judged by the target in force at the end of the day; without one the day is missing."""
    if not kpis or not days:
        return {}
    targets = _approved_targets(kpis)
    found: dict[tuple[int, date], float] = {}
    for kpi_id, points in sparklines(kpis.values(), now=now, days=len(days) + 1, resolution="day").items():
        for at, actual in points:
            target = holding(targets[kpi_id], datetime.combine(at.date(), time.max, UTC))
            value = None if target is None else attainment(goal_of(target, kpis[kpi_id]), actual)
            if value is not None:
                found[kpi_id, at.date()] = value
    return found


def _approved_targets(kpis: Mapping[int, KPI]) -> dict[int, list[Target]]:
    targets: dict[int, list[Target]] = defaultdict(list)
    for target in approved(kpis):
        targets[target.kpi_id].append(target)
    return targets


def _kpi_criterion(kpi_id: int, standings: Standings, now: datetime) -> gates.Criterion:
    standing = standings.get(kpi_id)
    if standing is None:
        return gates.kpi_criterion(kpi=str(kpi_id), name="A KPI that is archived", status="no_data")
    return gates.kpi_criterion(
        kpi=standing.kpi.key, name=standing.kpi.name, status=str(standing.status), waived=is_waived(standing, now)
    )


def _trigger(kpi: KPI, standing: Standing | None, step: Transition | None, now: datetime) -> risk.Trigger:
    if standing is None or standing.status != Status.BREACHED:
        return risk.Trigger(kpi=kpi.key, name=kpi.name)
    actual = "" if standing.actual is None else figure_words(standing.actual, standing.unit)
    return risk.Trigger(
        kpi=kpi.key,
        name=kpi.name,
        breached_since=standing.since or now,
        measured=figure_words(step.value, standing.unit) if step and step.value is not None else actual,
        measured_at=step.measured_at if step else standing.at,
        origin=step.origin if step else standing.origin,
        actual=actual,
        waived=is_waived(standing, now),
    )


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _months(days: Iterable[date]) -> dict[date, list[date]]:
    months: dict[date, list[date]] = defaultdict(list)
    for day in days:
        months[day.replace(day=1)].append(day)
    return dict(months)
