"""A scorecard out of a file: made where it is missing, renewed where nobody changed it, never overwriting people's work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import audit, expected
from accounts.models import User
from accounts.versions import figures, shown
from kpis import commitments, locking
from kpis.defining import JUDGED, judge_anew, keep_meaning
from kpis.faults import BadTarget, check
from kpis.models import KPI, Decision, Scorecard, Target
from kpis.points import EARLIEST
from kpis.targets import FURTHEST

CHANGED = "kpi.load"


class TargetEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A target as a file states it; what is None was not stated."""

    comparator: str
    value: float
    alert_threshold: float | None = None
    for_s: int = 0
    recover_s: int = 0
    severity: str = "medium"
    baseline: float | None = None
    baseline_on: date | None = None
    baseline_stated: str = ""
    due_on: date | None = None
    stated: str = ""
    rationale: str = "as stated in the source"
    effective_on: date | None = None


class KpiEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A KPI as a file defines it, in the words of `kpis.models.KPI`."""

    key: str
    name: str
    unit: str
    direction: str
    category: str = "technical"
    metric: str = ""
    aggregation: str = "last"
    across: str = "worst"
    across_subject: str = ""
    window_s: int = 3600
    freshness_s: int = 86400
    description: str = ""
    public_badge: bool = False
    reference: float | None = None
    reference_unit: str = ""
    reference_on: date | None = None
    target: TargetEntry | None = None


class ScorecardEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    slug: str
    name: str
    description: str = ""
    kpis: tuple[KpiEntry, ...] = ()


def read(data: Mapping[str, Any]) -> ScorecardEntry:
    """The typed form of a file's `scorecard` part. Raises ValidationError, naming the place."""
    try:
        return msgspec.convert(dict(data), ScorecardEntry, strict=True)
    except msgspec.ValidationError as error:
        detail, path = expected.split(error)
        raise ValidationError(f"scorecard{path.removeprefix('$')}: {detail}") from error


@transaction.atomic
def load_scorecard(data: Mapping[str, Any], *, actor: User | None = None, now: datetime) -> Scorecard:
    """Load a scorecard with its KPIs and their first targets; again and again gives the same.

    A KPI follows the file until a person has changed it (its version passed 1); a KPI that has a target keeps it.
    Raises ValidationError.
    """
    entry = read(data)
    scorecard, made = Scorecard.objects.get_or_create(
        slug=entry.slug, defaults={"name": entry.name, "description": entry.description}
    )
    if made:
        audit.record(actor=actor, action="scorecard.load", subject=scorecard, after={"kpis": len(entry.kpis)})
    there = {kpi.key: kpi for kpi in KPI.objects.select_for_update(no_key=True).filter(scorecard=scorecard)}
    locking.states(
        [kpi.pk for kpi in there.values() if kpi.version == 1], now=now
    )  # who records stores before, or sees the change
    having = set(Target.objects.filter(kpi__scorecard=scorecard).values_list("kpi_id", flat=True))
    for position, kpi_entry in enumerate(entry.kpis):
        kpi = _kpi(scorecard, there.get(kpi_entry.key), kpi_entry, position, actor, now)
        if kpi_entry.target is not None and kpi.pk not in having:
            _first_target(kpi, kpi_entry.target, actor, now)
    return scorecard


def _kpi(scorecard: Scorecard, kpi: KPI | None, entry: KpiEntry, position: int, actor: User | None, now: datetime) -> KPI:
    fields = {name: value for name, value in msgspec.structs.asdict(entry).items() if name != "target"} | {"position": position}
    if kpi is None:
        kpi = KPI(scorecard=scorecard, **fields)
        before: dict[str, Any] = {}
    elif kpi.version > 1:
        return kpi
    else:
        before = {name: getattr(kpi, name) for name, value in fields.items() if getattr(kpi, name) != value}
        if not before:
            return kpi
        for name, value in fields.items():
            setattr(kpi, name, value)
    try:
        if before:
            keep_meaning(kpi, before)
        kpi.full_clean()
    except ValidationError as error:
        raise ValidationError([f"scorecard.kpis[{position}]: {message}" for message in error.messages]) from error
    kpi.save()
    if before.keys() & set(JUDGED):
        judge_anew(kpi, now)
    before = {name: shown(value) for name, value in before.items()}
    audit.record(actor=actor, action=CHANGED, subject=kpi, before=before, after=figures(kpi, before or fields))
    return kpi


def _check_start(start: datetime | None, now: datetime) -> None:
    """Where a file says since when a target holds, that may have been already, but not before anything was measured; ahead it
    reaches as far as a proposal does. Raises BadTarget."""
    if start is not None and not EARLIEST <= start <= now + FURTHEST:
        raise BadTarget({"effective_on": "effective_on lies between 2000 and five years ahead."})


def _first_target(kpi: KPI, entry: TargetEntry, actor: User | None, now: datetime) -> Target:
    """Version 1. At the command line the document that it comes from approves it: nobody decided it here, and it says so. What a
    person brings in is a proposal of theirs, whatever they may: it waits for somebody else."""
    fields = msgspec.structs.asdict(entry)
    day = fields.pop("effective_on")
    start = datetime.combine(day, time(), UTC) if day else None
    try:
        _check_start(start, now)
        check(kpi, comparator=entry.comparator, value=entry.value, alert_threshold=entry.alert_threshold)
    except BadTarget as error:
        raise ValidationError([f"scorecard.kpis.{kpi.key}.target: {message}" for message in error.errors.values()]) from error
    decided = {"decision": Decision.APPROVED, "decided_at": now} if actor is None else {}
    start = start or (now if decided else None)
    target = Target.objects.create(kpi=kpi, number=1, proposed_by=actor, effective_from=start, **decided, **fields)
    audit.record(
        actor=actor, action="target.load", subject=target, after=commitments.figures(target), why="as stated in the source"
    )
    return target
