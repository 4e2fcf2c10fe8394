"""Saving runs and handing their readings to the KPIs that they feed: both, or neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from kpis import locking
from kpis.points import Point, Rejected, point_of
from kpis.readings import Reading
from kpis.recording import Conflict, record
from kpis.units import UnitMismatch
from probes import maintenance
from probes.claiming import Claim
from probes.kinds.base import Measured, Outcome
from probes.models import Feed, Run, RunState
from probes.rows import renew

Ended = tuple[Claim, Measured]
LONG = timedelta(minutes=1)
"""Within a shorter run no window begins and ends."""

RESULT = ["state", "started_at", "queue_delay_ms", "outcome", "reason", "error", "finished_at", "details", "readings", "recorded"]


@dataclass
class _Told:
    """What a run has to say of each KPI, and the points that reach one."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)


@transaction.atomic
def finish(ended: Sequence[Ended], *, now: datetime) -> int:
    """Save runs that have ended; returns how many.

    A run that was given up meanwhile (its lease ran out) changes nothing more: its retry speaks for it.
    """
    ours = _still_ours(ended)
    feeds = _feeds(ours)
    _mark_maintained([claimed for claimed, _ in ours], now)
    told = [_told(claimed, measured, feeds.get(claimed.probe.pk, [])) for claimed, measured in ours]
    _store(told, now)
    for (claimed, measured), said in zip(ours, told, strict=True):
        _fill(claimed, measured, said, now)
    renew([claimed.run for claimed, _ in ours], RESULT)
    renew([claimed.probe for claimed, _ in ours], ["claimed_until", "failures", "memory"])
    return len(ours)


def _still_ours(ended: Sequence[Ended]) -> list[Ended]:
    rows = Run.objects.filter(pk__in=[claimed.run.pk for claimed, _ in ended], state=RunState.RUNNING).order_by("pk")
    if connection.features.has_select_for_update:
        rows = rows.select_for_update()
    running = set(rows.values_list("pk", flat=True))
    return [(claimed, measured) for claimed, measured in ended if claimed.run.pk in running]


def _mark_maintained(claims: Sequence[Claim], now: datetime) -> None:
    """A window that began while a run was under way holds for it too; of a long run also one that is over again."""
    windows = maintenance.holding(now)
    for claimed in claims:
        began = claimed.run.started_at or now
        held = maintenance.touching(began, now) if now - began > LONG else windows
        if window := maintenance.over(held, claimed.probe.service):
            claimed.run.details.setdefault("maintenance", window.reason)


def _feeds(ended: Sequence[Ended]) -> dict[int, list[Feed]]:
    found: dict[int, list[Feed]] = {}
    probes = [claimed.probe.pk for claimed, _ in ended]
    for feed in Feed.objects.filter(probe__in=probes).select_related("kpi__scorecard").order_by("pk"):
        found.setdefault(feed.probe_id, []).append(feed)
    return found


def _told(claimed: Claim, measured: Measured, feeds: Sequence[Feed]) -> _Told:
    """What reaches a KPI, and why something does not."""
    service, told = claimed.probe.service, _Told()
    by_metric = {reading.metric: reading for reading in measured.readings}
    maintained = claimed.run.details.get("maintenance")
    for feed in feeds:
        row: dict[str, Any] = {"metric": feed.metric, "kpi": f"{feed.kpi.scorecard.slug}/{feed.kpi.key}"}
        told.rows.append(row)
        reading = by_metric.get(feed.metric)
        if reading is None:
            row["why_not"] = measured.error or measured.reason or "this run did not read it"
            continue
        if maintained or feed.kpi.is_archived:
            row["why_not"] = f"in a maintenance window: {maintained}" if maintained else "this KPI is archived"
            continue
        try:
            point = point_of(
                reading, kpi=feed.kpi, subject=service.slug, environment=service.environment, origin=f"run:{claimed.run.pk}"
            )
        except UnitMismatch as error:
            row["why_not"] = str(error)
        else:
            told.points.append(point)
            row |= {"value": point.value, "unit": feed.kpi.measured_unit}
    return told


def _store(told: Sequence[_Told], now: datetime) -> None:
    """All at once; where one run's points are refused, each run on its own, so that it refuses only its own."""
    try:
        with transaction.atomic():
            record([point for said in told for point in said.points], now=now)
    except (Rejected, Conflict) as error:
        if len(told) > 1:
            locking.states({point.kpi.pk for said in told for point in said.points}, now=now)  # all at once: in their order
            for said in told:
                _store([said], now)
        else:
            told[0].rows = [{**row, "value": None, "why_not": row.get("why_not") or str(error)} for row in told[0].rows]


def _fill(claimed: Claim, measured: Measured, told: _Told, now: datetime) -> None:
    run, probe = claimed.run, claimed.probe
    run.state, run.outcome, run.finished_at = RunState.DONE, measured.outcome, run.finished_at or now
    run.reason, run.error = measured.reason[:80], measured.error[:2000]
    run.details = {**run.details, **measured.details}
    run.readings = [reading_row(reading) for reading in measured.readings]
    run.recorded = told.rows
    probe.claimed_until, probe.memory = None, measured.memory
    if "maintenance" in run.details:
        return
    probe.failures = 0 if measured.outcome in (Outcome.OK, Outcome.INVALID) else probe.failures + 1


def reading_row(reading: Reading) -> dict[str, Any]:
    """A reading as it is kept with its run, without its histogram."""
    row: dict[str, Any] = {"metric": reading.metric, "value": reading.value, "unit": reading.unit, "count": reading.count}
    for name in ("low", "high", "note", "reported"):
        if value := getattr(reading, name):
            row[name] = value
    return row
