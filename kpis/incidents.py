"""Incidents: opened and moved by what a look says, in the transaction of the judgement; acknowledged by people.

Every step is a transition row, and that row is the entry in the outbox: deciding and having something to tell are one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction

from accounts import audit
from accounts.models import User
from kpis.alerting import GATHER_S, Life, Look, State, Step, step, told_after_s, window_s
from kpis.models import KPI, Incident, Outbox, Rule, Scorecard, Transition

MOST_STEPS = 500
"""With more steps than these, an incident follows its subject without writing another one."""


class CannotAcknowledge(ValueError):
    """A step that may not be made, in words for the person who tried."""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One look at one thing that is watched, with the figure behind it. `key` says what it is about.

    `waited_s` is the part of the recover window that whoever judged has waited before saying that it is good again;
    `past`: the figure itself is past its limit, so that whose it is is what the incident is about;
    `fires_at` is when it will have been bad for long enough, where that is a matter of time.
    """

    key: str
    kind: str
    severity: str
    title: str
    look: Look
    recover_s: int = 0
    waited_s: int = 0
    kpi: KPI | None = None
    scorecard: Scorecard | None = None
    rule: Rule | None = None
    subject: str = ""
    value: float | None = None
    origin: str = ""
    measured_at: datetime | None = None
    fires_at: datetime | None = None
    note: str = ""
    past: bool = False


@dataclass(frozen=True)
class _Move:
    incident: Incident
    state: State
    sight: Sight
    outbox: Outbox
    wait_s: int = 0


def follow(sights: Iterable[Sight], *, now: datetime) -> list[Transition]:
    """Move the incidents of what was looked at; returns the steps that were made.

    Call it in the transaction of the judgement. The same look twice moves nothing the second time.
    """
    seen = {sight.key: sight for sight in sights}
    return _follow(seen, now) if seen else []


@transaction.atomic
def _follow(seen: Mapping[str, Sight], now: datetime) -> list[Transition]:
    there = _newest(seen, now)
    moves: list[_Move] = []
    opened: list[Sight] = []
    for key, sight in seen.items():
        incident = there.get(key)
        wanted = step(_life(incident), sight.look)
        if wanted == Step.OPEN:
            opened.append(sight)
        elif wanted is not None and incident is not None:
            moves += _moves(incident, wanted, sight)
        elif incident is not None and incident.state == State.PENDING and sight.look.bad and incident.fires_at != sight.fires_at:
            Incident.objects.filter(pk=incident.pk).update(fires_at=sight.fires_at)
        elif incident is not None and _another(incident, sight):
            moves += _passed_on(incident, sight)
    for incident in _open(opened):
        moves += _moves(incident, Step.FIRE if seen[incident.key].look.lasting else Step.OPEN, seen[incident.key])
    return _write(moves)


def _newest(keys: Iterable[str], now: datetime) -> dict[str, Incident]:
    """The incident that may still move, by key, locked."""
    listed = sorted(keys)
    found: dict[str, Incident] = {}
    for start in range(0, len(listed), 500):
        rows = Incident.objects.alive(now, 86400 * 7).filter(key__in=listed[start : start + 500])
        for incident in rows.select_for_update(of=("self",)).order_by("pk"):
            if incident.key not in found or found[incident.key].state == State.RESOLVED:
                found[incident.key] = incident
    return found


def _life(incident: Incident | None) -> Life | None:
    return Life(State(incident.state), incident.moved_at, incident.reopen_s) if incident else None


def _open(sights: Sequence[Sight]) -> list[Incident]:
    """New incidents, without those that another look has opened at the same time."""
    rows = [
        Incident(
            key=sight.key,
            kind=sight.kind,
            state=State.PENDING,
            severity=sight.severity,
            title=sight.title[:300],
            kpi=sight.kpi,
            scorecard=sight.scorecard or (sight.kpi.scorecard if sight.kpi else None),
            rule=sight.rule,
            subject=sight.subject[:80],
            reopen_s=window_s(sight.recover_s),
            opened_at=sight.look.at,
            fires_at=sight.fires_at,
            moved_at=sight.look.at,
        )
        for sight in sights
    ]
    if not rows:
        return []
    Incident.objects.bulk_create(rows, ignore_conflicts=True)
    made = Incident.objects.filter(key__in=[row.key for row in rows], state=State.PENDING, steps=0)
    return list(made.select_for_update(of=("self",)).order_by("pk"))


def _moves(incident: Incident, wanted: Step, sight: Sight) -> list[_Move]:
    if wanted == Step.OPEN:
        return [_Move(incident, State.PENDING, sight, Outbox.QUIET)]
    if wanted == Step.FIRE:
        return [_Move(incident, State.FIRING, sight, Outbox.DUE, GATHER_S)]
    if wanted == Step.RESOLVE:
        return [_Move(incident, State.RESOLVED, sight, Outbox.DUE, told_after_s(sight.recover_s, sight.waited_s))]
    if wanted == Step.FORGET:
        incident.delete()
        return []
    still_due = incident.transitions.filter(state=State.RESOLVED, outbox__in=(Outbox.DUE, Outbox.HELD))
    if untold := still_due.exists():  # how many were updated is not known where statements do not wait
        still_due.update(outbox=Outbox.QUIET)
    other = _differs(incident, sight)
    was = State.ACKNOWLEDGED if untold and incident.acknowledged_at and not other else State.FIRING
    note = "Past its limit again within the recover window: the same incident."
    note = f"{note} {_whose(incident, sight)}" if other else note
    known = untold and not (other and _to_tell(incident, sight))
    return [_Move(incident, was, replace(sight, note=sight.note or note), Outbox.QUIET if known else Outbox.DUE, GATHER_S)]


