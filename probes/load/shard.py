"""One shard: carries its share of a profile out in this process, and tells a row a second."""

from __future__ import annotations

import asyncio
import resource
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from time import time_ns
from typing import Any

from outgoing import tls
from outgoing.addresses import AddressPolicy, checked_url, port_of
from probes.addresses import below
from probes.load.profile import Stage
from probes.load.recording import Record, Times, machine_time, percentile
from probes.load.report import Final, Gauge, Row
from probes.load.sending import Sender, Way
from probes.load.sources import Arrivals, Users
from probes.load.spec import Spec
from probes.load.wire import Wire
from probes.stopwatch.request import prepare

TICK_S = 0.001
SWEEP_NS, FLUSH_NS, SECOND_NS = 20_000_000, 100_000_000, 1_000_000_000
STEP_NS = 5_000_000
"""A wall clock that moves so far against the steady one within a second was set: times across it are void."""


class Shard:
    """`run` ends with the profile, or within moments of `stop`."""

    def __init__(self, spec: Spec, tell: Callable[[Row], None]) -> None:
        self.spec, self.tell = spec, tell
        self.profile = spec.profile
        self.names = [ask.label for ask in self.profile.requests]
        self.records: list[Record] = []
        self.second = Times()
        self.stopped = asyncio.Event()
        self.stepped = False
        self.start = 0

    def stop(self) -> None:
        self.stopped.set()

    async def prepare(self) -> Way:
        """Resolve once, check every address, and connect to these alone. Raises Refused or OSError."""
        origin = checked_url(self.spec.base_url)
        host, port = origin.hostname or "", port_of(origin)
        policy = AddressPolicy.of(self.spec.allow, [(name, int(number)) for name, number in self.spec.deny])
        found = await policy.resolve(host, port)
        places: list[tuple[int, tuple[Any, ...]]] = [
            (socket.AF_INET6 if address.version == 6 else socket.AF_INET, (str(address), port)) for address in found
        ]
        context = tls.context() if origin.scheme == "https" else None
        return Way(places, context, host.strip("[]"), stamps=self.spec.kernel_stamps)

    async def run(self, way: Way, start_at: float) -> Final:
        """`start_at` is when all shards begin, in seconds of the wall clock."""
        payloads = [
            prepare(ask.method, below(self.spec.base_url, ask.path), self.spec.headers | ask.headers, ask.body.encode())
            for ask in self.profile.requests
        ]
        await self._wait(start_at)
        began = time_ns()
        self.start = int(start_at * 1e9)
        random = Random(self.spec.seed * 1_000 + self.spec.shard)  # noqa: S311 - phases and thoughts, no secrets
        self.sender = Sender(self.profile, payloads, way, self._record(0, self.profile.stages[0], warm=True, now=began))
        self.users = Users(self.sender, self.profile.think, random)
        self.arrivals = Arrivals(
            self.sender, random, poisson=self.profile.poisson, connections=self.spec.connections
        )  # fmt: skip
        self.sender.free = self._free
        self.events = self._timetable()
        await self._ticking()
        self.sender.close()
        return self._final(began)

    def _free(self, user: Any, wire: Wire | None, failed: bool) -> None:
        (self.users if user is not None else self.arrivals).free(user, wire, failed)

    async def _wait(self, start_at: float) -> None:
        while (left := start_at - time_ns() / 1e9) > 0 and not self.stopped.is_set():
            await asyncio.sleep(min(0.05, left) if left > 0.002 else 0)

    def _timetable(self) -> list[tuple[int, int, Stage | None, bool]]:
        """(when, number, stage, warm-up), newest last; a stage of None is the end."""
        at, found = self.start, []
        for number, stage in enumerate(self.profile.stages):
            found.append((at, number, stage, stage.warm_up_s > 0))
            if stage.warm_up_s:
                found.append((at + int(stage.warm_up_s * 1e9), number, stage, False))
            at += int(stage.seconds * 1e9)
        return [(at, len(self.profile.stages) - 1, None, True), *reversed(found)]

    def _record(self, number: int, stage: Stage, *, warm: bool, now: int) -> Record:
        record = Record(number, stage, warm=warm, names=self.names)
        record.began = record.ended = now
        self.records.append(record)
        return record

    async def _ticking(self) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._swept = self._flushed = time_ns()
        self._seconds = Seconds(self)
        self._end = 0

        def tick() -> None:
            now = time_ns()
            try:
                self._step(now)
            except Exception as error:
                done.set_exception(error)
                return
            drained = self._end and (not self.sender.under_way or now > self._end + self.sender.timeout_ns + 2 * SWEEP_NS)
            if drained or self.stopped.is_set():
                done.set_result(None)
            else:
                loop.call_later(TICK_S, tick)

        tick()
        await done
        now = time_ns()
        if not self._end:
            self.sender.record.close(now)
        for record in self.records:
            record.flush(self.second)
        self._seconds.tell(now)

    def _step(self, now: int) -> None:
        if now >= self._seconds.until:
            self._seconds.tell(now)
        while self.events and self.events[-1][0] <= now:
            self._switch(*self.events.pop()[1:], now)
        self.users.tick(now)
        self.arrivals.tick(now)
        if now - self._swept >= SWEEP_NS:
            self._swept = now
            self.sender.give_up_late(now)
        if now - self._flushed >= FLUSH_NS:
            self._flushed = now
            for record in self.records[-4:]:
                record.flush(self.second)

    def _switch(self, number: int, stage: Stage | None, warm: bool, now: int) -> None:
        """Into the next stretch: what begins from now on is written down there."""
        old = self.sender.record
        old.close(now)
        old.user_ns = old.stage.users * (now - old.began)
        old.left = self.sender.under_way + len(self.arrivals.backlog)
        if old.number != number or stage is None:
            self.arrivals.give_up(now)
        old.held = len(self.arrivals.backlog)
        if stage is None:
            self._end = now
            stage = Stage(seconds=1)
        self.sender.record = self._record(number, stage, warm=warm, now=now)
        if old.number != number or len(self.records) == 2 or self._end:
            self.users.become(stage, now)
            self.arrivals.become(stage, now)

    def _final(self, began: int) -> Final:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return Final(
            shard=self.spec.shard, totals=[record.total() for record in self.records if not record.warm and record.ended],
            skew_ms=max(0.0, (began - self.start) / 1e6), stopped=self.stopped.is_set(), stepped=self.stepped,
            cpu_s=used.ru_utime + used.ru_stime, memory_bytes=most_memory(), kernel_stamps=self.sender.stamped,
        )  # fmt: skip


