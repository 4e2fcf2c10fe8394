"""Measuring on one event loop in a thread of its own: services side by side, and a slow one holds up nobody."""

from __future__ import annotations

import asyncio
import gc
import logging
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from functools import cache
from types import TracebackType
from typing import cast

import msgspec
import uvloop
from django.utils import timezone
from msgspec.structs import replace

from kpis.points import MOST_COUNT, MOST_VALUE
from outgoing.addresses import AddressPolicy, Refused
from outgoing.http import TimedOut, Unreachable, plain
from probes import http
from probes.claiming import Claim, begin
from probes.finishing import Ended
from probes.kinds.base import Measured, Outcome, Page, Target, Tools
from probes.models import Service

logger = logging.getLogger(__name__)

RUN_S = 75.0
"""No run measures longer than this, whatever its kind does."""

AT_ONCE = 20
"""So many runs are begun together: more would wait for each other and read slower than the services are."""

BEGUN_S = 0.05
"""After so long a run waits for its service more than it works, and the next one may begin."""

GATHER_S = 0.05
"""What ends within so long is saved together."""

GATHER_MANY_S, MANY, PLENTY = 0.25, 10, 250
"""Where many end, a little longer, up to so many: a save costs as much for one as for a dozen."""

SWITCH_S = 0.0005
"""How long another thread may keep the interpreter while an answer waits to be stamped (Python's default is ten times that)."""

GARBAGE_FROM = 100_000
"""So many more objects than before, and those that refer to each other are looked through: some MB of them at most.

A run of requests leaves none, and what a thousand runs have in hand is no reason to look, which takes longer than many an answer.
"""


