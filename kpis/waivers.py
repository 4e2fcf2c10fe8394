"""Waivers: asked for, decided by somebody else, ended by their date. A waiver mutes nothing; it stands beside the status."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from accounts import audit
from accounts.models import User
from accounts.prepared import Prepared, Slot
from kpis.faults import Refused
from kpis.models import KPI, Decision, Series, Waiver

SOON = timedelta(days=3)
"""How long before its end a waiver is called to mind."""

LAPSED = timedelta(days=7)
"""How long a waiver that ran out is told of, unless another one follows it."""

LONGEST = timedelta(days=366)
"""A waiver that outlives a year is a target that nobody wants to change."""

ARCHIVED = "This KPI is archived: restore it before its waivers change."

STATES = ("running", "waiting", "over", "refused")


@transaction.atomic
def request_waiver(
    *, kpi: KPI, actor: User, reason: str, expires_at: datetime, now: datetime, subject: str = "", token: str = ""
) -> Waiver:
    """Ask that the KPI (on one subject, or everywhere) does not count until a day. Raises Refused, naming the field."""
    check_request(kpi=kpi, reason=reason, expires_at=expires_at, now=now, subject=subject)
    waiver = Waiver.objects.create(kpi=kpi, subject=subject, reason=reason, expires_at=expires_at, requested_by=actor)
    audit.record(actor=actor, action="waiver.request", subject=waiver, after=figures(waiver), why=reason, token=token)
    return waiver


def check_request(*, kpi: KPI, reason: str, expires_at: datetime, now: datetime, subject: str = "") -> None:
    """Raise Refused, naming the field, for a request that could not be made."""
    if kpi.is_archived:
        raise Refused(ARCHIVED, "kpi")
    if not reason.strip():
        raise Refused("A waiver needs a reason.", "reason")
    if expires_at <= now:
        raise Refused("A waiver ends in the future.", "expires_at")
    if expires_at > now + LONGEST:
        raise Refused(f"A waiver lasts at most {LONGEST.days} days: ask again when it ends.", "expires_at")
    known = subjects_of(kpi)
    if not known:
        raise Refused("This KPI was never measured: there is nothing to waive.", "kpi")
    if subject and subject not in known:
        raise Refused(f"This KPI is not measured there. It is measured on: {', '.join(known)}.", "subject")


def subjects_of(kpi: KPI) -> list[str]:
    """Where it is measured."""
    return sorted(set(Series.objects.filter(kpi=kpi).values_list("subject", flat=True)))


def approve_waiver(*, waiver: Waiver, actor: User, now: datetime, note: str = "", token: str = "") -> Waiver:
    """Let the waiver count from now on. Raises Refused for one's own request or one that is decided or over."""
    return _decide(waiver, Decision.APPROVED, actor, now, note, token)


def reject_waiver(*, waiver: Waiver, actor: User, now: datetime, note: str = "", token: str = "") -> Waiver:
    """Turn the request down. Raises Refused."""
    return _decide(waiver, Decision.REJECTED, actor, now, note, token)


def withdraw_waiver(*, waiver: Waiver, actor: User, now: datetime, note: str = "", token: str = "") -> Waiver:
    """Take one's own request back. Raises Refused."""
    if waiver.requested_by_id != actor.pk:
        raise Refused("Only the person who asked withdraws a request.")
    return _decide(waiver, Decision.WITHDRAWN, actor, now, note, token)


@transaction.atomic
def end_waiver(*, waiver: Waiver, actor: User, now: datetime, note: str = "", token: str = "") -> Waiver:
    """End an approved waiver before its date. Raises Refused."""
    waiver = _locked(waiver)
    if waiver.decision != Decision.APPROVED or waiver.expires_at <= now:
        raise Refused("Only a waiver that counts can be ended.")
    before = figures(waiver)
    waiver.expires_at, waiver.ended_by = now, actor
    waiver.save(update_fields=["expires_at", "ended_by"])
    after = figures(waiver)
    audit.record(actor=actor, action="waiver.end", subject=waiver, before=before, after=after, why=note, token=token)
    return waiver


def in_force(at: datetime | Slot) -> QuerySet[Waiver]:
    """Those that count at a time: approved by then and not over."""
    return Waiver.objects.filter(decision=Decision.APPROVED, decided_at__lte=at, expires_at__gt=at)


def picked(state: str, at: datetime) -> QuerySet[Waiver]:
    """Those in one of STATES; anything else means all."""
    rows = Waiver.objects.all()
    return {
        "running": in_force(at),
        "waiting": rows.filter(decision=Decision.PROPOSED, expires_at__gt=at),
        "over": rows.filter(decision=Decision.APPROVED, expires_at__lte=at),
        "refused": rows.filter(decision__in=[Decision.REJECTED, Decision.WITHDRAWN]),
    }.get(state, rows)


