"""The plan phase by phase: dates, progress, promises and the exit gate, judged now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import cast

from django.db.models import Prefetch, Q

from kpis.models import Decision
from kpis.standing import Standing
from roadmap import gates, judging, schedule
from roadmap.drawing.timeline import Axis, PhaseBars, axis, phase_bars
from roadmap.models import Gate, GateWaiver, Impact, Phase, Roadmap, Task
from roadmap.reports.tasks import TaskRow, task_rows

Standings = Mapping[int, Standing]

GATE_LOOKS = {
    "passed": ("circle-check", "s-met", "Passed"),
    "waived": ("shield-half", "s-waived", "Waived"),
    "failed": ("alert-octagon", "s-breached", "Failed"),
    "open": ("circle-half", "s-run", "Open"),
    "not_started": ("circle-dashed", "s-plain", "Not started"),
}


@dataclass(frozen=True, kw_only=True)
class CriterionRow:
    text: str
    reason: str
    look: str
    icon: str
    word: str
    standing: Standing | None


@dataclass(frozen=True, kw_only=True)
class GateReport:
    judgement: gates.GateJudgement
    icon: str
    look: str
    word: str
    criteria: tuple[CriterionRow, ...]
    held: int
    waiver: GateWaiver | None
    asked: GateWaiver | None
    closed_at: datetime | None
    closed_as: str

    @property
    def state(self) -> str:
        return self.judgement.state.value

    @property
    def decided(self) -> bool:
        return self.state != "open" or self.closed_as == "passed"


@dataclass(frozen=True, kw_only=True)
class PhaseReport:
    phase: Phase
    span: schedule.Span
    tasks: tuple[TaskRow, ...]
    progress: schedule.Progress
    slip_days: int
    state: str
    gate: GateReport
    impacts: tuple[Impact, ...]
    bars: PhaseBars

    @property
    def promise(self) -> str:
        return self.impacts[0].statement if self.impacts else ""

    @property
    def work(self) -> schedule.PhaseWork:
        return schedule.PhaseWork(span=self.span, tasks=tuple(row.work for row in self.tasks))


@dataclass(frozen=True, kw_only=True)
class PlanReport:
    """`late_days` is how long the longest overdue phase is past its planned end."""

    roadmap: Roadmap
    today: date
    week: int
    weeks: int
    span: schedule.Span
    axis: Axis
    phases: tuple[PhaseReport, ...]
    progress: schedule.Progress
    planned_share: float | None
    earned: schedule.EarnedValue
    late_days: int

    @property
    def days_left(self) -> int:
        return (self.span.last - self.today).days

    @property
    def current(self) -> PhaseReport | None:
        """The first phase in hand, else the first that is not closed."""
        rest = [report for report in self.phases if report.state != "closed"]
        return next((report for report in rest if report.state == "open"), rest[0] if rest else None)

    @property
    def closed(self) -> int:
        return sum(report.state == "closed" for report in self.phases)


def plan(roadmap: Roadmap, current: Standings, *, now: datetime, number: int | None = None) -> PlanReport:
    """All phases, or the one of that number alone; the axis is that of the whole plan either way."""
    everything = list(_phases(roadmap))
    shown = [phase for phase in everything if number is None or phase.number == number]
    tasks = Task.objects.filter(phase__roadmap=roadmap)
    rows = _by_phase(task_rows(tasks if number is None else tasks.filter(phase__number=number)))
    today = now.date()
    weeks = max((phase.week_to for phase in everything), default=0)
    ruler = axis(roadmap.starts_on, weeks, today, max((p.finished_on for p in everything if p.finished_on), default=None))
    reports = tuple(phase_report(phase, rows.get(phase.pk, ()), current, ruler=ruler, now=now) for phase in shown)
    return _plan_report(roadmap, reports, ruler, weeks, today)


def _plan_report(roadmap: Roadmap, reports: tuple[PhaseReport, ...], ruler: Axis, weeks: int, today: date) -> PlanReport:
    works = [report.work for report in reports]
    share = schedule.planned_share(works, today)
    return PlanReport(
        roadmap=roadmap,
        today=today,
        week=schedule.week_of(roadmap.starts_on, today),
        weeks=weeks,
        span=schedule.span_of_weeks(roadmap.starts_on, 1, max(1, weeks)),
        axis=ruler,
        phases=reports,
        progress=schedule.progress([work for phase in works for work in phase.tasks]),
        planned_share=None if share is None else float(share),
        earned=schedule.earned_value(works, today),
        late_days=max((r.slip_days for r in reports if r.state != "closed" and r.progress.done < r.progress.total), default=0),
    )


def _phases(roadmap: Roadmap) -> list[Phase]:
    waivers = GateWaiver.objects.filter(Q(decision=Decision.APPROVED) | Q(decision=Decision.PROPOSED)).select_related(
        "requested_by", "decided_by"
    )
    phases = (
        Phase.objects.filter(roadmap=roadmap)
        .select_related("gate__closed_by")
        .prefetch_related(
            Prefetch("impacts", Impact.objects.select_related("kpi__scorecard", "confirmed_by", "task")),
            Prefetch("gate__waivers", waivers),
            "gate__kpis",
        )
        .order_by("number")
    )
    found = list(phases)
    for phase in found:
        phase.roadmap = roadmap
        if hasattr(phase, "gate"):
            phase.gate.phase = phase
    return found


def _by_phase(rows: Sequence[TaskRow]) -> dict[int, tuple[TaskRow, ...]]:
    return {phase: tuple(group) for phase, group in groupby(rows, key=lambda row: row.phase_id)}


def phase_report(phase: Phase, rows: Sequence[TaskRow], current: Standings, *, ruler: Axis, now: datetime) -> PhaseReport:
    today = now.date()
    span = schedule.span_of_weeks(phase.roadmap.starts_on, phase.week_from, phase.week_to)
    state = phase_state(phase, rows)
    impacts = tuple(phase.impacts.all())
    return PhaseReport(
        phase=phase,
        span=span,
        tasks=tuple(rows),
        progress=schedule.progress([row.work for row in rows]),
        slip_days=schedule.slip_days(span, phase.finished_on, today),
        state=state,
        gate=gate_report(phase, rows, impacts, current, state=state, now=now),
        impacts=impacts,
        bars=phase_bars(
            ruler,
            planned_first=span.first,
            planned_last=span.last,
            started_on=phase.started_on,
            finished_on=phase.finished_on,
            today=today,
        ),
    )


def phase_state(phase: Phase, rows: Sequence[TaskRow]) -> str:
    """closed, open or not_started."""
    if phase.finished_on is not None:
        return "closed"
    return "open" if phase.started_on or any(row.state != "to_do" for row in rows) else "not_started"


def gate_report(
    phase: Phase, rows: Sequence[TaskRow], impacts: Sequence[Impact], current: Standings, *, state: str, now: datetime
) -> GateReport:
    gate: Gate | None = getattr(phase, "gate", None)
    waivers = list(gate.waivers.all()) if gate else []
    judgement = _judged(gate, rows, impacts, waivers, current, now)
    idle = state == "not_started" and judgement.state == "open"
    kept = "passed" if gate is not None and gate.closed_as == "passed" else judgement.state.value
    icon, look, word = GATE_LOOKS["not_started" if idle else kept]
    standings = {standing.kpi.key: standing for standing in current.values()}
    return GateReport(
        judgement=judgement,
        icon=icon,
        look=look,
        word=word,
        criteria=tuple(_row(criterion, standings.get(criterion.kpi), judgement) for criterion in judgement.criteria),
        held=sum(bool(criterion.holds) for criterion in judgement.criteria),
        waiver=next((w for w in waivers if w.decision == Decision.APPROVED and w.expires_at > now), None),
        asked=next((w for w in waivers if w.decision == Decision.PROPOSED and w.expires_at > now), None),
        closed_at=gate.closed_at if gate else None,
        closed_as=gate.closed_as if gate else "",
    )


def _judged(
    gate: Gate | None,
    rows: Sequence[TaskRow],
    impacts: Sequence[Impact],
    waivers: Sequence[GateWaiver],
    current: Standings,
    now: datetime,
) -> gates.GateJudgement:
    """A phase without a gate of its own must at least have its tasks done."""
    if gate is not None:
        tasks = cast("Sequence[Task]", rows)  # a row has a task's state and efforts, and the judge reads nothing else
        return judging.judge_gate(gate, tasks=tasks, impacts=impacts, waivers=waivers, standings=current, now=now)
    done = schedule.progress([row.work for row in rows])
    return gates.judge([gates.tasks_criterion(done.done, done.total)], ended=False, waived_until=None, now=now)


def _row(criterion: gates.Criterion, standing: Standing | None, judged: gates.GateJudgement) -> CriterionRow:
    if criterion.holds:
        icon, look, word = "circle-check", "s-met", "Passed"
    elif criterion.waived or judged.state == "waived":
        icon, look, word = "shield-half", "s-waived", "Waived"
    elif criterion.holds is None:
        icon, look, word = "circle-dashed", "s-nodata", "Not known"
    elif judged.state == "failed":
        icon, look, word = "alert-octagon", "s-breached", "Failed"
    else:
        icon, look, word = "hourglass", "s-behind", "Not yet"
    return CriterionRow(text=criterion.text, reason=criterion.reason, look=look, icon=icon, word=word, standing=standing)
