"""Targets of known behaviour, each in a process of its own, and a way to put load on them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from probes.load.driving import Crew, specs
from probes.load.merging import Result
from probes.load.profile import Ask, Profile, Stage
from probes.load.report import Row
from probes.load.spec import Spec

ROOT = Path(__file__).resolve().parents[3]


def start_target(*more: str) -> tuple[subprocess.Popen[bytes], int]:
    command = [sys.executable, "-m", "tests.probes.load.targets", "0", *more]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    process, port = start_target()
    yield f"http://127.0.0.1:{port}"
    stop(process)


Loaded = tuple[Result, list[Row]]


def order(url: str, profile: Profile, **fields: Any) -> Spec:
    return Spec(base_url=url, profile=profile, **{"allow": ["127.0.0.0/8"], **fields})


def put(url: str, profile: Profile, *, shards: int = 1, act: Callable[[Crew, Row], None] | None = None, **fields: Any) -> Loaded:
    """Carry a profile out; `act` is called with each second."""
    rows: list[Row] = []

    def tell(row: Row) -> None:
        rows.append(row)
        if act:
            act(crew, row)

    crew = Crew(specs(order(url, profile, **fields), shards), profile, tell)
    return asyncio.run(crew.run()), rows


def profile(path: str = "/fixed/50", *, seconds: float = 1.2, **fields: Any) -> Profile:
    stage = {name: fields.pop(name) for name in ("users", "rate", "warm_up_s", "at_once") if name in fields}
    requests = fields.pop("requests", (Ask(path),))
    return Profile(stages=(Stage(seconds=seconds, **(stage or {"users": 5})),), requests=requests, **{"timeout_s": 1.0, **fields})
