"""Saving runs and handing their readings to the KPIs that they feed: both, or neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.prepared import Prepared, Slot
from kpis import locking
from kpis.identity import Conflict
from kpis.models import KPI
from kpis.points import BareFigure, Point, Rejected, point_of
from kpis.readings import Reading
from kpis.recording import record
from kpis.units import UnitMismatch
from probes import maintenance
from probes.claiming import LOAD, Claim, backs_off
from probes.kinds.base import Measured, Outcome
from probes.models import Feed, Probe, Run, RunState
from probes.rows import renew, soon

Ended = tuple[Claim, Measured]
LONG = timedelta(minutes=1)
"""Within a shorter run no window begins and ends."""

RESULT = ["state", "started_at", "queue_delay_ms", "outcome", "reason", "error", "finished_at", "details", "readings", "recorded"]

_RUNNING = Prepared(
    lambda: (
        Run.objects.select_for_update().filter(pk__any_of=Slot("runs"), state=RunState.RUNNING).order_by("pk").values_list("pk")
    )
)
_FEEDS = Prepared(
    lambda: Feed.objects.filter(probe_id__any_of=Slot("probes")).order_by("pk").values_list("probe_id", "metric", "kpi_id")
)
_KPIS = Prepared(lambda: KPI.objects.filter(pk__any_of=Slot("kpis")).select_related("scorecard"))


@dataclass
class _Told:
    """What a run has to say of each KPI, and the points that reach one."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)


def finish(ended: Sequence[Ended], *, now: datetime) -> int:
    """Save runs that have ended; returns how many.

    A run that was given up meanwhile (its lease ran out) changes nothing more: its retry speaks for it.
    """
    return _saved(ended, now) if ended else 0


@transaction.atomic
def _saved(ended: Sequence[Ended], now: datetime) -> int:
    if all(claimed.probe.kind != LOAD for claimed, _ in ended):
        soon()  # what is forgotten in a crash is measured again; a load run took too long for that
    ours = _still_ours(ended)
    fed = _fed(ours)
    _mark_maintained([claimed for claimed, _ in ours], now)
    lagging = [claimed.probe for claimed, _ in ours if backs_off(claimed.probe)]
    told = [_told(claimed, measured, fed.get(claimed.probe.pk, [])) for claimed, measured in ours]
    _store(told, now)
    for (claimed, measured), said in zip(ours, told, strict=True):
        _fill(claimed, measured, said, now)
    renew([claimed.run for claimed, _ in ours], RESULT)
    renew([claimed.probe for claimed, _ in ours], ["claimed_until", "failures", "memory"])
    _back_to_its_interval([probe for probe in lagging if not probe.failures], now)
    return len(ours)


def _still_ours(ended: Sequence[Ended]) -> list[Ended]:
    running = {pk for (pk,) in _RUNNING(runs=[claimed.run.pk for claimed, _ in ended])}
    return [(claimed, measured) for claimed, measured in ended if claimed.run.pk in running]


def _mark_maintained(claims: Sequence[Claim], now: datetime) -> None:
    """A window that began while a run was under way holds for it too; of a long run also one that is over again."""
    windows = maintenance.holding(now)
    for claimed in claims:
        began = claimed.run.started_at or now
        held = maintenance.touching(began, now) if now - began > LONG else windows
        if window := maintenance.over(held, claimed.probe.service):
            claimed.run.details.setdefault("maintenance", window.reason)


def _fed(ended: Sequence[Ended]) -> dict[int, list[tuple[str, KPI]]]:
    """The metrics of probes that feed a KPI, and that KPI."""
    feeds = _FEEDS(probes=[claimed.probe.pk for claimed, _ in ended])
    kpis = {kpi.pk: kpi for kpi in _KPIS(kpis=list({pk for _, _, pk in feeds}))}
    found: dict[int, list[tuple[str, KPI]]] = {}
    for probe, metric, pk in feeds:
        found.setdefault(probe, []).append((metric, kpis[pk]))
    return found


def _told(claimed: Claim, measured: Measured, fed: Sequence[tuple[str, KPI]]) -> _Told:
    """What reaches a KPI, and why something does not."""
    service, told = claimed.probe.service, _Told()
    by_metric = {reading.metric: reading for reading in measured.readings}
    maintained = claimed.run.details.get("maintenance")
    for metric, kpi in fed:
        row: dict[str, Any] = {"metric": metric, "kpi": f"{kpi.scorecard.slug}/{kpi.key}"}
        told.rows.append(row)
        reading = by_metric.get(metric)
        if reading is None:
            row["why_not"] = measured.error or measured.reason or "this run did not read it"
            continue
        if maintained or kpi.is_archived:
            row["why_not"] = f"in a maintenance window: {maintained}" if maintained else "this KPI is archived"
            continue
        try:
            point = point_of(
                reading, kpi=kpi, subject=service.slug, environment=service.environment, origin=f"run:{claimed.run.pk}"
            )
        except (UnitMismatch, BareFigure) as error:
            row["why_not"] = str(error)
        else:
            told.points.append(point)
            row |= {"value": point.value, "unit": kpi.measured_unit}
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


def _back_to_its_interval(probes: Sequence[Probe], now: datetime) -> None:
    """What answers again was claimed with the long pause of what fails; nobody waits that long for its next figure."""
    for probe in probes:
        soonest = now + timedelta(seconds=probe.interval_s)
        Probe.objects.filter(pk=probe.pk, next_run_at__gt=soonest).update(next_run_at=soonest)


def reading_row(reading: Reading) -> dict[str, Any]:
    """A reading as it is kept with its run, without its histogram."""
    row: dict[str, Any] = {"metric": reading.metric, "value": reading.value, "unit": reading.unit, "count": reading.count}
    for name in ("low", "high", "note", "reported"):
        if value := getattr(reading, name):
            row[name] = value
    return row
