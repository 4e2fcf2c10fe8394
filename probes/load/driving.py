"""Starting shards as processes of their own, beginning them as one, and listening to them to the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from outgoing.addresses import Refused
from probes.load import merging
from probes.load.merging import Result
from probes.load.processes import STOP_S, Process
from probes.load.profile import Profile, share
from probes.load.report import Final, Row
from probes.load.spec import Spec

LEAD_S = 0.3
READY_S = 30.0
SILENT_S = 15.0
"""A shard that says nothing for so long, beyond its time-out, is dead."""

Start = Callable[[], Awaitable[float]]


def specs(order: Spec, shards: int, *, first: int = 0, of: int = 0) -> list[Spec]:
    """The orders of so many shards; `first` and `of` say which of all the shards these are, where others run elsewhere."""
    whole = of or shards
    return [
        msgspec.structs.replace(
            order, profile=share(order.profile, number, whole), shard=number, connections=max(1, order.connections // whole)
        )
        for number in range(first, first + shards)
    ]


class Crew:
    """Shards of one run on this machine. `tell` gets each second once every shard has told it."""

    def __init__(self, orders: Sequence[Spec], profile: Profile, tell: Callable[[Row], None]) -> None:
        self.orders, self.profile, self.tell = orders, profile, tell
        self.stopping = asyncio.Event()
        self.finals: dict[int, Final] = {}
        self.seconds: dict[int, list[Row]] = {}
        self.dead = ""
        self.processes: list[Process] = []

    def stop(self) -> None:
        self.stopping.set()

    async def run(self, start: Start | None = None) -> Result:
        """`start` is asked, once all are ready, when to begin (default: at once). Raises Refused."""
        self.processes = []
        try:
            for _ in self.orders:  # one after the other: those that began are ended where the next cannot start
                self.processes.append(await Process.start())
            if await self._ready():
                at = await start() if start else time.time_ns() / 1e9 + LEAD_S
                for process in self.processes:
                    process.say(f"{at!r}\n".encode())
                await self._hear()
        finally:
            await asyncio.gather(*(process.end() for process in self.processes))
        return self._result()

    async def _hear(self) -> None:
        """What all of them tell, to the end."""
        ender = asyncio.create_task(self._ender())
        try:
            await asyncio.gather(*map(self._listen, self.orders, self.processes))
        finally:
            ender.cancel()

    def _result(self) -> Result:
        labels = [stage.label for stage in self.profile.stages]
        if not self.finals:
            return Result(totals=[], shards=len(self.orders), dead=self.dead or "no shard told a result")
        found = merging.result([self.finals[number] for number in sorted(self.finals)], labels)
        found.shards, found.dead = len(self.orders), self.dead
        return found

    async def _ready(self) -> bool:
        for order, process in zip(self.orders, self.processes, strict=True):
            process.say(msgspec.json.encode(order) + b"\n")
        for order, process in zip(self.orders, self.processes, strict=True):
            told = await process.line(READY_S)
            if told is None:
                self.dead = f"shard {order.shard} did not start{await process.last_words()}"
                return False
            if not told.ready:
                raise Refused(told.refused)
        return True

    async def _ender(self) -> None:
        await self.stopping.wait()
        for process in self.processes:
            process.stop()

    async def _listen(self, order: Spec, process: Process) -> None:
        patience = SILENT_S + order.profile.timeout_s
        while True:
            told = await process.line(STOP_S if self.stopping.is_set() else patience)
            if told is None:
                words = await process.last_words()
                self.dead = self.dead or f"shard {order.shard} fell silent{words}"
                self.stop()
                return
            if told.row is not None:
                self._second(told.row)
            if told.final is not None:
                self.finals[order.shard] = told.final
                return

    def _second(self, row: Row) -> None:
        rows = self.seconds.setdefault(row.second, [])
        rows.append(row)
        if len(rows) == len(self.orders):
            del self.seconds[row.second]
            self.tell(merging.row(rows))
