"""Starting shards as processes of their own, beginning them as one, and listening to them to the end."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from outgoing.addresses import Refused
from probes.load import merging
from probes.load.merging import Result
from probes.load.profile import Profile, share
from probes.load.report import Final, Row, Told
from probes.load.spec import Spec

ROOT = Path(__file__).resolve().parent.parent.parent
LEAD_S = 0.3
READY_S = 30.0
SILENT_S = 15.0
"""A shard that says nothing for so long, beyond its time-out, is dead."""

STOP_S = 2.0
LINE = 4_000_000
QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}

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
        self.processes: list[asyncio.subprocess.Process] = []

    def stop(self) -> None:
        self.stopping.set()

    async def run(self, start: Start | None = None) -> Result:
        """`start` is asked, once all are ready, when to begin (default: at once). Raises Refused."""
        processes = self.processes = [await _process() for _ in self.orders]
        try:
            await self._ready(processes)
            at = await start() if start else time.time_ns() / 1e9 + LEAD_S
            for process in processes:
                _say(process, f"{at!r}\n".encode())
            ender = asyncio.create_task(self._ender(processes))
            await asyncio.gather(*(self._listen(order, process) for order, process in zip(self.orders, processes, strict=True)))
            ender.cancel()
        finally:
            await _end(processes)
        labels = [stage.label for stage in self.profile.stages]
        if not self.finals:
            return Result(totals=[], shards=len(self.orders), dead=self.dead or "no shard told a result")
        found = merging.result([self.finals[number] for number in sorted(self.finals)], labels)
        found.shards, found.dead = len(self.orders), self.dead
        return found

    async def _ready(self, processes: Sequence[asyncio.subprocess.Process]) -> None:
        for order, process in zip(self.orders, processes, strict=True):
            _say(process, msgspec.json.encode(order) + b"\n")
        for process in processes:
            told = await self._line(process, READY_S)
            if told is None or not told.ready:
                raise Refused(told.refused if told else "a shard did not start")

    async def _ender(self, processes: Sequence[asyncio.subprocess.Process]) -> None:
        await self.stopping.wait()
        for process in processes:
            if process.stdin is not None:
                process.stdin.close()

    async def _listen(self, order: Spec, process: asyncio.subprocess.Process) -> None:
        patience = SILENT_S + order.profile.timeout_s
        while True:
            told = await self._line(process, STOP_S if self.stopping.is_set() else patience)
            if told is None:
                self.dead = self.dead or f"shard {order.shard} fell silent{await _last_words(process)}"
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

    async def _line(self, process: asyncio.subprocess.Process, patience_s: float) -> Told | None:
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(process.stdout.readline(), patience_s)
        except (TimeoutError, ValueError):
            return None
        return msgspec.json.decode(line, type=Told) if line.endswith(b"\n") else None


async def _process() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "probes.load", cwd=ROOT, env={**os.environ, **QUIET}, limit=LINE,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


def _say(process: asyncio.subprocess.Process, line: bytes) -> None:
    if process.stdin is not None:
        process.stdin.write(line)


async def _last_words(process: asyncio.subprocess.Process) -> str:
    """The end of what it wrote on standard error."""
    if process.returncode is None:
        process.kill()
    assert process.stderr is not None
    text = (await process.stderr.read()).decode("utf-8", "replace").strip()
    return f": {text.splitlines()[-1][:200]}" if text else ""


async def _end(processes: Sequence[asyncio.subprocess.Process]) -> None:
    for process in processes:
        if process.stdin is not None:
            process.stdin.close()
    for process in processes:
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()
