"""Every change of a plan goes through here: checked, in one transaction, with its history entry, and never over the
change of somebody else (the caller names the version that the edit was made from)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.text import slugify

from accounts import audit
from accounts.models import User
from accounts.versions import Row, locked, shown
from kpis.models import KPI
from roadmap.models import (
    Benefit,
    BenefitKpi,
    Cost,
    CostEntry,
    Gate,
    Impact,
    Mitigation,
    Phase,
    Risk,
    RiskTrigger,
    Roadmap,
    RoadmapState,
    Task,
)

EDITABLE: dict[type[models.Model], tuple[str, ...]] = {
    Roadmap: ("name", "summary", "starts_on", "currency", "discount_rate", "review_on", "next_steps"),
    Phase: ("number", "name", "summary", "week_from", "week_to", "started_on", "finished_on"),
    Task: (
        "title", "section", "problem", "own_target", "measure", "guidance", "cost_note", "parameters", "priority",
        "assignee", "due_on", "effort_planned_h", "effort_spent_h", "position",
    ),
    Impact: ("task", "kpi", "statement", "change_pct", "change_pct_to", "factor", "to_value", "unit", "evidence", "position"),
    Gate: ("needs_tasks", "needs_impacts"),
    Cost: ("name", "kind", "hours", "rate", "amount", "priority", "position"),
    Benefit: ("name", "monthly_amount", "position"),
    Risk: (
        "title", "description", "likelihood", "impact", "residual_likelihood", "residual_impact", "placement_note",
        "status", "treatment", "owner", "review_on", "position",
    ),
    Mitigation: ("text", "state", "owner", "due_on", "position"),
}  # fmt: skip
PARENTS: dict[type[models.Model], str] = {
    Phase: "roadmap", Task: "phase", Impact: "phase", Cost: "roadmap", Benefit: "roadmap", Risk: "roadmap", Mitigation: "risk",
}  # fmt: skip
NAMES = {Task: "title", Impact: "statement", Risk: "title", Mitigation: "text"}
NEXT_STATE = {
    RoadmapState.DRAFT: RoadmapState.APPROVED,
    RoadmapState.APPROVED: RoadmapState.ACTIVE,
    RoadmapState.ACTIVE: RoadmapState.CLOSED,
}


class Refused(Exception):
    """The plan does not allow it; the text says why."""


def change(
    *, row: Row, changes: Mapping[str, Any], actor: User | None, version: int | None = None, why: str = "", token: str = ""
) -> Row:
    """Set fields of one row and return it as stored. `version` is the one that the edit was made from (None: the row's
    own). Raises StaleEdit, ValidationError, Refused. A change that changes nothing writes nothing."""
    _known_fields(type(row), changes)
    with transaction.atomic():
        current = locked(row, version)
        _not_closed(current)
        before = {name: shown(getattr(current, name)) for name in changes}
        for name, value in changes.items():
            setattr(current, name, value)
        current.full_clean()
        after = {name: shown(getattr(current, name)) for name in changes}
        if before == after:
            return current
        current.version += 1  # type: ignore[attr-defined]
        current.save()
        audit.record(
            actor=actor, action=f"{_noun(row)}.change", subject=current, why=why, token=token,
            before={name: value for name, value in before.items() if value != after[name]},
            after={name: value for name, value in after.items() if value != before[name]},
        )  # fmt: skip
    return current


def create(*, model: type[Row], parent: models.Model, fields: Mapping[str, Any], actor: User | None, token: str = "") -> Row:
    """Add a row to its parent, at the end; its key is made from its name. Raises ValidationError, Refused."""
    _known_fields(model, fields)
    _not_closed(parent)
    link = PARENTS[model]
    with transaction.atomic():
        siblings = model._default_manager.filter(**{link: parent})
        row = model(**{link: parent}, **fields)
        if hasattr(row, "key"):
            row.key = _free_key(siblings, str(getattr(row, NAMES.get(model, "name"))))
        if hasattr(row, "position") and "position" not in fields:
            row.position = siblings.count()
        row.full_clean()
        row.save()
        if isinstance(row, Phase):
            Gate.objects.create(phase=row)
        audit.record(
            actor=actor, action=f"{_noun(row)}.create", subject=row, token=token,
            after={name: shown(value) for name, value in fields.items()},
        )  # fmt: skip
    return row


def remove(*, row: models.Model, actor: User | None, version: int | None = None, why: str = "", token: str = "") -> None:
    """Take a row out of the plan. What money was booked on stays: Refused."""
    with transaction.atomic():
        current = locked(row, version, removing=True)
        _not_closed(current)
        if isinstance(current, Cost) and current.entries.exists():
            raise Refused("money was booked on this cost; it stays")
        names = ("key", *EDITABLE[type(row)]) if hasattr(row, "key") else EDITABLE[type(row)]
        before = {name: shown(getattr(current, name)) for name in names}
        audit.record(actor=actor, action=f"{_noun(row)}.remove", subject=current, before=before, why=why, token=token)
        current.delete()


def book(*, cost: Cost, amount: Decimal, booked_on: date, actor: User | None, note: str = "", token: str = "") -> CostEntry:
    """Book money spent against a planned cost; a negative amount corrects an earlier entry."""
    _not_closed(cost)
    with transaction.atomic():
        entry = CostEntry(cost=cost, amount=amount, booked_on=booked_on, note=note, by=actor)
        entry.full_clean()
        entry.save()
        after = {"amount": str(amount), "booked_on": booked_on.isoformat(), "note": note}
        audit.record(actor=actor, action="cost.book", subject=cost, after=after, token=token)
    return entry


def rest_on(
    *, benefit: Benefit, weights: Mapping[KPI, Decimal], actor: User | None, version: int | None = None, token: str = ""
) -> Benefit:
    """Say which KPIs bring a benefit about, and with what weight; replaces what was said before."""
    if any(weight <= 0 for weight in weights.values()):
        raise ValidationError({"kpis": "A weight is more than 0."})
    with transaction.atomic():
        current = locked(benefit, version)
        _same_scorecard(current.roadmap, weights)
        before = {link.kpi.key: str(link.weight) for link in current.links.select_related("kpi")}
        current.links.all().delete()
        links = [BenefitKpi(benefit=current, kpi=kpi, weight=weight) for kpi, weight in weights.items()]
        for link in links:
            link.clean_fields(exclude=("benefit", "kpi"))
        BenefitKpi.objects.bulk_create(links)
        after = {kpi.key: str(weight) for kpi, weight in weights.items()}
        return _bump(current, "benefit.rest_on", before, after, actor, token)


def listen_to(*, risk: Risk, kpis: Sequence[KPI], actor: User | None, version: int | None = None, token: str = "") -> Risk:
    """Say which KPIs trigger a risk while they are breached; replaces what was said before."""
    with transaction.atomic():
        current = locked(risk, version)
        _same_scorecard(current.roadmap, dict.fromkeys(kpis))
        before = {"triggers": sorted(trigger.kpi.key for trigger in current.triggers.select_related("kpi"))}
        current.triggers.all().delete()
        RiskTrigger.objects.bulk_create(RiskTrigger(risk=current, kpi=kpi) for kpi in kpis)
        return _bump(current, "risk.listen_to", before, {"triggers": sorted(kpi.key for kpi in kpis)}, actor, token)


def confirm(*, impact: Impact, actor: User, now: datetime, evidence: str, version: int | None = None, token: str = "") -> Impact:
    """A person confirms a promise that no KPI measures, and says by which evidence."""
    if impact.kpi_id is not None:
        raise Refused("this promise is measured by its KPI and cannot be confirmed by hand")
    if not evidence.strip():
        raise ValidationError({"evidence": "Say by which evidence."})
    with transaction.atomic():
        current = locked(impact, version)
        _not_closed(current)
        current.confirmed_at, current.confirmed_by, current.evidence = now, actor, evidence
        return _bump(current, "impact.confirm", {}, {"evidence": evidence}, actor, token)


def move(*, roadmap: Roadmap, state: str, actor: User, now: datetime, version: int | None = None, token: str = "") -> Roadmap:
    """Take a roadmap one step on: draft → approved → active → closed."""
    with transaction.atomic():
        current = locked(roadmap, version)
        if NEXT_STATE.get(RoadmapState(current.state)) != state:
            raise Refused(f"a roadmap that is {current.state} cannot become {state}")
        before = {"state": current.state}
        current.state, current.state_changed_at, current.state_changed_by = state, now, actor
        return _bump(current, f"roadmap.{state}", before, {"state": state}, actor, token)


def roadmap_of(row: models.Model) -> Roadmap:
    """The roadmap that a row belongs to."""
    while not isinstance(row, Roadmap):
        row = getattr(row, "phase", None) or getattr(row, "risk", None) or row.roadmap  # type: ignore[attr-defined]
    return row


def _bump(row: Row, action: str, before: dict[str, Any], after: dict[str, Any], actor: User | None, token: str) -> Row:
    row.version += 1  # type: ignore[attr-defined]
    row.save()
    audit.record(actor=actor, action=action, subject=row, before=before, after=after, token=token)
    return row


def _known_fields(model: type[models.Model], fields: Mapping[str, Any]) -> None:
    unknown = sorted(set(fields) - set(EDITABLE[model]))
    if unknown:
        raise ValidationError(dict.fromkeys(unknown, "This cannot be changed here."))


def _same_scorecard(roadmap: Roadmap, kpis: Mapping[KPI, Any]) -> None:
    if any(kpi.scorecard_id != roadmap.scorecard_id for kpi in kpis):
        raise ValidationError({"kpis": "A KPI of another scorecard."})


def _not_closed(row: models.Model) -> None:
    if roadmap_of(row).state == RoadmapState.CLOSED:
        raise Refused("this roadmap is closed")


def _noun(row: models.Model) -> str:
    return str(row._meta.model_name)


def _free_key(siblings: models.QuerySet[Any], name: str) -> str:
    base = slugify(name)[:44] or "item"
    taken = set(siblings.filter(key__startswith=base).values_list("key", flat=True))
    return next(key for key in (base, *(f"{base}-{number}" for number in range(2, len(taken) + 3))) if key not in taken)
