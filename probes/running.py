"""Running what is due: claim by compare-and-set, measure on one event loop, save the run, hand its readings on."""

from __future__ import annotations

import asyncio
import logging
import queue
import random
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from types import ModuleType
from typing import Any

import msgspec
import uvloop
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from kpis.recording import Conflict, Point, Rejected, point_of, record
from kpis.units import UnitMismatch
from probes import heartbeat, http
from probes.addresses import AddressPolicy, Refused
from probes.kinds import kinds
from probes.kinds.base import Measured, Outcome, Page, Target, Tools
from probes.models import Probe, Run, RunState, Service

logger = logging.getLogger(__name__)

BATCH = 50
LEASE = timedelta(seconds=90)
"""How long a claim holds; a run that is not done by then is abandoned and taken up again."""

RUN_S = 75.0
"""No run measures longer than this, whatever its kind does."""

BACK_OFF_MOST = 6
KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Claim:
    """What a batch needs of one claimed probe, read once."""

    probe: Probe
    run: Run
    kind: ModuleType


@cache
def policy() -> AddressPolicy:
    """The operator's allow-list; Milepost's own database and broker are never reached."""
    return AddressPolicy.of(settings.PROBE_ALLOW, settings.PROBE_DENY)


def claim(*, now: datetime, most: int = BATCH) -> list[Claim]:
    """Claim due probes for this worker: each is moved to its next time, so that no other worker sees it."""
    with transaction.atomic():
        abandon(now=now)
        rows = heartbeat.due(now).select_related("service").order_by("next_run_at")
        rows = rows.select_for_update(of=("self",), skip_locked=connection.features.has_select_for_update_skip_locked)
        timed = [name for name, kind in kinds().items() if kind.TIMED]
        busy = Probe.objects.filter(kind__in=timed, claimed_until__gt=now).values("service_id")
        claims = []
        for probe in rows.exclude(kind__in=timed, service_id__in=busy)[:most]:
            run = _run_for(probe, now)
            probe.claimed_until = now + LEASE
            probe.next_run_at = next_time(probe, now)
            probe.save(update_fields=["claimed_until", "next_run_at"])
            claims.append(Claim(probe, run, kinds()[probe.kind]))
    return claims


def _run_for(probe: Probe, now: datetime) -> Run:
    """The queued run that somebody asked for, or a new one."""
    run = probe.runs.filter(state=RunState.QUEUED).order_by("due_at", "pk").first()
    run = run or Run(probe=probe, due_at=probe.next_run_at)
    run.state, run.started_at = RunState.RUNNING, now
    run.queue_delay_ms = max(0, int((now - run.due_at).total_seconds() * 1000))
    run.save()
    return run


def abandon(*, now: datetime) -> int:
    """Mark the runs of workers that died; their probes are due again by their own schedule. Returns how many."""
    lost = Run.objects.filter(state=RunState.RUNNING, started_at__lt=now - LEASE)
    return lost.update(
        state=RunState.DONE, outcome=Outcome.ABANDONED, finished_at=now, error="The worker did not finish this run."
    )


def next_time(probe: Probe, now: datetime) -> datetime:
    """One interval on, a little apart from others; a service that is down is asked less often, unless it tells availability."""
    factor = (
        1
        if "availability" in kinds()[probe.kind].METRICS
        else 2 ** min(probe.failures, BACK_OFF_MOST)
        if probe.failures > 2
        else 1
    )
    seconds = min(probe.interval_s * factor, max(probe.interval_s, 900))
    jitter = random.uniform(-0.05, 0.05) * min(probe.interval_s, 60)  # noqa: S311 - spreads a fleet, guards nothing
    due = probe.next_run_at + timedelta(seconds=seconds + jitter)
    return due if due > now else now + timedelta(seconds=seconds + jitter)


@transaction.atomic
def ask(*, probe: Probe, actor: User | None, now: datetime) -> Run:
    """ "Run now": a queued run, and the probe made due. Nothing is sent to the broker: the next tick finds it."""
    waiting = probe.runs.filter(state=RunState.QUEUED).first()
    run = waiting or Run.objects.create(probe=probe, due_at=now, requested_by=actor)
    Probe.objects.filter(pk=probe.pk).update(next_run_at=now)
    return run


def measure(claims: Sequence[Claim]) -> None:
    """Measure a batch on one event loop, in a thread of its own; save each run here as soon as it is done.

    The loop never waits for the database, and a slow service holds up nobody's recording but its own.
    """
    if not claims:
        return
    done: queue.SimpleQueue[tuple[Claim, Measured] | None] = queue.SimpleQueue()
    thread = threading.Thread(target=_measure_batch, args=(claims, done), name="stopwatch", daemon=True)
    thread.start()
    while (pair := done.get()) is not None:
        finish(*pair, now=timezone.now())
    thread.join()


def _measure_batch(claims: Sequence[Claim], done: queue.SimpleQueue[tuple[Claim, Measured] | None]) -> None:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_measure_all(claims, done))
    except Exception:
        logger.exception("a batch ended before its time; its runs will be marked abandoned")
    finally:
        done.put(None)


async def _measure_all(claims: Sequence[Claim], done: queue.SimpleQueue[tuple[Claim, Measured] | None]) -> None:
    """Services side by side; the timed runs of one service one after another, since two at once falsify each other."""
    by_service: dict[int, list[Claim]] = {}
    for claimed in claims:
        by_service.setdefault(claimed.probe.service_id, []).append(claimed)
    async with asyncio.TaskGroup() as group:
        for of_service in by_service.values():
            group.create_task(_measure_service(of_service, done))


