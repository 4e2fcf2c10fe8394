"""A roadmap file into the database, again and again: what nobody changed since the last time follows the file, what
people changed or removed stays as they left it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import msgspec
from django.core.exceptions import ValidationError
from django.db import models, transaction

from accounts import audit
from accounts.models import User
from accounts.versions import Row
from kpis.loading import load_scorecard
from kpis.models import KPI, Decision, Scorecard
from roadmap import document as doc
from roadmap import records
from roadmap.limits import DAYS, is_day
from roadmap.models import (
    AlertRule,
    Benefit,
    BenefitKpi,
    Cost,
    CostEntry,
    Gate,
    GateWaiver,
    Impact,
    LoadProfile,
    Mitigation,
    Phase,
    Risk,
    RiskTrigger,
    Roadmap,
    Task,
)

PEOPLE = {"assignee", "owner", "state_changed_by", "confirmed_by", "closed_by", "by", "requested_by", "decided_by",
          "ended_by"}  # fmt: skip
UNDECIDED = {
    "decision": Decision.PROPOSED, "decided_by": None, "decided_at": None, "decision_note": "", "self_approved": False,
    "ended_by": None,
}  # fmt: skip


@dataclass
class Receipt:
    """What a load did, row by row (`task 1/indexes`); `kept` names fields that the file has otherwise, but people changed."""

    slug: str = ""
    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    unchanged: int = 0
    unknown_people: list[str] = field(default_factory=list)


class _Undone(Exception):
    """Leaves the transaction of a dry run."""


def load(
    document: doc.Document,
    *,
    now: datetime,
    starts_on: date | None = None,
    actor: User | None = None,
    token: str = "",
    dry_run: bool = False,
) -> Receipt:
    """Write a document in one transaction. Week 1 starts on `starts_on`, else as the file says, else on the Monday of
    this week; a roadmap that is there keeps its start unless one is given. A dry run tells the same and writes nothing.
    Raises Malformed."""
    if starts_on is not None and not is_day(starts_on):
        raise doc.Malformed(DAYS, "starts_on")
    receipt = Receipt(slug=document.roadmap.slug)
    try:
        with transaction.atomic():
            loader = _Loader(document, receipt, now, actor, starts_on)
            roadmap = loader.roadmap()
            loader.plan(roadmap)
            if receipt.created or receipt.changed:
                after = {"created": len(receipt.created), "changed": len(receipt.changed), "kept": len(receipt.kept)}
                audit.record(actor=actor, action="roadmap.load", subject=roadmap, after=after, token=token)
            if dry_run:
                raise _Undone
    except _Undone:
        pass
    return receipt


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


class _Loader:
    """One load: who is who, which KPI is which, and what has been done so far."""

    def __init__(
        self, document: doc.Document, receipt: Receipt, now: datetime, actor: User | None, starts_on: date | None
    ) -> None:
        self.document, self.receipt, self.moved, self.actor = document, receipt, starts_on is not None, actor
        self.found = Roadmap.objects.filter(slug=document.roadmap.slug).first()
        self.starts_on = starts_on or (
            self.found.starts_on if self.found else document.roadmap.starts_on or monday_of(now.date())
        )
        self.scorecard = _scorecard(_in_force_from(document.scorecard, min(self.starts_on, now.date())), actor, now)
        self.kpis = {kpi.key: kpi for kpi in KPI.objects.filter(scorecard=self.scorecard)}
        self.people = {user.username: user for user in User.objects.all()}
        self.known: set[str] = set()

    def roadmap(self) -> Roadmap:
        found, head = self.found, self.document.roadmap
        fields = _plain(head, "slug", "members") | {"scorecard": self.scorecard, "starts_on": self.starts_on}
        if found is not None and not self.moved:
            del fields["starts_on"]
        self.known = set(found.source.get("rows", [])) if found else set()
        row = self._merge(found or Roadmap(slug=head.slug), found is None, "roadmap", self._with_people(fields))
        if found is None:
            row.members.set(filter(None, map(self._person, head.members)))
        return cast(Roadmap, row)

    def plan(self, roadmap: Roadmap) -> None:
        for phase in self.document.phases:
            self._phase(roadmap, phase)
        for place, cost in enumerate(self.document.costs):
            self._cost(roadmap, cost, place)
        for place, benefit in enumerate(self.document.benefits):
            self._benefit(roadmap, benefit, place)
        for place, risk in enumerate(self.document.risks):
            self._risk(roadmap, risk, place)
        for place, profile in enumerate(self.document.load_profiles):
            fields = _plain(profile, "key") | {"position": place}
            self._row(LoadProfile, {"roadmap": roadmap, "key": profile.key}, f"load profile {profile.key}", fields)
        for place, rule in enumerate(self.document.alert_rules):
            fields = _plain(rule, "key") | {"kpi": self.kpis[rule.kpi], "position": place}
            self._row(AlertRule, {"roadmap": roadmap, "key": rule.key}, f"alert rule {rule.key}", fields)
        if self.known != set(roadmap.source.get("rows", [])):
            roadmap.source = {**roadmap.source, "rows": sorted(self.known)}
            roadmap.save(update_fields=["source"])

    def _phase(self, roadmap: Roadmap, phase: records.Phase) -> None:
        fields = _plain(phase, "number", "tasks", "impacts", "gate")
        row, new = self._row(Phase, {"roadmap": roadmap, "number": phase.number}, f"phase {phase.number}", fields)
        if row is None:
            return
        for place, task in enumerate(phase.tasks):
            fields = _plain(task, "key") | {"position": place}
            self._row(Task, {"phase": row, "key": task.key}, f"task {phase.number}/{task.key}", fields)
        tasks = {task.key: task for task in row.tasks.all()}
        for place, impact in enumerate(phase.impacts):
            links = {"task": tasks.get(impact.task or ""), "kpi": self.kpis.get(impact.kpi or "")}
            fields = _plain(impact, "key") | links | {"position": place}
            self._row(Impact, {"phase": row, "key": impact.key}, f"impact {phase.number}/{impact.key}", fields)
        if new:
            self._gate(row, phase.gate)

    def _gate(self, phase: Phase, gate: records.Gate) -> None:
        """What a document says was decided counts at the command line. Of a waiver that a person brings in they are the one who
        asks, whoever it names: otherwise they could approve it alone."""
        label = f"gate {phase.number}"
        row = _made(Gate(phase=phase, **self._with_people(_plain(gate, "kpis", "waivers"))), label)
        row.kpis.set(self.kpis[key] for key in gate.kpis)
        for waiver in gate.waivers:
            fields = self._with_people(_plain(waiver)) | (UNDECIDED | {"requested_by": self.actor} if self.actor else {})
            if fields["requested_by"] is None:
                continue
            made = _made(GateWaiver(gate=row, **fields), label)
            if self.actor is None:
                GateWaiver.objects.filter(pk=made.pk).update(requested_at=waiver.requested_at)

    def _cost(self, roadmap: Roadmap, cost: records.Cost, place: int) -> None:
        fields = _plain(cost, "key", "entries") | {"position": place}
        row, new = self._row(Cost, {"roadmap": roadmap, "key": cost.key}, f"cost {cost.key}", fields)
        if row is not None and new:
            for entry in cost.entries:
                _made(CostEntry(cost=row, **self._with_people(_plain(entry))), f"cost {cost.key}: entries")

    def _benefit(self, roadmap: Roadmap, benefit: records.Benefit, place: int) -> None:
        fields = _plain(benefit, "key", "kpis") | {"position": place}
        row, new = self._row(Benefit, {"roadmap": roadmap, "key": benefit.key}, f"benefit {benefit.key}", fields)
        if row is not None and new:
            for link in benefit.kpis:
                made = BenefitKpi(benefit=row, kpi=self.kpis[link.kpi], weight=link.weight, demo=link.demo)
                _made(made, f"benefit {benefit.key}: kpis")

    def _risk(self, roadmap: Roadmap, risk: records.Risk, place: int) -> None:
        fields = _plain(risk, "key", "mitigations", "triggers") | {"position": place}
        row, new = self._row(Risk, {"roadmap": roadmap, "key": risk.key}, f"risk {risk.key}", fields)
        if row is None:
            return
        for number, mitigation in enumerate(risk.mitigations):
            fields = _plain(mitigation, "key") | {"position": number}
            label = f"mitigation {risk.key}/{mitigation.key}"
            self._row(Mitigation, {"risk": row, "key": mitigation.key}, label, fields)
        if new:
            for trigger in risk.triggers:
                RiskTrigger.objects.create(risk=row, kpi=self.kpis[trigger.kpi], demo=trigger.demo)

    def _row(
        self, model: type[models.Model], identity: dict[str, Any], label: str, fields: dict[str, Any]
    ) -> tuple[Any | None, bool]:
        """The row of that identity, made or renewed, and whether it is new; None when people removed it."""
        found = model._default_manager.filter(**identity).first()
        if found is None and label in self.known:
            self.receipt.kept.append(f"{label}: removed")
            return None, False
        self.known.add(label)
        return self._merge(found or model(**identity), found is None, label, self._with_people(fields)), found is None

    def _merge(self, row: Any, new: bool, label: str, fields: dict[str, Any]) -> Any:
        """Write the fields that still hold what the last load brought."""
        told, changes = dict(row.source), {}
        for name, value in fields.items():
            has, wants = _told(getattr(row, name, None) if not new else None), _told(value)
            if new or (has != wants and name in told and told[name] == has):
                changes[name] = value
            elif has != wants and told.get(name) != wants:
                self.receipt.kept.append(f"{label}: {name}")
            told[name] = wants
        self._save(row, new, label, changes, told)
        return row

    def _save(self, row: Any, new: bool, label: str, changes: Mapping[str, Any], told: dict[str, Any]) -> None:
        for name, value in changes.items():
            setattr(row, name, value)
        if not new and changes:
            row.version += 1
        if new or changes or told != row.source:
            row.source = told
            _made(row, label)
        if new:
            self.receipt.created.append(label)
        elif changes:
            self.receipt.changed.append(label)
        else:
            self.receipt.unchanged += 1

    def _with_people(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {name: self._person(value) if name in PEOPLE else value for name, value in fields.items()}

    def _person(self, username: str | None) -> User | None:
        """Files name people by user name; one who is unknown here is left out and said."""
        if username and username not in self.people and username not in self.receipt.unknown_people:
            self.receipt.unknown_people.append(username)
        return self.people.get(username or "")


def _made(row: Row, label: str) -> Row:
    """The row, checked and saved. Raises Malformed."""
    try:
        row.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        raise doc.Malformed("; ".join(f"{k}: {' '.join(v)}" for k, v in error.message_dict.items()), label) from error
    row.save()
    return row


def _in_force_from(data: dict[str, Any], day: date) -> dict[str, Any]:
    """The scorecard with its targets in force from a day on, where they do not say themselves."""
    return {**data, "kpis": [_kpi_in_force_from(kpi, day) for kpi in data.get("kpis", [])]}


def _kpi_in_force_from(kpi: Any, day: date) -> Any:
    if not isinstance(kpi, dict) or not isinstance(kpi.get("target"), dict):
        return kpi
    return {**kpi, "target": {"effective_on": day, **kpi["target"]}}


def _scorecard(data: dict[str, Any], actor: User | None, now: datetime) -> Scorecard:
    try:
        return load_scorecard(data, actor=actor, now=now)
    except ValidationError as error:
        raise doc.Malformed(" ".join(error.messages), "$.scorecard") from error


def _plain(record: records.Record, *without: str) -> dict[str, Any]:
    """A record's own fields as the model takes them; lists of records become JSON."""
    fields = {name: getattr(record, name) for name in record.__struct_fields__ if name not in without}
    return {name: _json(value) if isinstance(value, list) else value for name, value in fields.items()}


def _json(values: list[Any]) -> list[Any]:
    return [_stage(value) if isinstance(value, records.Stage) else msgspec.to_builtins(value) for value in values]


def _stage(stage: records.Stage) -> dict[str, Any]:
    """All three, so that what is not stated shows as null."""
    return {"users": stage.users, "ramp_s": stage.ramp_s, "hold_s": stage.hold_s}


def _told(value: Any) -> Any:
    """A field's value as `source` keeps it."""
    if isinstance(value, models.Model):
        return value.pk
    if value is None or isinstance(value, bool | int | float | str | list | dict):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return f"{value.normalize():f}" if hasattr(value, "normalize") else str(value)
