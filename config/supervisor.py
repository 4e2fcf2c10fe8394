"""Runs a handful of processes as one: starts them, restarts what dies, and leaves nothing behind when it stops."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

GRACE_S = 8.0
"""How long a process may take to stop after SIGTERM before it is killed."""

PR_SET_PDEATHSIG = 1


@dataclass
class Program:
    """One process to keep running. A vital one that keeps dying stops everything; another is given up alone."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    vital: bool = True
    starts: list[float] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None
    given_up: bool = False

    MAX_STARTS = 5
    WITHIN_S = 60.0

    def start(self) -> None:
        self.starts.append(time.monotonic())
        self.process = subprocess.Popen(  # noqa: S603 - our own programs, no shell
            list(self.command),
            env={**os.environ, **self.env},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,
        )

    def exhausted(self) -> bool:
        """Whether it died so often lately that another start is no use."""
        recent = [at for at in self.starts if time.monotonic() - at < self.WITHIN_S]
        return len(recent) >= self.MAX_STARTS

    def signal(self, number: int) -> None:
        if self.process is not None:
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                return


def die_with_parent() -> None:
    """Have the kernel end this process when its parent dies, even by SIGKILL (Linux)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Supervisor:
    """Keeps programs running until it is told to stop."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.programs: list[Program] = []
        self.say = say
        self.stopping = False

    def add(self, program: Program) -> None:
        self.programs.append(program)
        program.start()

    def listen(self) -> None:
        """Stop on Ctrl-C, SIGTERM and SIGHUP from now on. Call it before the first program starts."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.stop)

    def stop(self, *_: object) -> None:
        self.stopping = True

    def run(self) -> int:
        """Watch until stopped; returns the exit code: 0 when asked to stop, 1 when a vital program would not stay up."""
        code = 0
        while not self.stopping and code == 0:
            time.sleep(0.2)
            code = self._look_after()
        self.shut_down()
        return code

    def _look_after(self) -> int:
        for program in self.programs:
            ended = program.process is not None and program.process.poll() is not None
            if program.given_up or not ended or self.stopping or program.process is None:
                continue
            program.signal(signal.SIGKILL)
            if not program.exhausted():
                self.say(f"{program.name} ended with code {program.process.returncode}; starting it again")
                program.start()
            elif program.vital:
                self.say(f"{program.name} does not stay up; stopping everything")
                return 1
            else:
                self.say(f"{program.name} does not stay up; going on without it")
                program.given_up = True
        return 0

    def shut_down(self) -> None:
        """Ask every process group to end, wait a little, then kill what is left."""
        for program in self.programs:
            program.signal(signal.SIGTERM)
        until = time.monotonic() + GRACE_S
        for program in self.programs:
            if program.process is not None:
                try:
                    program.process.wait(timeout=max(0.1, until - time.monotonic()))
                except subprocess.TimeoutExpired:
                    self.say(f"{program.name} did not stop in time; killing it")
        for program in self.programs:
            program.signal(signal.SIGKILL)