def most_memory() -> int:
    """The most that this process held; what the system says of resource use counts the parent's before the start, too."""
    if sys.platform == "linux":
        with open("/proc/self/status", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class Seconds:
    """What changed since the last row."""

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        self.until = shard.start + SECOND_NS
        self.at = shard.start
        self.statuses: Counter[int] = Counter()
        self.errors: Counter[str] = Counter()
        self.sums = [0, 0, 0, 0, 0]
        self.processor, self.machine = time.process_time(), machine_time()
        self.offset = time_ns() - time.monotonic_ns()

    def tell(self, now: int) -> None:
        """One row for the second that is over."""
        shard, record = self.shard, self.shard.sender.record
        for one in shard.records[-4:]:
            one.flush(shard.second)
        statuses = sum((one.statuses for one in shard.records), Counter[int]())
        errors = sum((one.errors for one in shard.records), Counter[str]())
        sums = [sum(getattr(one, name) for one in shard.records) for name in ("sent", "size", "wanted", "lost_ns")]
        sums.append(len(shard.arrivals.backlog))
        sent, size, wanted, lost, held = (after - before for before, after in zip(self.sums, sums, strict=True))
        times = shard.second
        service = times.service.histogram()
        response = times.response.histogram() if record.open else service
        shard.tell(
            Row(
                second=(self.until - shard.start) // SECOND_NS - 1, stage=record.number, warm=record.warm, shard=shard.spec.shard,
                users=record.stage.users or shard.sender.under_way, sent=sent, backlog=len(shard.arrivals.backlog), size=size,
                statuses=dict(statuses - self.statuses), errors=dict(errors - self.errors),
                response=response.to_bytes(), service=service.to_bytes(), connect=times.connect.histogram().to_bytes(),
                gauge=self._gauge(now, record, sent + max(0, held), wanted, lost),
            )
        )  # fmt: skip
        times.clear()
        self.statuses, self.errors, self.sums = statuses, errors, sums
        self._clock()
        self.at, self.until = now, self.until + SECOND_NS

    def _gauge(self, now: int, record: Record, sent: int, wanted: int, lost: int) -> Gauge:
        processor, machine = time.process_time(), machine_time()
        seconds = max((now - self.at) / 1e9, 1e-3)
        stolen, spent = (after - before for before, after in zip(self.machine, machine, strict=True))
        users_ns = record.stage.users * seconds * 1e9
        achieved = sent / wanted if wanted else 1 - lost / users_ns if users_ns else 1.0
        gauge = Gauge(
            cpu=(processor - self.processor) / seconds,
            lag_p95_ms=percentile(self.shard.second.lag, 95),
            late_p99_ms=percentile(self.shard.second.late, 99),
            achieved=min(1.0, max(0.0, achieved)),
            steal=stolen / spent if spent else 0.0,
        )
        self.processor, self.machine = processor, machine
        return gauge

    def _clock(self) -> None:
        offset = time_ns() - time.monotonic_ns()
        self.shard.stepped |= abs(offset - self.offset) > STEP_NS
        self.offset = offset
