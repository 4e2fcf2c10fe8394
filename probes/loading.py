"""Load runs: who may start one, carrying it out on a worker of its own, second by second into the database, and stopping it."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from accounts import audit
from accounts.models import User
from kpis.stats.histogram import Histogram
from outgoing.addresses import Refused
from probes import heartbeat, http, load_parts
from probes.claiming import LOAD, Claim, next_time, take_up_again
from probes.finishing import finish
from probes.kinds import kinds
from probes.kinds.base import Measured, Outcome, Page, Tools
from probes.kinds.load import Params
from probes.load.driving import Crew, specs
from probes.load.merging import Result
from probes.load.profile import Caps, Profile, check
from probes.load.report import Row
from probes.load.spec import Spec
from probes.load.watch import Watch
from probes.measuring import target_of
from probes.models import LoadSecond, Probe, Run, RunState, Service
from probes.running import CannotRun, ask, policy

LEASE = timedelta(seconds=60)
"""Renewed every second: a load run whose worker died is given up after so long."""

LAST_S = 10
SMALL = Caps(users=10, rate=50, seconds=120)
"""So much load anybody's service bears; more needs its owner's word."""


def caps() -> Caps:
    return Caps(users=settings.LOAD_MAX_USERS, rate=settings.LOAD_MAX_RATE, seconds=settings.LOAD_MAX_SECONDS)


@transaction.atomic
def start(*, probe: Probe, actor: User | None, now: datetime) -> Run:
    """Ask for a load run. Raises CannotRun, saying what stands against it."""
    if why := forbidden(probe):
        raise CannotRun(why)
    if running_on(probe.service).exclude(probe=probe).exists():
        raise CannotRun("Another load run is under way on this target; two at once falsify each other.")
    run = ask(probe=probe, actor=actor, now=now)
    audit.record(actor=actor, action="load.start", subject=run, after={"probe": str(probe), "params": probe.params})
    return run


def run_now(*, probe: Probe, actor: User | None, now: datetime) -> Run:
    """ "Run now" for every kind. Raises CannotRun."""
    return (start if probe.kind == LOAD else ask)(probe=probe, actor=actor, now=now)


def forbidden(probe: Probe) -> str:
    """Why this load may not be put on its service; empty where it may. Asked again when the run begins."""
    params = msgspec.convert(probe.params, Params)
    try:
        profile = params.profile()
        check(profile, caps())
    except ValueError as error:
        return f"This profile cannot be run: {error}."
    if not probe.service.confirmed_at and (params.search != "none" or not _small(profile)):
        return (
            f"{probe.service} is not confirmed: more than {SMALL.users} users, {SMALL.rate:g} requests/s or {SMALL.seconds:g} s "
            "need its owner's token or an administrator's approval."
        )
    return ""


def _small(profile: Profile) -> bool:
    try:
        check(profile, SMALL)
    except ValueError:
        return False
    return True


def running_on(service: Service) -> Any:
    """Load runs that wait or are under way on the same origin, whatever service it is registered as."""
    parts = urlsplit(service.base_url)
    origin = f"{parts.scheme}://{parts.netloc}"
    same = Q(probe__service__base_url=origin) | Q(probe__service__base_url__startswith=f"{origin}/")
    return Run.objects.filter(same, probe__kind=LOAD, state__in=(RunState.QUEUED, RunState.RUNNING))


@transaction.atomic
def stop(*, run: Run, actor: User | None, now: datetime, token: str = "") -> bool:
    """Stop a run that waits, or ask the worker to stop it within two seconds. Returns whether there was something to stop."""
    waiting = Run.objects.filter(pk=run.pk, state=RunState.QUEUED).update(
        state=RunState.DONE, outcome=Outcome.STOPPED, reason="stopped before it began", finished_at=now
    )
    asked = Run.objects.filter(pk=run.pk, state=RunState.RUNNING, probe__kind=LOAD, stop_asked_at=None).update(stop_asked_at=now)
    if waiting or asked:
        audit.record(actor=actor, action="load.stop", subject=run, token=token)
    return bool(waiting or asked)


def work() -> bool:
    """Carry out one load run if one is due; returns whether there was one."""
    heartbeat.beat("load worker", now=timezone.now())
    if load_parts.work():
        return True
    claimed = claim(now=timezone.now())
    if claimed is None:
        return False
    finish([(claimed, Ride(claimed).carry_out())], now=timezone.now())
    return True


def claim(*, now: datetime) -> Claim | None:
    """The oldest load run that is due and whose target is free, by compare-and-set."""
    take_up_again(now=now)
    asked = Q(runs__state=RunState.QUEUED) | Q(enabled=True, next_run_at__lte=now)
    free = Q(claimed_until=None) | Q(claimed_until__lte=now)
    due = Probe.objects.filter(asked, free, kind=LOAD, service__paused_at=None, service__archived_at=None)
    for probe in due.select_related("service").order_by("next_run_at", "pk").distinct():
        if running_on(probe.service).filter(state=RunState.RUNNING).exists():
            continue
        if claimed := _claimed(probe, now):
            return claimed
    return None


@transaction.atomic
def _claimed(probe: Probe, now: datetime) -> Claim | None:
    free = Q(claimed_until=None) | Q(claimed_until__lte=now)
    following = next_time(probe, now)
    if not Probe.objects.filter(free, pk=probe.pk).update(claimed_until=now + LEASE, next_run_at=following):
        return None
    run = probe.runs.filter(state=RunState.QUEUED).order_by("due_at", "pk").first() or Run(probe=probe, due_at=probe.next_run_at)
    run.state, run.started_at = RunState.RUNNING, now
    run.queue_delay_ms = max(0, int((now - run.due_at).total_seconds() * 1000))
    run.save()
    probe.claimed_until, probe.next_run_at = now + LEASE, following
    return Claim(probe, run, kinds()[LOAD])


class Ride:
    """One load run under way: the event loop in a thread of its own, the database in this one."""

    def __init__(self, claimed: Claim) -> None:
        self.claimed, self.run = claimed, claimed.run
        self.target = target_of(claimed.probe.service)
        self.params = msgspec.convert(claimed.probe.params, Params)
        self.told: queue.SimpleQueue[tuple[Row, Profile, float] | Measured] = queue.SimpleQueue()
        self.crew: Crew | None = None
        self.others: load_parts.Others | None = None
        self.why = ""
        self.stopping = False
        self.recent: deque[Row] = deque(maxlen=LAST_S)
        self.began = timezone.now()

    def carry_out(self) -> Measured:
        if why := forbidden(self.claimed.probe):
            return Measured(outcome=Outcome.REFUSED, reason="not allowed", error=why)
        thread = threading.Thread(target=self._thread, name="load", daemon=True)
        thread.start()
        while True:
            try:
                told = self.told.get(timeout=1.0)
            except queue.Empty:
                self._alive()
                continue
            if isinstance(told, Measured):
                return told
            for row, profile, at in self.others.merged(told) if self.others else [told]:
                self._second(row, profile, at)
            self._alive()

    def _alive(self) -> None:
        """Renew the claim, and see whether somebody asked to stop."""
        now = timezone.now()
        heartbeat.beat("load worker", now=now)
        Probe.objects.filter(pk=self.claimed.probe.pk).update(claimed_until=now + LEASE)
        if not self.stopping and Run.objects.filter(pk=self.run.pk).exclude(stop_asked_at=None).exists():
            self._stop("")

    def _stop(self, why: str) -> None:
        self.why, self.stopping = self.why or why, True
        if self.others:
            self.others.stop()
        if self.crew is not None:
            self.loop.call_soon_threadsafe(self.crew.stop)

    def _second(self, row: Row, profile: Profile, at: float) -> None:
        """Keep what the live page shows of this second."""
        if self.recent and self.recent[-1].stage != row.stage:
            self.recent.clear()
        self.recent.append(row)
        times = Histogram.merge(Histogram.from_bytes(one.response) for one in self.recent)
        failed = sum(count for status, count in row.statuses.items() if profile.failed(status)) + sum(row.errors.values())
        figures = {
            "stage": row.stage, "label": profile.stages[row.stage].label, "warm": row.warm, "users": row.users, "sent": row.sent,
            "ended": row.ended, "failed": failed, "backlog": row.backlog,
            **{f"p{p}": round(times.percentile(p), 2) if times.count else None for p in (50, 95, 99)},
            "gauge": msgspec.to_builtins(row.gauge),
            "what": {**{str(s): n for s, n in row.statuses.items() if profile.failed(s)}, **row.errors},
        }  # fmt: skip
        LoadSecond.objects.create(run=self.run, second=max(0, round(at)), figures=figures)

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
            connection.close()

    async def _measure(self) -> Measured:
        tools = Tools(policy=policy(), scrape=self._scrape, now=timezone.now, generate=self._generate)
        measured: Measured = await self.claimed.kind.measure(self.target, self.params, tools)
        if self.why:
            return replace(measured, outcome=Outcome.FAILED, reason="stopped by itself", error=self.why)
        return measured

    async def _scrape(self) -> Page:
        return await http.scrape(self.target, policy=policy(), at=timezone.now())

    async def _generate(self, profile: Profile, see: Callable[[Row], None]) -> Result:
        check(profile, caps())
        order = Spec(
            base_url=self.target.base_url, profile=profile, headers=self.target.headers,
            allow=settings.PROBE_ALLOW, deny=settings.PROBE_DENY, seed=self.run.pk,
        )  # fmt: skip
        offset = (timezone.now() - self.began).total_seconds()
        watch = Watch(profile, share=self.params.stop_errors_pct / 100)

        def tell(row: Row) -> None:
            watch.see(row)
            if watch.reason and not self.stopping:
                self._stop(watch.reason)
            see(row)
            self.told.put((row, profile, offset + row.second))

        shares = load_parts.shares(settings.LOAD_SHARDS, settings.LOAD_WORKERS)
        self.crew = Crew(specs(order, shares[0][1], of=settings.LOAD_SHARDS), profile, tell)
        if self.stopping:
            self.crew.stop()
        if len(shares) == 1:
            return await self.crew.run()
        self.others = load_parts.Others(self.run, profile, shares[1:])
        return await self.others.beside(self.crew)