class Stopwatches:
    """Runs under way. `start` claims, `ended` those that are over; the loop never waits for the database."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stopwatches", daemon=True)
        self._ended: queue.SimpleQueue[Ended] = queue.SimpleQueue()
        self._gate = _Gate(AT_ONCE, BEGUN_S)
        self._tasks: set[asyncio.Task[None]] = set()
        self.under_way = 0

    def __enter__(self) -> Stopwatches:
        sys.setswitchinterval(SWITCH_S)
        _look_for_garbage_seldom()
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def start(self, claims: Sequence[Claim]) -> None:
        """Begin to measure; what one service is asked at the same time shares one scrape."""
        by_service: dict[int, list[Claim]] = {}
        for claimed in claims:
            by_service.setdefault(claimed.probe.service_id, []).append(claimed)
        self.under_way += len(claims)
        self._loop.call_soon_threadsafe(self._begin, list(by_service.values()))

    def ended(self, *, wait_s: float) -> list[Ended]:
        """The runs that are over; waits for the first one, then up to `GATHER_MANY_S` for others."""
        found: list[Ended] = []
        try:
            found.append(self._ended.get(timeout=wait_s))
            if self.under_way > 1:
                self._gather()
            while True:
                found.append(self._ended.get_nowait())
        except queue.Empty:
            self.under_way -= len(found)
            return found

    def _gather(self) -> None:
        until = time.monotonic() + GATHER_MANY_S
        if self._ended.qsize() < min(PLENTY, self.under_way - 1):
            time.sleep(GATHER_S)
        while MANY <= self._ended.qsize() < min(PLENTY, self.under_way - 1) and time.monotonic() < until:
            time.sleep(GATHER_S / 5)

    def _begin(self, groups: Sequence[Sequence[Claim]]) -> None:
        for claims in groups:
            self._tasks.add(task := self._loop.create_task(self._measure(claims)))
            task.add_done_callback(self._tasks.discard)

    async def _measure(self, claims: Sequence[Claim]) -> None:
        timer = await self._gate.enter()
        try:
            began = timezone.now()
            shared = _Shared(claims[0].probe.service, self._policy)
            for claimed in claims:
                begin(claimed.run, began)
            if len(claims) == 1:
                await self._one(claims[0], shared)
            else:
                await asyncio.gather(*(self._one(claimed, shared) for claimed in claims))
        finally:
            self._gate.over(timer)

    async def _one(self, claimed: Claim, shared: _Shared) -> None:
        measured = await measure(claimed, shared)
        claimed.run.finished_at = timezone.now()
        self._ended.put((claimed, measured))


class _Gate:
    """Lets a few through at a time; who went through makes room when it is over, or has begun."""

    def __init__(self, most: int, begun_s: float) -> None:
        self._room, self._begun_s = most, begun_s
        self._queue: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> asyncio.TimerHandle:
        """Wait for a turn; what is returned is given back to `over`."""
        loop = asyncio.get_running_loop()
        if self._room > 0:
            self._room -= 1
        else:
            self._queue.append(turn := loop.create_future())
            await turn
        return loop.call_later(self._begun_s, self._leave)

    def over(self, timer: asyncio.TimerHandle) -> None:
        if asyncio.get_running_loop().time() < timer.when():
            timer.cancel()
            self._leave()

    def _leave(self) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._room += 1


class _Shared:
    """One service as its kinds see it, and one scrape for all who ask at the same time."""

    def __init__(self, service: Service, policy: AddressPolicy) -> None:
        self.target, self.policy = target_of(service), policy
        self._page: asyncio.Task[Page] | None = None

    async def scrape(self) -> Page:
        if self._page is None:
            self._page = asyncio.create_task(http.scrape(self.target, policy=self.policy, at=timezone.now()))
        return await asyncio.shield(self._page)


def target_of(service: Service) -> Target:
    return Target(
        slug=service.slug,
        base_url=service.base_url,
        environment=service.environment,
        headers=cast("dict[str, str]", service.headers or {}),
        metrics_url=service.metrics_url,
        health_path=service.health_path,
        database_dsn=service.database_dsn,
        redis_url=service.redis_url,
    )


async def measure(claimed: Claim, shared: _Shared) -> Measured:
    """Whatever a kind does, a run ends with an outcome and a plain reason; what it kept between runs outlives a failure."""
    kept = claimed.probe.memory
    tools = Tools(policy=shared.policy, scrape=shared.scrape, now=timezone.now, previous=kept)
    try:
        params = msgspec.convert(claimed.probe.params, claimed.kind.Params)
        async with asyncio.timeout(RUN_S):
            measured: Measured = await claimed.kind.measure(shared.target, params, tools)
            return finite(measured)
    except (TimeoutError, TimedOut) as error:
        return Measured(outcome=Outcome.TIMED_OUT, error=str(error) or f"no end after {RUN_S:g} s", memory=kept)
    except Refused as error:
        return Measured(outcome=Outcome.REFUSED, reason="address", error=str(error), memory=kept)
    except (Unreachable, OSError) as error:
        return Measured(outcome=Outcome.FAILED, error=plain(error), memory=kept)
    except msgspec.ValidationError as error:
        return Measured(outcome=Outcome.INVALID, reason="params", error=str(error), memory=kept)
    except Exception:
        logger.exception("run %s failed in its kind", claimed.run.pk)
        return Measured(outcome=Outcome.FAILED, error="The probe kind failed; the log has the details.", memory=kept)


def finite(measured: Measured) -> Measured:
    """Without figures that are none, or that no measurement could have: a stranger's counters may hold anything."""
    good = [one for one in measured.readings if abs(one.value) <= MOST_VALUE and one.count <= MOST_COUNT]
    if len(good) == len(measured.readings):
        return measured
    left = sorted({one.metric for one in measured.readings} - {one.metric for one in good})
    return replace(measured, readings=good, details=measured.details | {"left_out": f"{', '.join(left)}: no sensible figure"})


@cache
def _look_for_garbage_seldom() -> None:
    """What is loaded is never looked through again: that takes longer than many an answer, and would be timed as part of it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_FROM, 20, 20)


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
