"""Reviews of KPIs: when the next is due, and that it was done. A review says that what is written of a KPI still holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.db.models import Max

from accounts import audit
from accounts.models import User
from accounts.permissions import Scope, may
from accounts.prepared import Prepared, Slot
from kpis import rhythm
from kpis.faults import Refused
from kpis.models import KPI, Review


@dataclass(frozen=True)
class Due:
    """Where the reviews of one KPI stand. States: `none` without a rhythm, `next`, `due` in the week before its day and on it,
    `overdue` after it."""

    kpi: KPI
    state: str
    due_on: date | None
    last_on: date | None
    days_late: int = 0


_DONE = Prepared(
    lambda: (
        Review.objects.filter(kpi_id__any_of=Slot("kpis"))
        .order_by()
        .values("kpi_id")
        .annotate(last=Max("reviewed_at"), due=Max("due_on"))
        .values_list("kpi_id", "last", "due")
    )
)


def reviews(kpis: Iterable[KPI], *, today: date) -> dict[int, Due]:
    """Where the reviews of KPIs stand, by KPI id, in one query."""
    listed = list(kpis)
    done = {kpi: (last.date(), due) for kpi, last, due in (_DONE(kpis=[kpi.pk for kpi in listed]) if listed else ())}
    return {kpi.pk: _due(kpi, *done.get(kpi.pk, (None, None)), today) for kpi in listed}


def acknowledge(*, kpi: KPI, actor: User, note: str, now: datetime, token: str = "") -> Review:
    """Write down that the KPI was looked at, and what was found. It answers the review that is due, if one is.

    Done by its owner, its approver or anybody who may approve; by anybody who may propose where nobody is named.
    Raises Refused.
    """
    if not note.strip():
        raise Refused("Say what was looked at and found.")
    with transaction.atomic():
        locked = KPI.objects.select_for_update(of=("self",), no_key=True)
        kpi = locked.select_related("scorecard", "owner", "approver").get(pk=kpi.pk)
        if kpi.is_archived:
            raise Refused("This KPI is archived: nothing of it is reviewed.")
        named = [person for person in (kpi.owner, kpi.approver) if person]
        if named and actor not in named and not may(actor, Scope.APPROVE):
            raise Refused(f"{' or '.join(str(person) for person in named)} reviews it, or an approver.")
        before = reviews([kpi], today=now.date())[kpi.pk]
        answers = before.due_on if before.state in ("due", "overdue") else None
        row = Review.objects.create(kpi=kpi, due_on=answers, reviewed_by=actor, reviewed_at=now, note=note.strip())
        after = reviews([kpi], today=now.date())[kpi.pk]
        audit.record(
            actor=actor, action="kpi.review", subject=kpi, before={"review_due_on": _iso(before.due_on)},
            after={"review_due_on": _iso(after.due_on)}, why=row.note, token=token,
        )  # fmt: skip
    return row


def _due(kpi: KPI, last: date | None, answered: date | None, today: date) -> Due:
    if not kpi.review_rule or kpi.review_from is None:
        return Due(kpi, "none", None, last)
    seen = max((day for day in (last, answered) if day), default=None)
    due_on = rhythm.following(kpi.review_rule, kpi.review_from, seen) if seen else kpi.review_from
    if due_on is None:
        return Due(kpi, "none", None, last)
    state = "overdue" if due_on < today else "due" if due_on - rhythm.SOON <= today else "next"
    return Due(kpi, state, due_on, last, max(0, (today - due_on).days))


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
