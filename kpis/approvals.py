"""What waits for a decision about KPIs, with its difference to what is in force; what was decided; which waivers end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from accounts.days import ends
from accounts.differences import Line
from accounts.models import User
from accounts.prepared import Slot
from kpis import waivers
from kpis.commitments import difference, goal_of, with_overtaken
from kpis.evaluation import Point, Status, evaluate
from kpis.faults import doubts
from kpis.models import KPI, Decision, Target, Waiver
from kpis.standing import Standing, standings

RECENT = timedelta(days=14)
MOST = 200
"""Of each kind, oldest first: who has more than these waiting works from the front."""


@dataclass(frozen=True)
class Item:
    """One decision that waits. `would` is the status that the KPI would have now by a proposed target, where it differs;
    `seen` is the version in force that it is compared with; `overtaken` is a later version that is approved already; `doubts`
    ask whether its figures were meant."""

    noun: str
    row: Any
    standing: Standing
    lines: tuple[Line, ...]
    at: datetime
    by: User | None
    own: bool
    decidable: bool
    would: Status | None = None
    overtaken: int | None = None
    doubts: tuple[str, ...] = ()

    @property
    def seen(self) -> int:
        return self.standing.target.number if self.standing.target else 0

    @property
    def kpi(self) -> KPI:
        return self.standing.kpi


@dataclass(frozen=True)
class Desk:
    """What one person finds on the page of approvals; `ending` and `lapsed` are waivers with where their KPI stands."""

    for_me: tuple[Item, ...]
    others: tuple[Item, ...]
    decided: tuple[tuple[str, Any], ...]
    ending: tuple[tuple[Waiver, Standing], ...]
    lapsed: tuple[tuple[Waiver, Standing], ...]


def desk(*, user: User, may_approve: bool, now: datetime) -> Desk:
    """In a constant number of queries, whatever waits."""
    proposed = list(
        with_overtaken(waiting_targets(), now)
        .select_related("kpi__scorecard", "kpi__owner", "proposed_by")
        .order_by("proposed_at")[:MOST]
    )
    asked = list(
        waiting_waivers(now).select_related("kpi__scorecard", "kpi__owner", "requested_by").order_by("requested_at")[:MOST]
    )
    ending, lapsed = list(waivers.ending(now)), list(waivers.lapsed(now))
    found = {kpi.pk: kpi for kpi in (*(row.kpi for row in proposed), *(row.kpi for row in (*asked, *ending, *lapsed)))}
    stand = {one.kpi.pk: one for one in standings(found.values(), now=now)}
    running = waivers.by_subject(found, now)
    items = [
        *(_target_item(row, stand[row.kpi_id], user, may_approve, now) for row in proposed),
        *(_waiver_item(row, stand[row.kpi_id], running, user, may_approve) for row in asked),
    ]
    items.sort(key=lambda item: item.at)
    return Desk(
        for_me=tuple(item for item in items if item.decidable),
        others=tuple(item for item in items if not item.decidable),
        decided=_decided(now),
        ending=tuple((row, stand[row.kpi_id]) for row in ending),
        lapsed=tuple((row, stand[row.kpi_id]) for row in lapsed),
    )


def waiting_targets() -> QuerySet[Target]:
    """Proposed versions of KPIs that are not archived."""
    return Target.objects.filter(decision=Decision.PROPOSED, kpi__in=KPI.objects.active())


def waiting_waivers(now: datetime | Slot) -> QuerySet[Waiver]:
    """Requests whose last day is not over yet."""
    return Waiver.objects.filter(decision=Decision.PROPOSED, expires_at__gt=now, kpi__in=KPI.objects.active())


def _target_item(row: Target, stands: Standing, user: User, may_approve: bool, now: datetime) -> Item:
    row.kpi = stands.kpi
    then = (row.then_number, row.then_at) if row.then_at else None  # type: ignore[attr-defined]
    own = row.proposed_by_id == user.pk
    return Item(
        noun="target",
        row=row,
        standing=stands,
        lines=tuple(difference(stands.target, row, stands.kpi, then)),
        at=row.proposed_at,
        by=row.proposed_by,
        own=own,
        decidable=may_approve and (not own or settings.ALLOW_SELF_APPROVAL),
        would=_would(row, stands, now),
        overtaken=row.overtaken,  # type: ignore[attr-defined]
        doubts=tuple(doubts(row, stands.kpi).values()),
    )


def _waiver_item(row: Waiver, stands: Standing, running: dict[int, dict[str, datetime]], user: User, may_approve: bool) -> Item:
    own = row.requested_by_id == user.pk
    until = running.get(row.kpi_id, {}).get(row.subject)
    return Item(
        noun="waiver",
        row=row,
        standing=stands,
        lines=(
            Line("Where", "", row.subject or "everywhere"),
            Line("Does not count until", ends(until) if until else "", ends(row.expires_at)),
        ),
        at=row.requested_at,
        by=row.requested_by,
        own=own,
        decidable=may_approve and (not own or settings.ALLOW_SELF_APPROVAL),
    )


def _would(row: Target, stands: Standing, now: datetime) -> Status | None:
    if stands.actual is None or stands.at is None or stands.status == Status.STALE:
        return None
    found = evaluate(
        goal_of(row, stands.kpi), [Point(stands.at, stands.actual)], now=now, freshness_s=stands.kpi.freshness_s
    ).status
    return found if found != stands.status else None


def _decided(now: datetime) -> tuple[tuple[str, Any], ...]:
    """The newest decisions that people made in the last two weeks, targets and waivers together."""
    rows: list[tuple[str, Any]] = []
    kinds: Sequence[tuple[str, Any, str]] = (("target", Target, "proposed_by"), ("waiver", Waiver, "requested_by"))
    for noun, model, asker in kinds:
        found = model.objects.exclude(decision=Decision.PROPOSED).filter(decided_at__gt=now - RECENT, decided_by__isnull=False)
        related = found.select_related("kpi__scorecard", asker, "decided_by")
        rows += [(noun, row) for row in related.order_by("-decided_at")[:20]]
    return tuple(sorted(rows, key=lambda pair: pair[1].decided_at, reverse=True)[:20])
