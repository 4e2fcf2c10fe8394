"""The risk register, judged by the KPIs it listens to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Prefetch

from kpis import duty
from kpis.evaluation import Status
from kpis.models import KPI, Transition
from kpis.standing import Standing
from roadmap import judging, risk
from roadmap.drawing.matrix import Matrix, Placed, matrix
from roadmap.models import Mitigation, MitigationState, Risk, RiskTrigger, Roadmap
from roadmap.reports.phases import Standings
from roadmap.reports.tasks import Person, person
from roadmap.risk import Judgement

STATUS_LOOKS = {
    "triggered": ("flame", "s-breached", "Triggered"),
    "open": ("circle", "s-behind", "Open"),
    "mitigating": ("progress-check", "s-ontrack", "Mitigating"),
    "accepted": ("circle-check", "s-plain", "Accepted"),
    "closed": ("circle-check", "s-plain", "Closed"),
}
LEVEL_LOOKS = {"low": "dim", "medium": "t-stale", "high": "t-behind", "critical": "t-breached"}
MITIGATION_LOOKS = {
    "done": ("circle-check", "s-met"),
    "in_progress": ("progress", "s-run"),
    "to_do": ("circle", "s-plain"),
    "dropped": ("circle-dashed", "s-nodata"),
}


@dataclass(frozen=True, kw_only=True)
class MitigationRow:
    mitigation: Mitigation
    icon: str
    look: str
    late_days: int
    owner: Person | None


@dataclass(frozen=True, kw_only=True)
class ListenedTo:
    kpi: KPI
    standing: Standing | None


@dataclass(frozen=True, kw_only=True)
class RiskRow:
    label: str
    risk: Risk
    judged: Judgement
    icon: str
    look: str
    word: str
    triggers: tuple[ListenedTo, ...]
    mitigations: tuple[MitigationRow, ...]
    owner: Person | None
    overdue_days: int

    @property
    def done(self) -> int:
        return sum(row.mitigation.state == MitigationState.DONE for row in self.mitigations)

    @property
    def total(self) -> int:
        return sum(row.mitigation.state != MitigationState.DROPPED for row in self.mitigations)

    @property
    def level_look(self) -> str:
        return LEVEL_LOOKS[self.judged.level] if self.judged.level else "dim"

    @property
    def inherent_look(self) -> str:
        return LEVEL_LOOKS[self.judged.inherent.level] if self.judged.inherent else "dim"


@dataclass(frozen=True, kw_only=True)
class RiskReport:
    rows: tuple[RiskRow, ...]
    matrix: Matrix
    today: date

    @property
    def triggered(self) -> tuple[RiskRow, ...]:
        return tuple(row for row in self.rows if row.judged.triggered)

    @property
    def overdue(self) -> tuple[RiskRow, ...]:
        return tuple(row for row in self.rows if row.judged.review_overdue)

    @property
    def late_mitigations(self) -> int:
        return sum(m.late_days > 0 for row in self.rows for m in row.mitigations)


def risks(roadmap: Roadmap, current: Standings, *, now: datetime) -> RiskReport:
    """Sorted by the current score, triggered ones first."""
    found = (
        Risk.objects.filter(roadmap=roadmap)
        .select_related("owner")
        .prefetch_related(
            Prefetch("triggers", RiskTrigger.objects.select_related("kpi__scorecard")),
            Prefetch("mitigations", Mitigation.objects.select_related("owner")),
        )
        .order_by("position", "id")
    )
    breached = [pk for pk, standing in current.items() if standing.status == Status.BREACHED]
    breaches = duty.breaches(breached) if breached else {}
    rows = [risk_row(f"R{number}", row, current, breaches, now=now) for number, row in enumerate(found, start=1)]
    drawn = matrix([_placed(row) for row in rows if row.judged.status != "closed"], risk.BANDS)
    rows.sort(key=lambda row: (not row.judged.triggered, -(row.judged.current.score if row.judged.current else 0)))
    return RiskReport(rows=tuple(rows), matrix=drawn, today=now.date())


def risk_row(label: str, row: Risk, current: Standings, breaches: Mapping[int, Transition], *, now: datetime) -> RiskRow:
    today = now.date()
    listened = tuple(ListenedTo(kpi=t.kpi, standing=current.get(t.kpi_id)) for t in row.triggers.all())
    judged = judging.judge_risk(row, kpis=[link.kpi for link in listened], standings=current, breaches=breaches, now=now)
    icon, look, word = STATUS_LOOKS[judged.status]
    return RiskRow(
        label=label,
        risk=row,
        judged=judged,
        icon=icon,
        look=look,
        word=word,
        triggers=listened,
        mitigations=tuple(_mitigation(m, today) for m in row.mitigations.all()),
        owner=person(row.owner),
        overdue_days=(today - row.review_on).days if judged.review_overdue and row.review_on else 0,
    )


def _mitigation(row: Mitigation, today: date) -> MitigationRow:
    icon, look = MITIGATION_LOOKS[row.state]
    open_ = row.state in (MitigationState.TO_DO, MitigationState.IN_PROGRESS)
    late = (today - row.due_on).days if open_ and row.due_on and row.due_on < today else 0
    if late:
        icon, look = "hourglass", "s-behind"
    return MitigationRow(mitigation=row, icon=icon, look=look, late_days=late, owner=person(row.owner))


def _placed(row: RiskRow) -> Placed:
    inherent, now = row.judged.inherent, row.judged.current
    return Placed(
        text=row.label,
        inherent=(inherent.likelihood, inherent.impact) if inherent else None,
        current=(now.likelihood, now.impact) if now else None,
        triggered=row.judged.triggered,
    )
