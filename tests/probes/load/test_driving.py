"""A crew that does not come to its end leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from probes.load.driving import Crew, specs
from probes.load.report import Row
from tests.probes.load.conftest import order, profile


@contextmanager
def room_for(files: int) -> Iterator[None]:
    """So many more files can be open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = [number for number in range(1024) if not os.path.exists(f"/proc/self/fd/{number}")]
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[files], hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_shards_that_began_are_ended_where_another_cannot_start() -> None:
    wanted = profile()
    crew = Crew(specs(order("http://127.0.0.1:9", wanted), 2), wanted, lambda row: None)

    async def run() -> None:
        with room_for(10):  # starting one takes eight, and leaves three open
            await crew.run()

    with pytest.raises(OSError, match="Too many open files"):
        asyncio.run(run())
    assert [one.process.returncode is not None for one in crew.processes] == [True]


def test_nothing_waits_for_a_stop_any_more_where_telling_fails(target: str) -> None:
    def tell(row: Row) -> None:
        raise RuntimeError("nobody hears it")

    wanted = profile(users=1)
    crew = Crew(specs(order(target, wanted), 1), wanted, tell)

    async def run() -> list[str]:
        with pytest.raises(RuntimeError, match="nobody hears it"):
            await crew.run()
        await asyncio.sleep(0)
        return [repr(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    assert asyncio.run(run()) == []