async def _measure_service(claims: Sequence[Claim], done: queue.SimpleQueue[tuple[Claim, Measured] | None]) -> None:
    shared = _Shared(claims[0].probe.service)

    async def one(claimed: Claim) -> None:
        done.put((claimed, await _measure_one(claimed, shared)))

    await asyncio.gather(*(one(claimed) for claimed in claims if not claimed.kind.TIMED))
    for claimed in claims:
        if claimed.kind.TIMED:
            await one(claimed)


class _Shared:
    """One scrape for all who ask within a batch."""

    def __init__(self, service: Service) -> None:
        self.target = target_of(service)
        self._page: asyncio.Task[Page] | None = None

    async def scrape(self) -> Page:
        if self._page is None:
            self._page = asyncio.create_task(http.scrape(self.target, policy=policy(), at=timezone.now()))
        return await asyncio.shield(self._page)


def target_of(service: Service) -> Target:
    return Target(
        slug=service.slug,
        base_url=service.base_url,
        environment=service.environment,
        headers={**(service.headers or {})},
        metrics_url=service.metrics_url,
        health_path=service.health_path,
    )


async def _measure_one(claimed: Claim, shared: _Shared) -> Measured:
    """Whatever a kind does, a run ends with an outcome and a plain reason."""
    tools = Tools(policy=policy(), scrape=shared.scrape, now=timezone.now, previous=claimed.probe.memory)
    try:
        params = msgspec.convert(claimed.probe.params, claimed.kind.Params)
        async with asyncio.timeout(RUN_S):
            return await claimed.kind.measure(shared.target, params, tools)
    except (TimeoutError, http.TimedOut) as error:
        return Measured(outcome=Outcome.TIMED_OUT, error=str(error) or f"no end after {RUN_S:g} s")
    except Refused as error:
        return Measured(outcome=Outcome.REFUSED, reason="address", error=str(error))
    except (http.Unreachable, OSError) as error:
        return Measured(outcome=Outcome.FAILED, error=http.plain(error))
    except msgspec.ValidationError as error:
        return Measured(outcome=Outcome.INVALID, reason="params", error=str(error))
    except Exception:
        logger.exception("run %s failed in its kind", claimed.run.pk)
        return Measured(outcome=Outcome.FAILED, error="The probe kind failed; the log has the details.")


def finish(claimed: Claim, measured: Measured, *, now: datetime) -> None:
    """Save a run and hand its readings to the KPIs they feed, together or not at all.

    A run that was given up meanwhile (its lease ran out) changes nothing more.
    """
    probe, run = claimed.probe, claimed.run
    with transaction.atomic():
        still_ours = Run.objects.filter(pk=run.pk, state=RunState.RUNNING).update(
            state=RunState.DONE,
            outcome=measured.outcome,
            reason=measured.reason,
            error=measured.error[:2000],
            finished_at=now,
            details=measured.details,
            readings=[reading_row(reading) for reading in measured.readings],
        )
        if not still_ours:
            return
        run.recorded = _record(claimed, measured, now)
        run.save(update_fields=["recorded"])
        failures = 0 if measured.outcome in (Outcome.OK, Outcome.INVALID) else probe.failures + 1
        Probe.objects.filter(pk=probe.pk).update(claimed_until=None, failures=failures, memory=measured.memory)


def reading_row(reading: Any) -> dict[str, Any]:
    """A reading as it is kept with its run, without its histogram."""
    row = {"metric": reading.metric, "value": reading.value, "unit": reading.unit, "count": reading.count}
    for name in ("low", "high", "note", "reported"):
        if value := getattr(reading, name):
            row[name] = value
    return row


def _record(claimed: Claim, measured: Measured, now: datetime) -> list[dict[str, Any]]:
    """What reached a KPI, and why something did not."""
    service, told, points = claimed.probe.service, [], []
    by_metric = {reading.metric: reading for reading in measured.readings}
    for feed in claimed.probe.feeds.select_related("kpi__scorecard"):
        row: dict[str, Any] = {"metric": feed.metric, "kpi": f"{feed.kpi.scorecard.slug}/{feed.kpi.key}"}
        reading = by_metric.get(feed.metric)
        try:
            if reading is None:
                row["why_not"] = measured.reason or measured.error or "this run did not read it"
            else:
                point = point_of(
                    reading, kpi=feed.kpi, subject=service.slug, environment=service.environment, origin=f"run:{claimed.run.pk}"
                )
                points.append(point)
                row |= {"value": point.value, "unit": feed.kpi.unit}
        except UnitMismatch as error:
            row["why_not"] = str(error)
        told.append(row)
    return told + _store(points, now)


def _store(points: Iterable[Point], now: datetime) -> list[dict[str, Any]]:
    try:
        with transaction.atomic():
            record(list(points), now=now)
    except (Rejected, Conflict) as error:
        return [{"why_not": str(error)}]
    return []


def prune(*, now: datetime, batch: int = 2000) -> int:
    """Forget old runs, some at a time; returns how many."""
    old = list(Run.objects.filter(due_at__lt=now - KEPT, state=RunState.DONE).values_list("pk", flat=True)[:batch])
    return Run.objects.filter(pk__in=old).delete()[0]
