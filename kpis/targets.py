"""Targets as versions: proposed, decided by somebody else, in force from a date. A version never changes its figures."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts import audit
from accounts.models import User
from kpis.alerting import LONGEST_S
from kpis.commitments import approved, figures, in_force, overtaken
from kpis.faults import BadTarget, check
from kpis.faults import Refused as Refused
from kpis.models import KPI, Decision, Target
from kpis.remembering import remember
from kpis.thresholds import BadThreshold, parse, resolve

LONGEST = 60
"""Characters of a target as it is typed."""

FURTHEST = timedelta(days=5 * 366)
"""How far ahead a version may take force: what lies further off is a typing error."""

MEASURED = ("baseline", "baseline_on", "baseline_stated", "baseline_since", "baseline_until", "baseline_runs", "baseline_samples")


@transaction.atomic
def propose(*, kpi: KPI, actor: User | None, rationale: str = "", token: str = "", **terms: Any) -> Target:
    """Store a new version that waits for approval; `terms` are those of `draft`.

    Raises BadTarget by field, and Refused where the KPI is archived.
    """
    start = terms.get("effective_from")
    if start is not None and start > timezone.now() + FURTHEST:
        raise BadTarget({"effective_from": "At most five years ahead."})
    kpi = _locked(kpi)
    fields = draft(kpi=kpi, **terms)
    number = (kpi.targets.aggregate(newest=Max("number"))["newest"] or 0) + 1
    row = Target.objects.create(kpi=kpi, number=number, rationale=rationale, proposed_by=actor, **fields)
    audit.record(actor=actor, action="target.propose", subject=row, after=figures(row), why=rationale, token=token)
    return row


def draft(
    *,
    kpi: KPI,
    target: str = "",
    comparator: str = "",
    value: float | None = None,
    alert_threshold: float | None = None,
    baseline: float | None = None,
    baseline_on: date | None = None,
    due_on: date | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The fields of the version that these terms would make; `more` takes the others of Target (for_s, severity, stated …).

    `target` is the text as typed (`p(95)<500`, `<= +10%`) and stands for comparator and value. A relative one needs a
    baseline: that of the proposal, or where it states none, that of the newest approved version, which it takes over.
    Raises BadTarget by field.
    """
    stated: dict[str, Any] = {"baseline": baseline, "baseline_on": baseline_on, **more}
    if too_long := {name: "At most a year." for name in ("for_s", "recover_s") if (more.get(name) or 0) > LONGEST_S}:
        raise BadTarget(too_long)
    if target:
        comparator, value, stated = _read(kpi, target, stated)
    elif value is None:
        raise BadTarget({"target": "Write a target, such as < 500."})
    try:
        check(kpi, comparator=comparator, value=value, alert_threshold=alert_threshold, due_on=due_on, **_base(stated))
    except BadTarget as error:
        raise BadTarget(_beside_text(error.errors) if target else error.errors) from error
    said = {"comparator": comparator, "value": value, "alert_threshold": alert_threshold, "due_on": due_on}
    return {**said, "typed": target.strip(), **stated}


@transaction.atomic
def approve(*, target: Target, actor: User, now: datetime, note: str = "", seen: int | None = None, token: str = "") -> Target:
    """Put a proposed version in force, from its own date or from now; never backwards.

    `seen` is the number of the version that the approver saw in force (0: none). Raises Refused for one's own, where another
    version took force since, and for one that a later proposal has overtaken: it was never compared with what holds now.
    """
    target = _waiting(target)
    own = target.proposed_by_id == actor.pk
    if own and not settings.ALLOW_SELF_APPROVAL:
        raise Refused("Somebody other than the proposer approves a target.")
    if later := overtaken(target):
        raise Refused(
            f"Version {later}, proposed later, was approved already: reject version {target.number} or propose it anew."
        )
    before = in_force([target.kpi], now).get(target.kpi_id)
    if seen is not None and seen != (before.number if before else 0):
        held = f"Version {before.number} is" if before else "No version is"
        raise Refused(f"{held} in force by now: look at the difference again before you approve version {target.number}.")
    target.effective_from = max(target.effective_from or now, now)
    target.self_approved = own
    target = _decide(target, Decision.APPROVED, actor, now, note, figures(before) if before else {}, token)
    remember([target.kpi], now=now)
    return target


@transaction.atomic
def reject(*, target: Target, actor: User, now: datetime, note: str = "", token: str = "") -> Target:
    """Turn a proposal down; the version stays in the history. Raises Refused."""
    return _decide(_waiting(target), Decision.REJECTED, actor, now, note, {}, token)


@transaction.atomic
def withdraw(*, target: Target, actor: User, now: datetime, note: str = "", token: str = "") -> Target:
    """Take one's own proposal back. Raises Refused."""
    target = _waiting(target)
    if target.proposed_by_id != actor.pk:
        raise Refused("Only the proposer withdraws a proposal.")
    return _decide(target, Decision.WITHDRAWN, actor, now, note, {}, token)


def _read(kpi: KPI, text: str, stated: dict[str, Any]) -> tuple[str, float, dict[str, Any]]:
    """Comparator, value and the baseline with all that is said of it. Raises BadTarget."""
    if len(text) > LONGEST:
        raise BadTarget({"target": f"A target has at most {LONGEST} characters."})
    try:
        criterion = parse(text)
        newest = approved([kpi.pk]).last() if criterion.relative and stated["baseline"] is None else None
        if newest is not None:
            stated = stated | {name: getattr(newest, name) for name in MEASURED}
        return *resolve(criterion, unit=kpi.unit, aggregation=kpi.aggregation, baseline=stated["baseline"]), stated
    except BadThreshold as error:
        raise BadTarget({"target": str(error)}) from error


def _base(stated: dict[str, Any]) -> dict[str, Any]:
    return {name: stated[name] for name in ("baseline", "baseline_on")}


def _beside_text(errors: dict[str, str]) -> dict[str, str]:
    return {"target" if name in ("comparator", "value") else name: text for name, text in errors.items()}


def _locked(kpi: KPI) -> KPI:
    """The KPI, locked, so that its versions follow each other. Raises Refused where it is archived.

    Not against new references: who records holds what the judge remembers and opens an alert of the KPI, while who approves
    holds the KPI and waits for what the judge remembers.
    """
    kpi = KPI.objects.select_for_update(of=("self",), no_key=True).select_related("scorecard").get(pk=kpi.pk)
    if kpi.is_archived:
        raise Refused("This KPI is archived: restore it before its target changes.")
    return kpi


def _waiting(target: Target) -> Target:
    """The row, locked; a decision that somebody else made meanwhile is told, not overwritten."""
    kpi = _locked(target.kpi)
    target = Target.objects.select_for_update(of=("self",)).select_related("decided_by").get(pk=target.pk)
    target.kpi = kpi
    if target.decision != Decision.PROPOSED:
        by = f"{target.decided_by} was first: " if target.decided_by else ""
        raise Refused(f"{by}version {target.number} is already {target.get_decision_display()}.")
    return target


def _decide(
    target: Target, decision: Decision, actor: User, now: datetime, note: str, before: dict[str, Any], token: str
) -> Target:
    target.decision, target.decided_by, target.decided_at, target.decision_note = decision, actor, now, note
    target.save()
    after = figures(target) | ({"self_approved": True} if target.self_approved else {})
    audit.record(
        actor=actor, action=f"target.{decision.value}", subject=target, before=before, after=after, why=note, token=token
    )  # fmt: skip
    return target
