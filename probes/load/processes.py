"""A shard's process: what is said to it, what it tells, and the end of what it complains of."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import msgspec

from probes.load.report import Told

ROOT = Path(__file__).resolve().parent.parent.parent
STOP_S = 2.0
LINE = 4_000_000
TAIL = 4_096
"""So many of the last bytes on standard error are kept, however much comes."""

WORDS = 300
QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


class Process:
    """Standard error is read all the time: a shard that complains much must not wait until somebody listens."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process, self.pid = process, process.pid
        self.tail = bytearray()
        self.draining = asyncio.create_task(self._drain())

    @classmethod
    async def start(cls) -> Process:
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "probes.load", cwd=ROOT, env={**os.environ, **QUIET}, limit=LINE,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )
        )  # fmt: skip

    async def _drain(self) -> None:
        assert self.process.stderr is not None
        while data := await self.process.stderr.read(65_536):
            self.tail = (self.tail + data)[-TAIL:]

    def say(self, line: bytes) -> None:
        if self.process.stdin is not None:
            self.process.stdin.write(line)

    def stop(self) -> None:
        """A shard stops when nobody speaks to it any more."""
        if self.process.stdin is not None:
            self.process.stdin.close()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    async def line(self, patience_s: float) -> Told | None:
        """What it tells next; None when it tells nothing any more."""
        assert self.process.stdout is not None
        try:
            line = await asyncio.wait_for(self.process.stdout.readline(), patience_s)
            return msgspec.json.decode(line, type=Told) if line.endswith(b"\n") else None
        except (TimeoutError, ValueError):
            return None

    async def end(self) -> None:
        """Gone within moments, by itself or by force."""
        self.stop()
        try:
            await asyncio.wait_for(self.process.wait(), STOP_S)
        except TimeoutError:
            self.kill()
            await self.process.wait()
        await self.draining

    async def last_words(self) -> str:
        """How it ended and the end of what it wrote on standard error, for people; ends it where it still runs."""
        await self.end()
        code = self.process.returncode or 0
        how = f" ({signal.Signals(-code).name})" if code < 0 else f" (exit code {code})" if code else ""
        text = " ".join(self.tail.decode("utf-8", "replace").split())
        return f"{how}: …{text[-WORDS:]}" if len(text) > WORDS else f"{how}: {text}" if text else how