_BY_SUBJECT = Prepared(
    lambda: (
        in_force(Slot("at"))
        .filter(kpi_id__any_of=Slot("kpis"))
        .order_by("expires_at")
        .values_list("kpi_id", "subject", "expires_at")
    )
)


def by_subject(kpi_ids: Iterable[int], at: datetime) -> dict[int, dict[str, datetime]]:
    """Until when what is waived, by KPI and subject; the subject "" is the KPI as a whole. An expired one ends by itself."""
    found: dict[int, dict[str, datetime]] = {}
    ids = list(kpi_ids)
    for kpi_id, subject, expires_at in _BY_SUBJECT(kpis=ids, at=at) if ids else ():
        found.setdefault(kpi_id, {})[subject] = expires_at
    return found


_CALLED_TO_MIND = Prepared(
    lambda: Waiver.objects.filter(
        decision=Decision.APPROVED, kpi_id__any_of=Slot("kpis"), expires_at__gt=Slot("since"), expires_at__lte=Slot("until")
    ).values_list("pk")
)


def called_to_mind(kpi_ids: Iterable[int], now: datetime) -> tuple[list[Waiver], list[Waiver]]:
    """Those of some KPIs that lapsed, and those that end soon."""
    ids = list(kpi_ids)
    if not _CALLED_TO_MIND(kpis=ids, since=now - LAPSED, until=now + SOON):
        return [], []
    return list(lapsed(now).filter(kpi__in=ids)), list(ending(now).filter(kpi__in=ids))


def ending(now: datetime) -> QuerySet[Waiver]:
    """Those that end within three days and that no other one outlasts, first end first."""
    rows = in_force(now).filter(expires_at__lte=now + SOON)
    later = in_force(now).filter(kpi=OuterRef("kpi"), subject=OuterRef("subject"), expires_at__gt=OuterRef("expires_at"))
    return _told(rows.exclude(Exists(later))).order_by("expires_at")


def lapsed(now: datetime) -> QuerySet[Waiver]:
    """Those that ran out in the last week, newest first: not ended by a person, and no other one ends after them."""
    rows = Waiver.objects.filter(decision=Decision.APPROVED, ended_by=None, expires_at__lte=now, expires_at__gt=now - LAPSED)
    same = Waiver.objects.filter(decision=Decision.APPROVED, kpi=OuterRef("kpi"), subject=OuterRef("subject"))
    return _told(rows.exclude(Exists(same.filter(expires_at__gt=OuterRef("expires_at"))))).order_by("-expires_at")


def _told(rows: QuerySet[Waiver]) -> QuerySet[Waiver]:
    return rows.filter(kpi__in=KPI.objects.active()).select_related("kpi__scorecard", "kpi__owner", "requested_by", "decided_by")


def figures(waiver: Waiver) -> dict[str, Any]:
    """What the waiver says, ready for JSON."""
    return {
        "kpi": str(waiver.kpi),
        "subject": waiver.subject,
        "expires_at": waiver.expires_at.isoformat(),
        "decision": str(waiver.decision),
    }


def _locked(waiver: Waiver) -> Waiver:
    """The row, locked. Raises Refused where its KPI is archived."""
    rows = Waiver.objects.select_for_update(of=("self",)).select_related("kpi__scorecard", "decided_by")
    waiver = rows.get(pk=waiver.pk)
    if waiver.kpi.is_archived:
        raise Refused(ARCHIVED)
    return waiver


@transaction.atomic
def _decide(waiver: Waiver, decision: Decision, actor: User, now: datetime, note: str, token: str) -> Waiver:
    waiver = _locked(waiver)
    if waiver.decision != Decision.PROPOSED:
        raise Refused(f"{waiver.decided_by} was first: this waiver is already {waiver.get_decision_display()}.")
    if decision == Decision.APPROVED:
        waiver.self_approved = waiver.requested_by_id == actor.pk
        if waiver.self_approved and not settings.ALLOW_SELF_APPROVAL:
            raise Refused("Somebody other than the person who asked approves a waiver.")
        if waiver.expires_at <= now:
            raise Refused("The day that it was asked for is over.")
    before = figures(waiver)
    waiver.decision, waiver.decided_by, waiver.decided_at, waiver.decision_note = decision, actor, now, note
    waiver.save()
    after = figures(waiver) | ({"self_approved": True} if waiver.self_approved else {})
    action = f"waiver.{decision.value}"
    audit.record(actor=actor, action=action, subject=waiver, before=before, after=after, why=note, token=token)
    return waiver
