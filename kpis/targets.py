"""Targets as versions: proposed, decided by somebody else, in force from a date. A version never changes its figures."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max, QuerySet

from accounts import audit
from accounts.models import User
from kpis.evaluation import COMPARATORS, Goal
from kpis.models import KPI, Decision, Direction, Target


class Refused(ValueError):
    """A decision that may not be made, in words for the person who tried."""


class BadTarget(ValueError):
    """Figures that contradict each other; `errors` maps a field to what is wrong with it."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


def goal_of(target: Target, kpi: KPI) -> Goal:
    """The target as the judge needs it."""
    return Goal(
        comparator=target.comparator,
        value=target.value,
        lower_is_better=kpi.direction == Direction.LOWER,
        alert_threshold=target.alert_threshold,
        baseline=target.baseline,
        baseline_on=target.baseline_on,
        due_on=target.due_on,
        for_s=target.for_s,
        recover_s=target.recover_s,
    )


def check(kpi: KPI, *, comparator: str, value: float, alert_threshold: float | None) -> None:
    """Raise BadTarget for figures that do not fit the KPI's direction or its unit's range."""
    errors: dict[str, str] = {}
    lower = kpi.direction == Direction.LOWER
    if comparator not in COMPARATORS:
        errors["comparator"] = "Write one of <, <=, >, >=."
    elif (comparator in ("<", "<=")) != lower:
        errors["comparator"] = f"For this KPI {kpi.get_direction_display()}, so the target starts with {'<' if lower else '>'}."
    if value < 0:
        errors["value"] = "A target is not negative."
    if kpi.unit == "%" and kpi.metric != "cpu" and value > 100:
        errors["value"] = "A share does not pass 100 %."
    if alert_threshold is not None and (alert_threshold < value if lower else alert_threshold > value):
        errors["alert_threshold"] = (
            f"The alert threshold lies on the bad side of the target: {'above' if lower else 'below'} {value:g}."
        )
    if errors:
        raise BadTarget(errors)


@transaction.atomic
def propose(
    *,
    kpi: KPI,
    actor: User | None,
    comparator: str,
    value: float,
    alert_threshold: float | None = None,
    baseline: float | None = None,
    baseline_on: date | None = None,
    due_on: date | None = None,
    effective_from: datetime | None = None,
    rationale: str = "",
    token: str = "",
    **more: Any,
) -> Target:
    """Store a new version that waits for approval. `more` takes the other fields of Target (for_s, severity, stated …)."""
    check(kpi, comparator=comparator, value=value, alert_threshold=alert_threshold)
    KPI.objects.select_for_update().get(pk=kpi.pk)
    number = (kpi.targets.aggregate(newest=Max("number"))["newest"] or 0) + 1
    target = Target.objects.create(
        kpi=kpi,
        number=number,
        comparator=comparator,
        value=value,
        alert_threshold=alert_threshold,
        baseline=baseline,
        baseline_on=baseline_on,
        due_on=due_on,
        effective_from=effective_from,
        rationale=rationale,
        proposed_by=actor,
        **more,
    )
    audit.record(actor=actor, action="target.propose", subject=target, after=figures(target), why=rationale, token=token)
    return target


@transaction.atomic
def approve(*, target: Target, actor: User, now: datetime, note: str = "") -> Target:
    """Put a proposed version in force, from its own date or from now; never backwards. Raises Refused."""
    target = _waiting(target)
    own = target.proposed_by_id == actor.pk
    if own and not settings.ALLOW_SELF_APPROVAL:
        raise Refused("Somebody other than the proposer approves a target.")
    before = in_force([target.kpi], now).get(target.kpi_id)
    target.effective_from = max(target.effective_from or now, now)
    target.self_approved = own
    return _decide(target, Decision.APPROVED, actor, now, note, figures(before) if before else {})


@transaction.atomic
def reject(*, target: Target, actor: User, now: datetime, note: str = "") -> Target:
    """Turn a proposal down; the version stays in the history. Raises Refused."""
    return _decide(_waiting(target), Decision.REJECTED, actor, now, note, {})


@transaction.atomic
def withdraw(*, target: Target, actor: User, now: datetime, note: str = "") -> Target:
    """Take one's own proposal back. Raises Refused."""
    target = _waiting(target)
    if target.proposed_by_id != actor.pk:
        raise Refused("Only the proposer withdraws a proposal.")
    return _decide(target, Decision.WITHDRAWN, actor, now, note, {})


def in_force(kpis: Iterable[KPI], at: datetime) -> dict[int, Target]:
    """The approved version in force at a time, by KPI id: the one that took effect last."""
    ids = [kpi.pk for kpi in kpis]
    found: dict[int, Target] = {}
    for target in approved(ids).filter(effective_from__lte=at).order_by("effective_from", "number"):
        found[target.kpi_id] = target
    return found


def approved(kpi_ids: Iterable[int]) -> QuerySet[Target]:
    return Target.objects.filter(kpi_id__in=list(kpi_ids), decision=Decision.APPROVED, effective_from__isnull=False)


def figures(target: Target) -> dict[str, Any]:
    """What a version commits to, ready for JSON."""
    return {
        "number": target.number,
        "target": f"{target.comparator} {target.value:g}",
        "alert_threshold": target.alert_threshold,
        "baseline": target.baseline,
        "baseline_on": target.baseline_on.isoformat() if target.baseline_on else None,
        "due_on": target.due_on.isoformat() if target.due_on else None,
        "effective_from": target.effective_from.isoformat() if target.effective_from else None,
    }


def _waiting(target: Target) -> Target:
    """The row, locked; a decision that somebody else made meanwhile is told, not overwritten."""
    target = Target.objects.select_for_update(of=("self",)).select_related("kpi").get(pk=target.pk)
    if target.decision != Decision.PROPOSED:
        raise Refused(f"Version {target.number} is already {target.get_decision_display()}.")
    return target


def _decide(target: Target, decision: Decision, actor: User, now: datetime, note: str, before: dict[str, Any]) -> Target:
    target.decision, target.decided_by, target.decided_at, target.decision_note = decision, actor, now, note
    target.save()
    after = figures(target) | ({"self_approved": True} if target.self_approved else {})
    audit.record(actor=actor, action=f"target.{decision.value}", subject=target, before=before, after=after, why=note)
    return target