def _differs(incident: Incident, sight: Sight) -> bool:
    return sight.past and incident.subject != sight.subject[:80]


def _another(incident: Incident, sight: Sight) -> bool:
    """Whether an open alert is about another subject by now; only one that a figure past its limit belongs to takes over."""
    open_ = incident.state in (State.FIRING, State.ACKNOWLEDGED)
    # a clock that was stepped back moves nothing
    return open_ and bool(sight.look.bad) and sight.look.at >= incident.moved_at and _differs(incident, sight)


def _passed_on(incident: Incident, sight: Sight) -> list[_Move]:
    """Another subject stands for it: told once of each, and taken up only if somebody has taken this one up too."""
    if incident.steps >= MOST_STEPS:
        sight_fields = {"value": sight.value, "origin": sight.origin, "measured_at": sight.measured_at}
        Incident.objects.filter(pk=incident.pk).update(subject=sight.subject[:80], **sight_fields)
        return []
    taken_up = incident.transitions.filter(state=State.ACKNOWLEDGED, subject=sight.subject[:80]).exists()
    state = State.ACKNOWLEDGED if incident.state == State.ACKNOWLEDGED and taken_up else State.FIRING
    outbox = Outbox.DUE if _to_tell(incident, sight) else Outbox.QUIET
    return [_Move(incident, state, replace(sight, note=sight.note or _whose(incident, sight)), outbox, GATHER_S)]


def _to_tell(incident: Incident, sight: Sight) -> bool:
    """Whether nobody was told yet, nor is about to be, that it fires for this subject."""
    told = incident.transitions.filter(state=State.FIRING, subject=sight.subject[:80])
    return not told.exclude(outbox__in=(Outbox.QUIET, Outbox.MUTED)).exists()


def _whose(incident: Incident, sight: Sight) -> str:
    return f"{sight.subject or 'Another series'} stands for it now, before it was {incident.subject or 'another series'}."


def _write(moves: Sequence[_Move]) -> list[Transition]:
    rows = []
    for move in moves:
        incident, sight = move.incident, move.sight
        _advance(incident, move.state, sight.look.at)
        incident.severity, incident.title = sight.severity, sight.title[:300]
        if sight.past:
            incident.subject = sight.subject[:80]
        incident.value, incident.origin, incident.measured_at = sight.value, sight.origin, sight.measured_at
        rows.append(
            Transition(
                incident=incident,
                number=incident.steps,
                state=move.state,
                at=incident.moved_at,
                note=sight.note,
                subject=incident.subject,
                value=sight.value,
                origin=sight.origin,
                measured_at=sight.measured_at,
                outbox=move.outbox,
                due_at=incident.moved_at + timedelta(seconds=move.wait_s),
            )
        )
    if rows:
        Incident.objects.bulk_update([move.incident for move in moves], MOVED, batch_size=200)
        Transition.objects.bulk_create(rows)
    return rows


MOVED = [
    "state", "severity", "title", "subject", "value", "origin", "measured_at", "fired_at", "acknowledged_at", "acknowledged_by",
    "resolved_at", "moved_at", "steps",
]  # fmt: skip


def _advance(incident: Incident, state: State, at: datetime) -> None:
    """To a state, at a time that is never before its last move."""
    at = max(at, incident.moved_at)
    kept = incident.state in (State.RESOLVED, State.ACKNOWLEDGED)
    incident.state, incident.moved_at = state, at
    incident.steps += 1
    if state == State.FIRING:
        incident.fired_at = incident.fired_at or at
        incident.acknowledged_at, incident.acknowledged_by = None, ""
    if state == State.ACKNOWLEDGED and not kept:
        incident.acknowledged_at = at
    incident.resolved_at = at if state == State.RESOLVED else None


@transaction.atomic
def acknowledge(
    *, incident: Incident, actor: User | None, by: str = "", note: str = "", now: datetime, token: str = ""
) -> Incident:
    """Somebody has taken it up. `by` names who it was where no person is logged in. Raises CannotAcknowledge."""
    try:
        incident = Incident.objects.select_for_update(of=("self",)).get(pk=incident.pk)
    except Incident.DoesNotExist:
        raise CannotAcknowledge("It never fired, and is over.") from None
    if incident.state == State.ACKNOWLEDGED:
        raise CannotAcknowledge(f"{incident.acknowledged_by} has acknowledged it already.")
    if incident.state != State.FIRING:
        raise CannotAcknowledge(f"It is {incident.state}; only what is firing is acknowledged.")
    who = by or str(actor)
    _advance(incident, State.ACKNOWLEDGED, now)
    incident.acknowledged_by = who[:200]
    incident.save()
    Transition.objects.create(
        incident=incident,
        number=incident.steps,
        state=State.ACKNOWLEDGED,
        at=incident.moved_at,
        actor=actor,
        by=who[:200],
        note=note,
        subject=incident.subject,
        value=incident.value,
        origin=incident.origin,
        measured_at=incident.measured_at,
        outbox=Outbox.DUE,
        due_at=incident.moved_at + timedelta(seconds=GATHER_S),
    )
    audit.record(actor=actor, action="alert.acknowledge", subject=incident, after={"by": who}, why=note, token=token)
    return incident
