"""Invented progress on top of a real plan, for the demo: whatever it writes is marked as demo data."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.days import day_end
from accounts.models import User
from kpis.models import KPI, Decision
from roadmap import working
from roadmap.loading import monday_of
from roadmap.models import (
    Benefit,
    BenefitKpi,
    Cost,
    CostEntry,
    Gate,
    GateWaiver,
    Impact,
    Mitigation,
    Phase,
    Risk,
    RiskTrigger,
    Roadmap,
    Task,
)

LABEL = "Demo data"


def start_of(data: dict[str, Any], today: date) -> date:
    """When the plan began, for `loading.load(starts_on=…)`."""
    return monday_of(today) - timedelta(weeks=int(data["weeks_before"]))


def rehearse(data: dict[str, Any], *, now: datetime) -> bool:
    """Add what fixtures/demo.yaml says to the roadmap that it names; False where that was done before. The people must
    be there. What would lie in the future is left out."""
    roadmap = Roadmap.objects.get(slug=data["roadmap"])
    if roadmap.demo:
        return False
    with transaction.atomic():
        stage = _Stage(data, roadmap, now)
        for step in (stage.tasks, stage.impacts, stage.phases, stage.money, stage.risks, stage.plan):
            step()
        audit.record(actor=None, action="roadmap.rehearse", subject=roadmap, after={"label": LABEL})
    return True


class _Stage:
    def __init__(self, data: dict[str, Any], roadmap: Roadmap, now: datetime) -> None:
        self.data, self.roadmap, self.now = data, roadmap, now
        self.people = {user.username: user for user in User.objects.all()}
        self.kpis = {kpi.key: kpi for kpi in KPI.objects.filter(scorecard_id=roadmap.scorecard_id)}

    def day(self, number: int) -> date:
        return self.roadmap.starts_on + timedelta(days=number)

    def moment(self, row: dict[str, Any]) -> datetime:
        return datetime.combine(self.day(row["day"]), time(int(row.get("hour", 12))), UTC)

    def past(self, name: str) -> list[dict[str, Any]]:
        return [row for row in self.data.get(name, []) if self.moment(row) <= self.now]

    def in_phase(self, model: Any, name: str) -> Any:
        """A row named `2/cache-warming`."""
        number, key = name.split("/")
        return model.objects.get(phase__roadmap=self.roadmap, phase__number=int(number), key=key)

    def tasks(self) -> None:
        for row in self.past("ticks"):
            working.set_state(
                task=self.in_phase(Task, row["task"]), state=row.get("state", "done"), actor=self.people[row["by"]],
                now=self.moment(row), note=LABEL,
            )  # fmt: skip
        for row in self.data.get("assignees", []):
            task = self.in_phase(Task, row["task"])
            task.assignee = self.people[row["to"]]
            task.save(update_fields=["assignee"])

    def impacts(self) -> None:
        for row in self.past("confirmations"):
            impact = self.in_phase(Impact, row["impact"])
            impact.confirmed_at, impact.confirmed_by = self.moment(row), self.people[row["by"]]
            impact.evidence = f"{LABEL}: {row['evidence']}"
            impact.save()

    def phases(self) -> None:
        for row in self.data.get("phases", []):
            phase = Phase.objects.get(roadmap=self.roadmap, number=row["number"])
            started, finished = self.day(row["started_day"]), row.get("finished_day")
            phase.started_on = started if started <= self.now.date() else None
            if finished is not None and self.day(finished) < self.now.date():
                phase.finished_on = self.day(finished)
                self._close(phase, row.get("waiver"))
            phase.save()

    def _close(self, phase: Phase, waiver: dict[str, Any] | None) -> None:
        gate = Gate.objects.get(phase=phase)
        moment = datetime.combine(phase.finished_on or self.now.date(), time(16), UTC)
        gate.closed_at, gate.closed_as = moment, "waived" if waiver else "passed"
        if waiver:
            gate.closed_by = self.people[waiver["by"]]
            GateWaiver.objects.create(
                gate=gate, reason=f"{LABEL}: {waiver['reason']}", decision=Decision.APPROVED,
                expires_at=day_end(self.day(waiver["until_day"])),
                requested_by=gate.closed_by, decided_by=self.people[waiver["approved_by"]], decided_at=moment,
            )  # fmt: skip
        gate.save()

    def money(self) -> None:
        for row in self.past("entries"):
            cost = Cost.objects.get(roadmap=self.roadmap, key=row["cost"])
            CostEntry.objects.create(
                cost=cost, booked_on=self.day(row["day"]), amount=Decimal(row["amount"]), note=f"{LABEL}: {row['note']}",
                by=self.people[row["by"]], demo=True,
            )  # fmt: skip
        for row in self.data.get("benefits", []):
            benefit = Benefit.objects.get(roadmap=self.roadmap, key=row["benefit"])
            for key, weight in row["kpis"].items():
                BenefitKpi.objects.get_or_create(
                    benefit=benefit, kpi=self.kpis[key], defaults={"weight": Decimal(weight), "demo": True}
                )

    def risks(self) -> None:
        for row in self.data.get("risks", []):
            risk = Risk.objects.get(roadmap=self.roadmap, key=row["risk"])
            risk.owner, risk.treatment, risk.status = self.people[row["owner"]], row["treatment"], row["status"]
            risk.residual_likelihood, risk.residual_impact = row["residual"]
            risk.review_on = self.day(row["review_day"])
            risk.save()
            for key in row["triggers"]:
                RiskTrigger.objects.get_or_create(risk=risk, kpi=self.kpis[key], defaults={"demo": True})
        for row in self.data.get("mitigations", []):
            risk_key, key = row["mitigation"].split("/")
            mitigation = Mitigation.objects.get(risk__roadmap=self.roadmap, risk__key=risk_key, key=key)
            mitigation.state, mitigation.owner = row["state"], self.people[row["owner"]]
            mitigation.due_on = self.day(row["due_day"]) if "due_day" in row else None
            mitigation.save()

    def plan(self) -> None:
        plan, state = self.roadmap, self.data["state"]
        plan.discount_rate = Decimal(self.data["discount_rate"])
        plan.state, plan.state_changed_by = state["state"], self.people[state["by"]]
        plan.state_changed_at = datetime.combine(plan.starts_on, time(9), UTC)
        plan.demo = True
        plan.save()
        plan.members.add(*(self.people[row["username"]] for row in self.data["people"] if row["username"] in self.people))
