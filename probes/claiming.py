"""Who measures what: due probes are claimed by compare-and-set, so that no two workers take the same one."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import ModuleType

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from accounts.prepared import Prepared, Slot, fetched
from probes import heartbeat, maintenance
from probes.kinds import kinds
from probes.kinds.base import Outcome
from probes.models import Probe, Run, RunState
from probes.rows import add, blank, renew, soon

BATCH = 500
LOAD = "load"
"""The kind whose runs a worker of their own carries out; everything else on that service waits meanwhile."""

LEASE = timedelta(seconds=100)
"""How long a claim holds; a run that is not done by then is abandoned and taken up again."""

BACK_OFF_AFTER, BACK_OFF_MOST, BACK_OFF_LONGEST_S = 2, 6, 900
MOST_DELAY_MS = 2**31 - 1
STARTED = ["state", "started_at", "queue_delay_ms", "details"]

_BUSY = Prepared(
    lambda: Probe.objects.filter(
        kind__any_of=Slot("kinds"), service_id__any_of=Slot("services"), claimed_until__gt=Slot("now")
    ).values_list("service_id")
)
_QUEUED = Prepared(
    lambda: Run.objects.filter(probe_id__any_of=Slot("probes"), state=RunState.QUEUED, finished_at=None).order_by(
        "-due_at", "-pk"
    )
)


@dataclass(frozen=True)
class Claim:
    """What measuring needs of one claimed probe, read once."""

    probe: Probe
    run: Run
    kind: ModuleType


def claim(*, now: datetime, most: int = BATCH) -> list[Claim]:
    """Claim due probes for this worker: each is moved to its next time, so that no other worker sees it.

    At most one that times requests per service: two at once falsify each other. Writes nothing when nothing is due.
    """
    take_up_again(now=now)
    if not _ANY_DUE(now=now):
        return []
    with transaction.atomic():
        soon()  # what is claimed and forgotten in a crash is due again
        found = _one_timed_each(_locked(_due(now))[:most], now)
        waiting = _waiting(found)
        chosen = _outside_windows(found, waiting, now)
        runs = [begin(waiting.get(probe.pk) or blank(probe), now) for probe in chosen]
        add([run for run in runs if run.probe_id not in waiting])
        renew([run for run in runs if run.probe_id in waiting], STARTED)
        for probe in chosen:
            probe.claimed_until, probe.next_run_at = now + LEASE, next_time(probe, now)
        renew(chosen, ["claimed_until", "next_run_at"])
    return [Claim(probe, run, kinds()[probe.kind]) for probe, run in zip(chosen, runs, strict=True)]


def _due(now: datetime | Slot) -> QuerySet[Probe]:
    """Due probes, less those that would be timed beside another on the same service."""
    busy = Probe.objects.filter(kind__in=_timed(), claimed_until__gt=now).values("service_id")
    return heartbeat.due(now).filter(kind__in=list(kinds())).exclude(kind__in=_timed(), service_id__in=busy)


_ANY_DUE = Prepared(lambda: _due(Slot("now")).values_list("pk")[:1])
"""Asked every second, mostly for nothing."""


def _timed() -> list[str]:
    return [name for name, kind in kinds().items() if kind.TIMED]


def _locked(due: QuerySet[Probe]) -> QuerySet[Probe]:
    """Lock the probes and their services, passing over those that another worker is claiming from just now."""
    skip = connection.features.has_select_for_update_skip_locked
    rows = due.select_related("service").order_by("next_run_at", "pk")
    return rows.select_for_update(
        of=("self", "service"), skip_locked=skip, no_key=connection.features.has_select_for_no_key_update
    )


def _one_timed_each(rows: QuerySet[Probe], now: datetime) -> list[Probe]:
    """Asked again behind the lock: another worker may have claimed beside us between the question and the lock."""
    probes, timed = fetched(rows), _timed()
    busy = {pk for (pk,) in _BUSY(kinds=timed, services=[probe.service_id for probe in probes], now=now)}
    chosen = []
    for probe in probes:
        if probe.kind in timed:
            if probe.service_id in busy:
                continue
            busy.add(probe.service_id)
        chosen.append(probe)
    return chosen


def _outside_windows(probes: list[Probe], waiting: dict[int, Run], now: datetime) -> list[Probe]:
    """Without those whose service is maintained, which are moved behind the window; what was asked for runs marked."""
    windows = maintenance.holding(now)
    if not windows:
        return probes
    resting = []
    for probe in probes:
        if window := maintenance.over(windows, probe.service):
            if probe.pk in waiting:
                waiting[probe.pk].details["maintenance"] = window.reason
            else:
                maintenance.put_off(probe, window)
                resting.append(probe)
    renew(resting, ["next_run_at"])
    left = {probe.pk for probe in resting}
    return [probe for probe in probes if probe.pk not in left]


def _waiting(probes: list[Probe]) -> dict[int, Run]:
    """The oldest queued run of each probe: somebody asked for it, or it is a retry."""
    return {run.probe_id: run for run in _QUEUED(probes=[probe.pk for probe in probes])}


def begin(run: Run, now: datetime) -> Run:
    """It runs from now on, so long after it was due."""
    run.state, run.started_at = RunState.RUNNING, now
    run.queue_delay_ms = min(max(0, int((now - run.due_at).total_seconds() * 1000)), MOST_DELAY_MS)
    return run


def next_time(probe: Probe, now: datetime) -> datetime:
    """One interval on, a little apart from others; what keeps failing is asked less often, unless it tells availability."""
    factor = 2 ** min(probe.failures - BACK_OFF_AFTER, BACK_OFF_MOST) if backs_off(probe) else 1
    seconds = min(probe.interval_s * factor, max(probe.interval_s, BACK_OFF_LONGEST_S))
    jitter = random.uniform(-0.05, 0.05) * min(probe.interval_s, 60)  # noqa: S311 - spreads a fleet, guards nothing
    due = probe.next_run_at + timedelta(seconds=seconds + jitter)
    return due if due > now else now + timedelta(seconds=seconds + jitter)


def backs_off(probe: Probe) -> bool:
    return probe.failures > BACK_OFF_AFTER and "availability" not in kinds()[probe.kind].METRICS


def take_up_again(*, now: datetime) -> int:
    """Mark the runs of workers that died, and queue each once more; returns how many were lost.

    A retry that is lost too is left to the schedule: it may be what kills the worker.
    """
    if not _ANY_LOST(now=now, late=now - LEASE):
        return 0
    with transaction.atomic():
        loads = set(_lost(now, now - LEASE).filter(probe__kind=LOAD).values_list("pk", flat=True))
        lost = list(
            _lost(now, now - LEASE).select_for_update(
                of=("self",), skip_locked=connection.features.has_select_for_update_skip_locked
            )
        )
        for run in lost:
            run.state, run.outcome, run.finished_at = RunState.DONE, Outcome.ABANDONED, now
            run.error = "The worker did not finish this run."
        renew(lost, ["state", "outcome", "finished_at", "error"])
        again = [run for run in lost if not run.details.get("retry_of") and run.pk not in loads]
        Run.objects.bulk_create([Run(probe_id=run.probe_id, due_at=now, details={"retry_of": run.pk}) for run in again])
        Probe.objects.filter(pk__in=[run.probe_id for run in lost]).update(claimed_until=None)
        Probe.objects.filter(pk__in=[run.probe_id for run in again]).update(next_run_at=now)
    return len(lost)


def _lost(now: datetime | Slot, late: datetime | Slot) -> QuerySet[Run]:
    overdue = Q(started_at__lt=late) & ~Q(probe__kind=LOAD)
    silent = Q(probe__kind=LOAD, probe__claimed_until__lt=now)
    return Run.objects.filter(overdue | silent, state=RunState.RUNNING, finished_at=None)


_ANY_LOST = Prepared(lambda: _lost(Slot("now"), Slot("late")).values_list("pk")[:1])
