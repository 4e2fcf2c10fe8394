"""Closing a phase at its gate, and the waivers that let one pass in spite of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import audit
from accounts.models import User
from accounts.versions import locked
from kpis.models import Decision
from roadmap.editing import Refused
from roadmap.gates import GateJudgement
from roadmap.judging import judge_gate, standings_of
from roadmap.models import Gate, GateWaiver

LONGEST = timedelta(days=366)
"""A waiver that outlives a year is a gate that nobody wants to pass."""

TOO_LONG = f"A waiver lasts at most {LONGEST.days} days: ask again when it ends."


def judge(gate: Gate, *, now: datetime) -> GateJudgement:
    """The gate as it stands now, by the rows and KPIs of this moment."""
    phase = gate.phase
    return judge_gate(
        gate,
        tasks=list(phase.tasks.all()),
        impacts=list(phase.impacts.all()),
        waivers=list(gate.waivers.all()),
        standings=standings_of(phase.roadmap, now),
        now=now,
    )


def close_phase(*, gate: Gate, actor: User, now: datetime, version: int | None = None, token: str = "") -> Gate:
    """Close the gate's phase today. Raises Refused, naming what is missing, unless the gate is passed or waived."""
    with transaction.atomic():
        current = locked(gate, version)
        phase = current.phase
        if current.closed_at is not None:
            raise Refused("this phase is closed already")
        judgement = judge(current, now=now)
        if not judgement.may_close:
            raise Refused(f"the gate is {judgement.state}: {judgement.reason}")
        current.closed_at, current.closed_by, current.closed_as = now, actor, str(judgement.state)
        current.version += 1
        current.save()
        phase.finished_on = now.date()
        phase.version += 1
        phase.save(update_fields=["finished_on", "version"])
        audit.record(actor=actor, action="gate.close", subject=current, after={"as": current.closed_as}, token=token)
    return current


def reopen_phase(*, gate: Gate, actor: User, why: str, version: int | None = None, token: str = "") -> Gate:
    with transaction.atomic():
        current = locked(gate, version)
        if current.closed_at is None:
            raise Refused("this phase is not closed")
        before = {"as": current.closed_as}
        current.closed_at, current.closed_by, current.closed_as = None, None, ""
        current.version += 1
        current.save()
        phase = current.phase
        phase.finished_on = None
        phase.version += 1
        phase.save(update_fields=["finished_on", "version"])
        audit.record(actor=actor, action="gate.reopen", subject=current, before=before, why=why, token=token)
    return current


def request_waiver(*, gate: Gate, actor: User, reason: str, expires_at: datetime, now: datetime, token: str = "") -> GateWaiver:
    """Ask that the gate may be passed in spite of what is missing; somebody else approves it."""
    if not reason.strip():
        raise ValidationError({"reason": "Say why."})
    if expires_at <= now:
        raise ValidationError({"expires_at": "A waiver ends in the future."})
    if expires_at > now + LONGEST:
        raise ValidationError({"expires_at": TOO_LONG})
    with transaction.atomic():
        waiver = GateWaiver.objects.create(gate=gate, reason=reason, expires_at=expires_at, requested_by=actor)
        after = {"reason": reason, "expires_at": expires_at.isoformat()}
        audit.record(actor=actor, action="gate.waiver_request", subject=waiver, after=after, why=reason, token=token)
    return waiver


def approve_waiver(*, waiver: GateWaiver, actor: User, now: datetime, note: str = "", token: str = "") -> GateWaiver:
    """Let the gate be passed until the waiver's day. Raises Refused."""
    own = waiver.requested_by_id == actor.pk
    if own and not settings.ALLOW_SELF_APPROVAL:
        raise Refused("a waiver is approved by a person other than the one who asked for it")
    if waiver.expires_at <= now:
        raise Refused("the day that it was asked for is over")
    if waiver.expires_at > now + LONGEST:
        raise Refused(TOO_LONG)
    return _decide(waiver, Decision.APPROVED, actor, now, note, token, own=own)


def reject_waiver(*, waiver: GateWaiver, actor: User, now: datetime, note: str = "", token: str = "") -> GateWaiver:
    """Turn the request down. Raises Refused."""
    return _decide(waiver, Decision.REJECTED, actor, now, note, token)


def withdraw_waiver(*, waiver: GateWaiver, actor: User, now: datetime, note: str = "", token: str = "") -> GateWaiver:
    """Take one's own request back. Raises Refused."""
    if waiver.requested_by_id != actor.pk:
        raise Refused("only the person who asked withdraws a request")
    return _decide(waiver, Decision.WITHDRAWN, actor, now, note, token)


def end_waiver(*, waiver: GateWaiver, actor: User, now: datetime, note: str = "", token: str = "") -> GateWaiver:
    """End an approved waiver before its day: the gate counts again at once. Raises Refused."""
    with transaction.atomic():
        current = GateWaiver.objects.select_for_update().get(pk=waiver.pk)
        if current.decision != Decision.APPROVED or current.expires_at <= now:
            raise Refused("only a waiver that counts can be ended")
        before = {"expires_at": current.expires_at.isoformat()}
        current.expires_at, current.ended_by = now, actor
        current.save(update_fields=["expires_at", "ended_by"])
        after = {"expires_at": now.isoformat()}
        audit.record(actor=actor, action="gate.waiver_end", subject=current, before=before, after=after, why=note, token=token)
    return current


def _decide(
    waiver: GateWaiver, decision: Decision, actor: User, now: datetime, note: str, token: str, own: bool = False
) -> GateWaiver:
    with transaction.atomic():
        current = GateWaiver.objects.select_for_update(of=("self",)).select_related("decided_by").get(pk=waiver.pk)
        if current.decision != Decision.PROPOSED:
            raise Refused(f"{current.decided_by} was first: this waiver is {current.get_decision_display()} already")
        current.decision, current.decided_by, current.decided_at = decision, actor, now
        current.decision_note, current.self_approved = note, own
        current.save()
        after = {"decision": str(decision), "self_approved": own}
        audit.record(actor=actor, action=f"gate.waiver_{decision}", subject=current, after=after, why=note, token=token)
    return current
