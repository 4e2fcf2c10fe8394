"""A roadmap out of the database into its file: what `loading.load` reads back as the same plan.

An archived KPI stays at home, and so does what hangs on it alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from django.db import models

from kpis.models import KPI, Decision, Target
from roadmap import document as doc
from roadmap import records
from roadmap.models import Benefit, Cost, Gate, Phase, Risk, Roadmap

Made = TypeVar("Made", bound=records.Record)
TARGET = (
    "comparator", "value", "alert_threshold", "for_s", "recover_s", "severity", "baseline", "baseline_on", "baseline_stated",
    "due_on", "stated", "rationale",
)  # fmt: skip
DEFAULTS = {"for_s": 0, "recover_s": 0, "severity": "medium", "rationale": "as stated in the source"}
SAID = ("across_subject", "reference", "reference_unit", "reference_on")
UNSAID = {name: (None, "", DEFAULTS[name]) if name in DEFAULTS else (None, "") for name in TARGET}


def export(roadmap: Roadmap) -> doc.Document:
    """The whole plan with its progress, people by user name; in a constant number of queries."""
    return doc.Document(
        format="milepost-roadmap/1",
        roadmap=_record(
            records.Roadmap,
            roadmap,
            members=[user.username for user in roadmap.members.order_by("username")],
            next_steps=roadmap.next_steps or [],
        ),
        scorecard=_scorecard(roadmap),
        phases=[_phase(phase) for phase in _phases(roadmap)],
        costs=[_cost(cost) for cost in roadmap.costs.prefetch_related("entries__by")],
        benefits=[_benefit(benefit) for benefit in roadmap.benefits.prefetch_related("links__kpi")],
        risks=[_risk(risk) for risk in _risks(roadmap)],
        load_profiles=[
            _record(records.LoadProfile, row, stages=row.stages, targets=row.targets) for row in roadmap.load_profiles.all()
        ],
        alert_rules=[_record(records.AlertRule, row) for row in _counting(roadmap.alert_rules.select_related("kpi"))],
    )


def _phases(roadmap: Roadmap) -> models.QuerySet[Phase]:
    return roadmap.phases.select_related("gate__closed_by").prefetch_related(
        "tasks__assignee", "tasks__state_changed_by", "impacts__task", "impacts__kpi", "impacts__confirmed_by",
        "gate__kpis", "gate__waivers__requested_by", "gate__waivers__decided_by",
        "gate__waivers__ended_by",
    )  # fmt: skip


def _risks(roadmap: Roadmap) -> models.QuerySet[Risk]:
    return roadmap.risks.select_related("owner").prefetch_related("mitigations__owner", "triggers__kpi")


def _phase(phase: Phase) -> records.Phase:
    gate = getattr(phase, "gate", None)
    return _record(
        records.Phase,
        phase,
        tasks=[_record(records.Task, task, parameters=task.parameters or []) for task in phase.tasks.all()],
        impacts=[_record(records.Impact, impact) for impact in phase.impacts.all()],
        gate=records.Gate() if gate is None else _gate(gate),
    )


def _gate(gate: Gate) -> records.Gate:
    waivers = sorted(gate.waivers.all(), key=lambda waiver: waiver.pk)
    return _record(
        records.Gate,
        gate,
        kpis=sorted(kpi.key for kpi in gate.kpis.all() if kpi.archived_at is None),
        waivers=[_record(records.Waiver, waiver) for waiver in waivers],
    )


def _cost(cost: Cost) -> records.Cost:
    return _record(records.Cost, cost, entries=[_record(records.Entry, entry) for entry in cost.entries.all()])


def _benefit(benefit: Benefit) -> records.Benefit:
    return _record(records.Benefit, benefit, kpis=[_record(records.Link, link) for link in _counting(benefit.links.all())])


def _risk(risk: Risk) -> records.Risk:
    return _record(
        records.Risk,
        risk,
        mitigations=[_record(records.Mitigation, row) for row in risk.mitigations.all()],
        triggers=[_record(records.Trigger, row) for row in _counting(risk.triggers.all())],
    )


def _record(kind: type[Made], row: models.Model, **given: Any) -> Made:
    """A record of the row's fields of the same names; related rows by key or user name."""
    names = [name for name in kind.__struct_fields__ if name not in given]
    fields = {_written(kind, name): _value(getattr(row, name)) for name in names}
    return msgspec.convert({**fields, **given}, kind, from_attributes=True, strict=False)


def _counting(rows: Iterable[Any]) -> list[Any]:
    """Rows whose KPI is not archived."""
    return [row for row in rows if row.kpi.archived_at is None]


def _written(kind: type[records.Record], name: str) -> str:
    return kind.__struct_encode_fields__[kind.__struct_fields__.index(name)]


def _value(value: Any) -> Any:
    if isinstance(value, KPI) and value.archived_at is not None:
        return None
    if isinstance(value, models.Model):
        return getattr(value, "username", None) or value.key  # type: ignore[attr-defined]
    if isinstance(value, models.Manager):
        return [_value(row) for row in value.all()]
    return Decimal(f"{value.normalize():f}") if isinstance(value, Decimal) else value


def _scorecard(roadmap: Roadmap) -> dict[str, Any]:
    kpis = list(KPI.objects.active().filter(scorecard_id=roadmap.scorecard_id))
    newest: dict[int, Target] = {}
    approved = Target.objects.filter(kpi__in=kpis, decision=Decision.APPROVED).order_by("number")
    for target in approved:
        newest[target.kpi_id] = target
    return {
        "slug": roadmap.scorecard.slug,
        "name": roadmap.scorecard.name,
        "kpis": [_kpi(kpi, newest.get(kpi.pk)) for kpi in kpis],
    }


def _kpi(kpi: KPI, target: Target | None) -> dict[str, Any]:
    names = ("key", "name", "category", "metric", "unit", "direction", "aggregation", "across", "window_s", "freshness_s")
    fields: dict[str, Any] = {name: getattr(kpi, name) for name in names}
    fields["description"] = kpi.description
    fields |= {name: value for name in SAID if (value := getattr(kpi, name)) not in (None, "")}
    if target is not None:
        fields["target"] = {name: value for name in TARGET if (value := getattr(target, name)) not in UNSAID[name]}
    return fields
