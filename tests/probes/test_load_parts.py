"""Load runs of several workers: one start, one result, one end."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.utils import timezone

from probes import load_parts, riding
from probes.kinds.base import Outcome
from probes.load.merging import Result
from probes.load.report import Row
from probes.models import LoadPart, LoadRow, LoadSecond, Run
from tests.probes.factories import make_load_probe, start_load

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("reachable")]


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_workers_carry_out_four_shards_as_one(service_url: str, settings: Any) -> None:
    settings.LOAD_SHARDS, settings.LOAD_WORKERS = 4, 2
    run = start_load(make_load_probe(service_url, stages=["40/s for 4s"], warm_up_s=0))
    taken: list[bool] = []

    def other() -> None:
        until = time.monotonic() + 20
        while not taken and time.monotonic() < until:
            if load_parts.work():
                taken.append(True)
            time.sleep(0.1)
        connection.close()

    thread = threading.Thread(target=other)
    thread.start()
    riding.work()
    thread.join()
    run.refresh_from_db()
    parts = list(LoadPart.objects.filter(run=run))
    told = [msgspec.msgpack.decode(bytes(part.result), type=Result) for part in parts]
    assert (taken, [(part.first, part.shards) for part in parts]) == ([True], [(2, 2)])
    assert told[0].totals[0].ended == pytest.approx(80, abs=3)
    assert run.details["stages"][0]["requests"] == pytest.approx(160, abs=5)
    assert (run.details["shards"], run.error) == (4, run.error if run.outcome == Outcome.GENERATOR_LIMITED else "")
    assert LoadSecond.objects.filter(run=run).count() >= 3


def test_shards_are_dealt_out() -> None:
    assert load_parts.shares(4, 2) == [(0, 2), (2, 2)]
    assert load_parts.shares(5, 2) == [(0, 3), (3, 2)]
    assert load_parts.shares(2, 8) == [(0, 1), (1, 1)]
    assert load_parts.shares(1, 1) == [(0, 1)]


def heavy(part: LoadPart, second: int) -> Row:
    """A second in which the other worker's share failed altogether."""
    return Row(second=second, stage=0, warm=False, users=5, sent=100, statuses={503: 100}, shard=part.first)


def play_the_other_worker(
    run: Run, *, failing_s: int = 0, dead: str = "", act: Callable[[], None] | None = None, vanish: bool = False
) -> LoadPart:
    """Takes the part that waits, and tells failures; dies, vanishes, or ends when somebody asks it to stop."""
    until = time.monotonic() + 10
    while not (part := LoadPart.objects.filter(run=run).first()) and time.monotonic() < until:
        time.sleep(0.05)
    assert part is not None
    LoadPart.objects.filter(pk=part.pk).update(claimed_at=timezone.now(), ready_at=timezone.now())
    for second in range(failing_s):
        LoadRow.objects.create(part=part, row=msgspec.msgpack.encode(heavy(part, second)))
    if vanish:
        connection.close()
        return part
    time.sleep(3)
    if act:
        act()
    until = time.monotonic() + 20
    while not dead and LoadPart.objects.filter(pk=part.pk, stop_asked_at=None).exists() and time.monotonic() < until:
        time.sleep(0.1)
    told = Result(totals=[], shards=1, stopped=not dead, dead=dead)
    LoadPart.objects.filter(pk=part.pk).update(result=msgspec.msgpack.encode(told))
    part.refresh_from_db()
    connection.close()
    return part


def kill_a_shard() -> None:
    """One of this process's own."""
    children = [path.parent for path in Path("/proc").glob("[0-9]*/stat") if path.read_text().split()[3] == str(os.getpid())]
    shards = [path for path in children if b"probes.load" in (path / "cmdline").read_bytes()]
    os.kill(int(shards[0].name), signal.SIGKILL)


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_errors_that_only_another_worker_sees_end_the_run(service_url: str, settings: Any) -> None:
    settings.LOAD_SHARDS, settings.LOAD_WORKERS, settings.LOAD_MAX_SHARDS = 2, 2, 2
    run = start_load(make_load_probe(service_url, stages=["10/s for 60s"], warm_up_s=0))
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(play_the_other_worker, run, failing_s=12)
        riding.work()
        part = other.result()
    run.refresh_from_db()
    assert part.stop_asked_at is not None
    assert (run.outcome, run.reason, run.stop_asked_at) == (Outcome.FAILED, "stopped by itself", None)
    assert run.error == "95 % of the requests failed for 10 s"


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("dead", "act"), [("shard 1 fell silent", None), ("", kill_a_shard)])
def test_when_one_part_dies_all_stop(service_url: str, settings: Any, dead: str, act: Callable[[], None] | None) -> None:
    settings.LOAD_SHARDS, settings.LOAD_WORKERS = 2, 2
    run = start_load(make_load_probe(service_url, stages=["10/s for 60s"], warm_up_s=0))
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(play_the_other_worker, run, dead=dead, act=act)
        riding.work()
        part = other.result()
    run.refresh_from_db()
    assert time.monotonic() - began < 20
    assert (run.outcome, run.error) == (Outcome.INVALID, dead or "shard 0 fell silent (SIGKILL)")
    assert bool(part.stop_asked_at) is not bool(dead)


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_vanishes_ends_the_run(service_url: str, settings: Any) -> None:
    settings.LOAD_SHARDS, settings.LOAD_WORKERS = 2, 2
    run = start_load(make_load_probe(service_url, stages=["10/s for 90s"], warm_up_s=0, timeout_s=1.0))
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(play_the_other_worker, run, failing_s=2, vanish=True)
        riding.work()
        other.result()
    run.refresh_from_db()
    assert time.monotonic() - began < 30
    assert (run.outcome, run.error) == (Outcome.INVALID, "a worker fell silent")
