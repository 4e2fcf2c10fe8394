"""Gate waivers: what waits for a decision and what is missing at its gate, what ends soon, what ran out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import User
from accounts.permissions import Scope, may
from accounts.prepared import Slot
from kpis.models import Decision
from kpis.waivers import LAPSED, SOON
from roadmap.gates import GateJudgement
from roadmap.judging import judge_gates, standings_of
from roadmap.models import GateWaiver, Roadmap

MOST = 100


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request, and its gate as it stands."""

    waiver: GateWaiver
    judgement: GateJudgement
    own: bool
    decidable: bool


@dataclass(frozen=True, kw_only=True)
class GateWaivers:
    for_me: tuple[Asked, ...]
    others: tuple[Asked, ...]
    ending: tuple[GateWaiver, ...]
    lapsed: tuple[GateWaiver, ...]
    decided: tuple[GateWaiver, ...]


def gate_waivers(*, user: User, now: datetime) -> GateWaivers:
    """Oldest request first. As many more queries as there are roadmaps that somebody asks for."""
    rows = list(_related(waiting(now)).order_by("requested_at")[:MOST])
    judged = _judged({row.gate.phase.roadmap for row in rows}, now)
    can = may(user, Scope.APPROVE)
    asked = [
        Asked(
            waiver=row,
            judgement=judged[row.gate.phase_id],
            own=row.requested_by_id == user.pk,
            decidable=can and (row.requested_by_id != user.pk or settings.ALLOW_SELF_APPROVAL),
        )
        for row in rows
    ]
    decided = GateWaiver.objects.exclude(decision=Decision.PROPOSED).filter(decided_at__gt=now - 2 * LAPSED)
    return GateWaivers(
        for_me=tuple(one for one in asked if one.decidable),
        others=tuple(one for one in asked if not one.decidable),
        ending=tuple(_related(ending(now))),
        lapsed=tuple(_related(lapsed(now))),
        decided=tuple(_related(decided).order_by("-decided_at")[:10]),
    )


def waiting(now: datetime | Slot) -> QuerySet[GateWaiver]:
    """Requests about gates that are still open, whose last day is not over."""
    return GateWaiver.objects.filter(decision=Decision.PROPOSED, expires_at__gt=now, gate__closed_at=None)


def ending(now: datetime) -> QuerySet[GateWaiver]:
    """Those that an open gate rests on and that end within three days."""
    rows = GateWaiver.objects.filter(decision=Decision.APPROVED, gate__closed_at=None)
    later = rows.filter(gate=OuterRef("gate"), expires_at__gt=OuterRef("expires_at"))
    return rows.filter(expires_at__gt=now, expires_at__lte=now + SOON).exclude(Exists(later)).order_by("expires_at")


def lapsed(now: datetime) -> QuerySet[GateWaiver]:
    """Those that ran out in the last week while their gate is still open, with no other one after them: nobody ended them."""
    rows = GateWaiver.objects.filter(decision=Decision.APPROVED, gate__closed_at=None)
    later = rows.filter(gate=OuterRef("gate"), expires_at__gt=OuterRef("expires_at"))
    return (
        rows.filter(ended_by=None, expires_at__lte=now, expires_at__gt=now - LAPSED)
        .exclude(Exists(later))
        .order_by("-expires_at")
    )


def _related(rows: QuerySet[GateWaiver]) -> QuerySet[GateWaiver]:
    return rows.select_related("gate__phase__roadmap", "requested_by", "decided_by")


def _judged(roadmaps: set[Roadmap], now: datetime) -> dict[int, GateJudgement]:
    found: dict[int, GateJudgement] = {}
    for roadmap in roadmaps:
        found |= judge_gates(roadmap, standings_of(roadmap, now), now)
    return found
