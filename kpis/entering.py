"""Figures that people bring: typed on a KPI's page or read from a file, and taken back when they were wrong.

Of one series there is one such figure at a time: the same again is ignored, another one is a conflict. `origin` says who
(`manual:<user>:<unique>`, `file:<user>:<unique>`), and what came in together goes out together.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from msgspec.structs import replace

from accounts import audit
from accounts.models import AuditEntry, User
from kpis.models import KPI, Measurement, Scorecard
from kpis.points import Point, Rejected
from kpis.recording import Receipt, record, withdraw

KINDS = ("manual", "file")
BY_PEOPLE = Q(origin__startswith="manual:") | Q(origin__startswith="file:")


class Refused(Exception):
    """What cannot be taken back; the text says why."""


@dataclass(frozen=True)
class Entry:
    """What came in, and under which origin it is found again."""

    receipt: Receipt
    origin: str


def enter(*, point: Point, actor: User, now: datetime, token: str = "") -> Entry:
    """Store one typed figure, in the unit that the KPI takes. Raises Rejected or Conflict."""
    origin = origin_of("manual", actor)
    with transaction.atomic():
        _lock([point])
        receipt = record(_known([replace(point, origin=origin)]), now=now)
        if receipt.stored:
            audit.record(actor=actor, action="measurement.enter", subject=point.kpi, after=_told(point, origin), token=token)
    return Entry(receipt, origin)


def bring_in(*, scorecard: Scorecard, points: Sequence[Point], actor: User, now: datetime, token: str = "") -> Entry:
    """Store the rows of a file, all or none. Raises Rejected or Conflict with the indices of the rows."""
    origin = origin_of("file", actor)
    with transaction.atomic():
        _lock(points)
        receipt = record(_known([replace(point, origin=origin) for point in points]), now=now)
        if receipt.stored:
            told: dict[str, Any] = {"stored": receipt.stored, "ignored": receipt.ignored, "origin": origin}
            told["kpis"] = sorted({point.kpi.key for point in points})
            audit.record(actor=actor, action="measurement.import", subject=scorecard, after=told, token=token)
    return Entry(receipt, origin)


def take_back(*, kpi: KPI, origin: str, actor: User, why: str, now: datetime, token: str = "") -> int:
    """Take out what came in under an origin, with its reason; returns how many figures that were. Raises Refused."""
    if not why.strip():
        raise Refused("Say why.")
    if origin.partition(":")[0] not in KINDS or origin.count(":") != 2:
        raise Refused("Only what a person brought in is taken back.")
    with transaction.atomic():
        gone = withdraw(origin=origin, now=now)
        if not gone:
            raise Refused("It was taken back already.")
        before = {"kind": origin.partition(":")[0], "origin": origin, "measurements": gone}
        audit.record(actor=actor, action="measurement.take_back", subject=kpi, before=before, why=why.strip(), token=token)
    return gone


@dataclass(frozen=True)
class Brought:
    """Something that a person brought in, as the history tells it; `gone` is the entry of its taking back."""

    entry: AuditEntry
    gone: AuditEntry | None

    @property
    def what(self) -> dict[str, Any]:
        return dict(self.entry.after)


def typed(kpi: KPI, *, most: int = 8) -> list[Brought]:
    """What was typed for a KPI, newest first."""
    entries = AuditEntry.objects.filter(
        subject_type=KPI._meta.label_lower, subject_id=str(kpi.pk), action__in=["measurement.enter", "measurement.take_back"]
    )
    return _brought(entries.select_related("actor")[: 2 * most], "measurement.enter")[:most]


def files(scorecard: Scorecard, *, most: int = 8) -> list[Brought]:
    """The files that were brought in for a scorecard, newest first."""
    kpis = [str(pk) for pk in scorecard.kpis.values_list("pk", flat=True)]
    entries = AuditEntry.objects.filter(
        Q(subject_type=Scorecard._meta.label_lower, subject_id=str(scorecard.pk), action="measurement.import")
        | Q(subject_type=KPI._meta.label_lower, subject_id__in=kpis, action="measurement.take_back", before__kind="file")
    )
    return _brought(entries.select_related("actor")[: 2 * most], "measurement.import")[:most]


def _brought(entries: Iterable[AuditEntry], action: str) -> list[Brought]:
    listed = list(entries)
    gone = {entry.before.get("origin"): entry for entry in listed if entry.action != action}
    return [Brought(entry, gone.get(entry.after.get("origin"))) for entry in listed if entry.action == action]


def origin_of(kind: str, actor: User) -> str:
    return f"{kind}:{actor.get_username()[:60]}:{secrets.token_hex(4)}"


def _lock(points: Sequence[Point]) -> None:
    """One at a time for each KPI, so that two people do not enter the same figure at once. Raises Rejected for archived ones."""
    locked = KPI.objects.active().select_for_update(of=("self",), no_key=True)
    there = {kpi.pk for kpi in locked.filter(pk__in={point.kpi.pk for point in points}).order_by("pk")}
    if gone := [index for index, point in enumerate(points) if point.kpi.pk not in there]:
        raise Rejected([(index, "kpi", "is archived: restore it first") for index in gone])


def _known(points: Sequence[Point]) -> list[Point]:
    """A point at whose time a person's figure stands already takes that one's origin: `record` then compares the two."""
    if not points:
        return []
    rows = Measurement.objects.filter(BY_PEOPLE, series__kpi__in={point.kpi.pk for point in points})
    rows = rows.filter(at__gte=min(point.at for point in points), at__lte=max(point.at for point in points))
    there = {
        (kpi, subject, environment, at): origin
        for kpi, subject, environment, at, origin in rows.order_by("pk").values_list(
            "series__kpi_id", "series__subject", "series__environment", "at", "origin"
        )
    }
    return [
        replace(point, origin=there.get((point.kpi.pk, point.subject, point.environment, point.at.astimezone(UTC)), point.origin))
        for point in points
    ]


def _told(point: Point, origin: str) -> dict[str, Any]:
    return {
        "at": point.at.isoformat(),
        "value": point.value,
        "unit": point.kpi.measured_unit,
        "subject": point.subject,
        "environment": point.environment,
        "count": point.count,
        "note": point.note,
        "origin": origin,
    }
