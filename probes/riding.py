"""Carrying load runs out: claimed by row, driven on an event loop of their own, told second by second into the database."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from msgspec.structs import replace

from accounts.prepared import Prepared, Slot
from kpis.stats.histogram import Histogram
from outgoing.addresses import Refused
from probes import heartbeat, http, load_parts, maintenance
from probes.claiming import LOAD, Claim, next_time, take_up_again
from probes.finishing import finish
from probes.kinds import kinds
from probes.kinds.base import Measured, Outcome, Page, Tools
from probes.kinds.load import Params
from probes.load import guard
from probes.load.driving import Crew, specs
from probes.load.merging import Result
from probes.load.profile import Profile, check
from probes.load.report import Row
from probes.load.spec import Spec
from probes.load.watch import Watch
from probes.loading import caps, forbidden, running_on, start
from probes.measuring import target_of
from probes.models import LoadSecond, Maintenance, Probe, Run, RunState
from probes.running import CannotRun, policy

LEASE = timedelta(seconds=60)
"""Renewed every second: a load run whose worker died is given up after so long."""

ALIVE_S, LOOK_AGAIN_S = 1.0, 0.25
LAST_S = 10


def work() -> bool:
    """Carry out one load run if one is due; returns whether there was one."""
    heartbeat.beat("load worker", now=timezone.now())
    if load_parts.work():
        return True
    claimed = claim(now=timezone.now())
    if claimed is None:
        return False
    measured = Ride(claimed).carry_out()
    finish([(claimed, measured)], now=timezone.now())
    if settings.LOAD_RERUN and measured.details.get("next_shards"):
        with contextlib.suppress(CannotRun):
            start(probe=claimed.probe, actor=None, now=timezone.now())
    return True


def claim(*, now: datetime) -> Claim | None:
    """The oldest load run that is due and whose target is free, by compare-and-set."""
    take_up_again(now=now)
    due = _DUE(now=now)
    windows = maintenance.holding(now) if due else []
    for probe in due:
        window = maintenance.over(windows, probe.service)
        if window and not probe.runs.filter(state=RunState.QUEUED).exists():
            _put_off(probe, window)
        elif running_on(probe.service).filter(state=RunState.RUNNING).exists():
            continue
        elif claimed := _claimed(probe, window, now):
            return claimed
    return None


def _due(now: Slot) -> QuerySet[Probe]:
    asked = Q(runs__state=RunState.QUEUED) | Q(enabled=True, next_run_at__lte=now)
    free = Q(claimed_until=None) | Q(claimed_until__lte=now)
    due = Probe.objects.filter(asked, free, kind=LOAD, service__paused_at=None, service__archived_at=None)
    return due.select_related("service").order_by("next_run_at", "pk").distinct()


_DUE = Prepared(lambda: _due(Slot("now")))


def _put_off(probe: Probe, window: Maintenance) -> None:
    due_at = probe.next_run_at
    maintenance.put_off(probe, window)
    Probe.objects.filter(pk=probe.pk, next_run_at=due_at).update(next_run_at=probe.next_run_at)


@transaction.atomic
def _claimed(probe: Probe, window: Maintenance | None, now: datetime) -> Claim | None:
    """What somebody asks for in a window of maintenance runs marked."""
    free = Q(claimed_until=None) | Q(claimed_until__lte=now)
    following = next_time(probe, now)
    if not Probe.objects.filter(free, pk=probe.pk).update(claimed_until=now + LEASE, next_run_at=following):
        return None
    run = probe.runs.filter(state=RunState.QUEUED).order_by("due_at", "pk").first() or Run(probe=probe, due_at=probe.next_run_at)
    run.state, run.started_at = RunState.RUNNING, now
    run.queue_delay_ms = max(0, int((now - run.due_at).total_seconds() * 1000))
    if window:
        run.details["maintenance"] = window.reason
    run.save()
    probe.claimed_until, probe.next_run_at = now + LEASE, following
    return Claim(probe, run, kinds()[LOAD])


def shards_of(probe: Probe) -> int:
    """As configured, or as many as an earlier run of this profile showed to be needed."""
    return max(settings.LOAD_SHARDS, min(settings.LOAD_MAX_SHARDS, int(probe.memory.get("shards", 0))))


class Ride:
    """One load run under way: the event loop in a thread of its own, the database in this one."""

    def __init__(self, claimed: Claim) -> None:
        self.claimed, self.run = claimed, claimed.run
        self.target = target_of(claimed.probe.service)
        self.params = msgspec.convert(claimed.probe.params, Params)
        self.told: queue.SimpleQueue[tuple[load_parts.Told, load_parts.Others | None] | Measured] = queue.SimpleQueue()
        self.shards = shards_of(claimed.probe)
        self.loop: asyncio.AbstractEventLoop | None = None
        self.crew: Crew | None = None
        self.profile: Profile | None = None
        self.see: Callable[[Row], None] = lambda row: None
        self.watch: Watch | None = None
        self.down = ""
        self.stopping = False
        self.more = 0
        self.recent: deque[Row] = deque(maxlen=LAST_S)
        self.shown: tuple[Profile | None, int] = (None, 0)
        self.began, self.alive_at = timezone.now(), 0.0

    def carry_out(self) -> Measured:
        if why := forbidden(self.claimed.probe, now=self.began):
            return Measured(outcome=Outcome.REFUSED, reason="not allowed", error=why, memory=self.claimed.probe.memory)
        threading.Thread(target=self._thread, name="load", daemon=True).start()
        try:
            return self._attended()
        except BaseException:  # nobody keeps its claim any more, and the next run on this target may begin
            self._end()
            raise

    def _attended(self) -> Measured:
        while True:
            with contextlib.suppress(queue.Empty):
                told = self.told.get(timeout=LOOK_AGAIN_S)
                if isinstance(told, Measured):
                    return self._with_more_shards(told)
                own, others = told
                for second in others.merged(own) if others else [own]:
                    self._second(second, others)
            self._alive()

    def _with_more_shards(self, measured: Measured) -> Measured:
        """A run that the generator limited is tried with more shards next time, where that would help."""
        if measured.outcome != Outcome.GENERATOR_LIMITED or not self.more:
            return replace(measured, memory=self.claimed.probe.memory)
        return replace(measured, memory={"shards": self.more}, details={**measured.details, "next_shards": self.more})

    def _alive(self) -> None:
        """Renew the claim, and see whether somebody asked to stop."""
        if not self.stopping and Run.objects.filter(pk=self.run.pk).exclude(stop_asked_at=None).exists():
            self._end()
        if time.monotonic() - self.alive_at >= ALIVE_S:
            self.alive_at, now = time.monotonic(), timezone.now()
            heartbeat.beat("load worker", now=now)
            Probe.objects.filter(pk=self.claimed.probe.pk).update(claimed_until=now + LEASE)

    def _end(self) -> None:
        self.stopping = True
        self._call(self._stop_crew)

    def _call(self, act: Callable[..., None], *words: Any) -> None:
        if self.loop is not None:
            self.loop.call_soon_threadsafe(act, *words)

    def _second(self, told: load_parts.Told, others: load_parts.Others | None) -> None:
        """One second of all shards: keep what the live page shows, and look whether the target has given way."""
        row, profile, at = told
        if self.watch is None or self.watch.profile is not profile:
            self.watch = Watch(profile, share=self.params.stop_errors_pct / 100)
        self.watch.see(row)
        if self.watch.reason:
            if others:
                others.stop()
            self._call(self._give_up, profile, self.watch.reason)
        self._call(self._seen, profile, row)
        LoadSecond.objects.create(run=self.run, second=max(0, round(at)), figures=self._figures(row, profile))

    def _figures(self, row: Row, profile: Profile) -> dict[str, Any]:
        before, stage = self.shown
        if before is not profile or stage != row.stage:
            self.shown = (profile, row.stage)
            self.recent.clear()
        self.recent.append(row)
        times = Histogram.merge(Histogram.from_bytes(one.response) for one in self.recent)
        failed = sum(count for status, count in row.statuses.items() if profile.failed(status)) + sum(row.errors.values())
        return {
            "stage": row.stage, "label": profile.stages[row.stage].label, "warm": row.warm, "users": row.users, "sent": row.sent,
            "ended": row.ended, "failed": failed, "backlog": row.backlog,
            **{f"p{p}": round(times.percentile(p), 2) if times.count else None for p in (50, 95, 99)},
            "gauge": msgspec.to_builtins(row.gauge),
            "what": {**{str(s): n for s, n in row.statuses.items() if profile.failed(s)}, **row.errors},
        }  # fmt: skip

    # On the event loop, in its thread.

    def _thread(self) -> None:
        try:
            with asyncio.Runner() as runner:
                self.loop = runner.get_loop()
                self.told.put(runner.run(self._measure()))
        except Refused as refused:
            self.told.put(Measured(outcome=Outcome.REFUSED, reason="address", error=str(refused)))
        except Exception as error:
            self.told.put(Measured(outcome=Outcome.FAILED, error=f"The load engine failed: {error}"[:500]))
            raise
        finally:
            self.loop = None
            connection.close()

    async def _measure(self) -> Measured:
        tools = Tools(policy=policy(), scrape=self._scrape, now=timezone.now, generate=self._generate, caps=caps())
        measured: Measured = await self.claimed.kind.measure(self.target, self.params, tools)
        return measured

    async def _scrape(self) -> Page:
        return await http.scrape(self.target, policy=policy(), at=timezone.now())

    def _stop_crew(self) -> None:
        if self.crew is not None:
            self.crew.stop()

    def _give_up(self, profile: Profile, why: str) -> None:
        """Of this profile only: a search goes on below."""
        if profile is self.profile and not self.down:
            self.down = why
            self._stop_crew()

    def _seen(self, profile: Profile, row: Row) -> None:
        if profile is self.profile:
            self.see(row)

    async def _generate(self, profile: Profile, see: Callable[[Row], None]) -> Result:
        check(profile, caps())
        order = Spec(
            base_url=self.target.base_url, profile=profile, headers=self.target.headers,
            allow=settings.PROBE_ALLOW, deny=settings.PROBE_DENY, seed=self.run.pk,
        )  # fmt: skip
        offset = (timezone.now() - self.began).total_seconds()
        shares = load_parts.shares(self.shards, settings.LOAD_WORKERS)
        orders = specs(order, shares[0][1], of=self.shards)
        self.profile, self.see, self.down = profile, see, ""
        others = load_parts.Others(self.run, profile, shares) if len(shares) > 1 else None
        self.crew = Crew(orders, profile, lambda row: self.told.put(((row, profile, offset + row.second), others)))
        if self.stopping:
            self.crew.stop()
        result = await (others.beside(self.crew) if others else self.crew.run())
        self.more = max(self.more, guard.more_shards(result, settings.LOAD_MAX_SHARDS))
        return replace(result, down=self.down)
