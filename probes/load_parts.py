"""One load run on several workers: each takes a part, all begin at the same moment, and the parts merge to one result.

The parts are rows: a worker of the queue `load` that is free takes one up by compare-and-set. A part that nobody takes up or
finishes makes the run void.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.prepared import Prepared, Slot
from outgoing.addresses import Refused
from probes.load import merging
from probes.load.driving import SILENT_S, Crew, specs
from probes.load.merging import Result
from probes.load.profile import Profile
from probes.load.report import Row
from probes.load.spec import Spec
from probes.measuring import target_of
from probes.models import LoadPart, LoadRow, Run, RunState

LEAD_S = 1.5
"""So long before the start every worker knows of it."""

TAKEN_UP = timedelta(seconds=30)
LOOK_AGAIN_S = 0.2
DRAIN_S = 2.0
Told = tuple[Row, Profile, float]


class NotTogether(Exception):
    """The parts could not begin as one; the text says why."""


def shares(shards: int, workers: int) -> list[tuple[int, int]]:
    """(first shard, how many) for each worker; never more workers than shards."""
    workers = max(1, min(shards, workers))
    sizes = [(shards + workers - 1 - number) // workers for number in range(workers)]
    return [(sum(sizes[:number]), size) for number, size in enumerate(sizes)]


def in_thread(call: Callable[[], Any]) -> Any:
    """A query from the event loop, in a thread that closes its connection."""

    def closing() -> Any:
        try:
            return call()
        finally:
            connection.close()

    return sync_to_async(closing, thread_sensitive=False)()


class Stopped(Exception):
    """Stopped before all were ready."""


class Others:
    """The parts of a run that other workers carry out."""

    def __init__(self, run: Run, profile: Profile, shares: Sequence[tuple[int, int]]) -> None:
        """`shares` are all, the first one our own."""
        self.run, self.profile, self.others = run, profile, shares[1:]
        self.shards, self.workers = sum(size for _, size in shares), len(shares)
        self.parts: list[int] = []
        self.seconds: dict[int, list[Row]] = {}
        self.heard: dict[int, float] = {}
        self.patience_s = SILENT_S + profile.timeout_s

    async def beside(self, crew: Crew) -> Result:
        """Run the crew together with the other parts; where one dies, all stop. A part that is missing is said in `dead`."""
        self.crew = crew
        await in_thread(self._create)
        looking = asyncio.create_task(self._look())
        try:
            own = await crew.run(self._barrier)
        except NotTogether as error:
            return Result(totals=[], shards=self.shards, dead=str(error))
        except Stopped:
            return Result(totals=[], shards=self.shards, stopped=True)
        finally:
            looking.cancel()
        if own.dead or own.stopped:
            await in_thread(self.stop)
        return await self._together(own)

    async def _look(self) -> None:
        """A part that ended with a dead shard, or fell silent, ends the others too: what they still measured would be of another
        load."""
        while not self.silent and not any(one.dead for one in await in_thread(self._results) if one):
            await asyncio.sleep(5 * LOOK_AGAIN_S)
        self.crew.stop()

    @property
    def silent(self) -> bool:
        """Whether a part has told nothing for too long."""
        return any(time.monotonic() - at > self.patience_s for at in self.heard.values())

    async def _together(self, own: Result) -> Result:
        """Wait for the results of the other parts."""
        silent, until = self.silent, time.monotonic() + self.patience_s
        results: list[Result | None] = []
        while time.monotonic() < until:
            results = await in_thread(self._results)
            if all(results) or silent:
                break
            await asyncio.sleep(LOOK_AGAIN_S)
        found = merging.together([own, *(one for one in results if one)])
        found.shards = self.shards
        if not all(results):
            found.dead = found.dead or ("a worker fell silent" if silent else "a worker did not finish its part")
        return found

    async def _barrier(self) -> float:
        """Wait for all parts, then say when to begin."""
        until = time.monotonic() + TAKEN_UP.total_seconds()
        while not await in_thread(lambda: LoadPart.objects.filter(pk__in=self.parts, ready_at=None).count() == 0):
            if failed := next((one.dead for one in await in_thread(self._results) if one), ""):
                raise NotTogether(failed)
            if self.crew.stopping.is_set():
                raise Stopped
            if time.monotonic() > until:
                raise NotTogether(f"fewer than {self.workers} workers took up this run")
            await asyncio.sleep(LOOK_AGAIN_S)
        start_at = time.time_ns() / 1e9 + LEAD_S
        await in_thread(lambda: LoadPart.objects.filter(pk__in=self.parts).update(start_at=start_at))
        self.heard = dict.fromkeys(self.parts, time.monotonic() + LEAD_S)
        return start_at

    def _create(self) -> None:
        of, profile = self.shards, msgspec.to_builtins(self.profile)
        for first, size in self.others:
            part = LoadPart.objects.create(run=self.run, profile=profile, first=first, shards=size, of=of)
            self.parts.append(part.pk)

    def _results(self) -> list[Result | None]:
        parts = LoadPart.objects.filter(pk__in=self.parts).values_list("result", flat=True)
        return [msgspec.msgpack.decode(bytes(part), type=Result) if part else None for part in parts]

    def stop(self) -> None:
        """The other workers look at their parts; where somebody stopped the whole run, at that."""
        LoadPart.objects.filter(pk__in=self.parts, stop_asked_at=None).update(stop_asked_at=timezone.now())

    def merged(self, told: Told) -> list[Told]:
        """This second, or earlier ones, that every part has told by now."""
        row, profile, at = told
        self.seconds.setdefault(row.second, []).append(row)
        fresh = list(LoadRow.objects.filter(part__in=self.parts))
        for one in fresh:
            other = msgspec.msgpack.decode(bytes(one.row), type=Row)
            self.seconds.setdefault(other.second, []).append(other)
            self.heard[one.part_id] = time.monotonic()
        LoadRow.objects.filter(pk__in=[one.pk for one in fresh]).delete()
        whole = [second for second, rows in self.seconds.items() if len(rows) > len(self.others)]
        offset = at - row.second
        return [(merging.row(self.seconds.pop(second)), profile, offset + second) for second in sorted(whole)]


def _waiting(since: datetime | Slot) -> QuerySet[LoadPart]:
    """Asked every second: without the words of its index, SQLite reads every run that there was."""
    under_way = LoadPart.objects.filter(run__state=RunState.RUNNING, run__finished_at=None)
    return under_way.filter(claimed_at=None, made_at__gt=since).select_related("run__probe__service")


_WAITING = Prepared(lambda: _waiting(Slot("since")))


def work() -> bool:
    """Carry out a part that waits; returns whether there was one."""
    for part in _WAITING(since=timezone.now() - TAKEN_UP):
        if LoadPart.objects.filter(pk=part.pk, claimed_at=None).update(claimed_at=timezone.now()):
            carry_out(part)
            return True
    return False


def carry_out(part: LoadPart) -> None:
    target = target_of(part.run.probe.service)
    profile = msgspec.convert(part.profile, Profile)
    order = Spec(
        base_url=target.base_url, profile=profile, headers=target.headers, allow=settings.PROBE_ALLOW,
        deny=settings.PROBE_DENY, seed=part.run_id,
    )  # fmt: skip
    try:
        result = asyncio.run(_beside(part, order, profile))
    except (NotTogether, Refused, OSError) as error:
        result = Result(totals=[], shards=part.shards, dead=str(error))
    LoadPart.objects.filter(pk=part.pk).update(result=msgspec.msgpack.encode(result))


async def _beside(part: LoadPart, order: Spec, profile: Profile) -> Result:
    rows: asyncio.Queue[Row] = asyncio.Queue()
    crew = Crew(specs(order, part.shards, first=part.first, of=part.of), profile, rows.put_nowait)
    beside = [asyncio.create_task(_tell(part, rows)), asyncio.create_task(_look(part, crew))]
    try:
        result = await crew.run(partial(_start, part))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(rows.join(), DRAIN_S)
        return result
    finally:
        for task in beside:
            task.cancel()


async def _start(part: LoadPart) -> float:
    """Say that this part is ready, and wait to be told when to begin. Raises NotTogether."""
    mine = LoadPart.objects.filter(pk=part.pk)
    await in_thread(lambda: mine.update(ready_at=timezone.now()))
    until = time.monotonic() + TAKEN_UP.total_seconds()
    while time.monotonic() < until:
        if at := await in_thread(mine.values_list("start_at", flat=True).get):
            return float(at)
        await asyncio.sleep(LOOK_AGAIN_S)
    raise NotTogether("no start was said")


async def _tell(part: LoadPart, rows: asyncio.Queue[Row]) -> None:
    while True:
        keep = partial(LoadRow.objects.create, part=part, row=msgspec.msgpack.encode(await rows.get()))
        await in_thread(keep)
        rows.task_done()


async def _look(part: LoadPart, crew: Crew) -> None:
    """Stop the crew when somebody stops the run, or the worker that leads this part of it."""
    asked = LoadPart.objects.filter(~Q(stop_asked_at=None) | ~Q(run__stop_asked_at=None), pk=part.pk)
    while not await in_thread(asked.exists):
        await asyncio.sleep(LOOK_AGAIN_S)
    crew.stop()
