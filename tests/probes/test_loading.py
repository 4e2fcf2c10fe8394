"""Load runs from asking to ending: who may, what is kept, what reaches a KPI."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from kpis.models import Measurement
from kpis.stats.histogram import Histogram
from probes import claiming, fleet, heartbeat, load_parts, loading, riding
from probes.kinds.base import Outcome
from probes.load.merging import Result
from probes.load.profile import Profile, Stage
from probes.load.report import Row
from probes.models import Feed, LoadPart, LoadRow, LoadSecond, Probe, Run, RunState
from probes.running import CannotRun
from tests.factories import People
from tests.kpis.factories import make_kpi
from tests.probes.factories import make_probe, make_run, make_service

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("reachable")]

SMALL = {"stages": ["5 users for 3s"], "think": "fixed 100ms", "warm_up_s": 0.5}


def load_probe(url: str = "http://127.0.0.1:9", *, confirmed: bool = False, **params: Any) -> Probe:
    service = make_service(url, confirmed_at=timezone.now() if confirmed else None)
    return make_probe(service, "load", enabled=False, params={**SMALL, **params})


def start(probe: Probe) -> Run:
    return loading.start(probe=probe, actor=None, now=timezone.now())


def test_a_run_is_carried_out_and_kept_second_by_second(service_url: str) -> None:
    run = start(load_probe(service_url))
    assert riding.work() is True
    run.refresh_from_db()
    assert run.state == RunState.DONE
    assert run.outcome in (Outcome.OK, Outcome.GENERATOR_LIMITED)  # as honest as a shared machine lets it be
    assert run.details["stages"][0]["requests"] > 20
    assert LoadSecond.objects.filter(run=run).count() >= 3
    assert bool(run.readings) == (run.outcome == Outcome.OK)
    assert Probe.objects.get(pk=run.probe_id).claimed_until is None


def test_nothing_is_done_when_nothing_is_asked() -> None:
    load_probe()
    assert riding.work() is False


@pytest.mark.parametrize("stages", [["11 users for 10s"], ["51/s for 10s"], ["5 users for 3m"]])
def test_more_than_a_little_needs_a_confirmed_service(stages: list[str]) -> None:
    with pytest.raises(CannotRun, match="is not confirmed"):
        start(load_probe(stages=stages))
    assert start(load_probe(stages=stages, confirmed=True)).state == RunState.QUEUED


def test_what_slipped_past_is_refused_when_it_begins() -> None:
    probe = load_probe(stages=["500 users for 10s"])
    run = make_run(probe, state=RunState.QUEUED, outcome="", due_at=timezone.now(), started_at=None, finished_at=None)
    riding.work()
    run.refresh_from_db()
    assert (run.outcome, run.reason) == (Outcome.REFUSED, "not allowed")


def test_a_profile_beyond_the_caps_is_refused(settings: Any) -> None:
    settings.LOAD_MAX_USERS = 100
    with pytest.raises(CannotRun, match="cap of 100"):
        start(load_probe(stages=["101 users for 10s"], confirmed=True))


def test_one_load_run_per_target_whatever_it_is_called() -> None:
    start(load_probe("http://127.0.0.1:9"))
    with pytest.raises(CannotRun, match="Another load run"):
        start(load_probe("http://127.0.0.1:9/api"))
    assert start(load_probe("http://127.0.0.1:91")).state == RunState.QUEUED


def test_other_probes_of_the_service_wait(service_url: str) -> None:
    probe = load_probe(service_url)
    make_probe(probe.service, "memory", next_run_at=timezone.now() - timedelta(seconds=5))
    start(probe)
    assert riding.claim(now=timezone.now()) is not None
    assert claiming.claim(now=timezone.now()) == []
    assert heartbeat.state(now=timezone.now()).due == 0


def test_a_load_run_whose_worker_died_is_given_up_and_not_tried_again() -> None:
    run = start(load_probe())
    assert riding.claim(now=timezone.now()) is not None
    assert claiming.take_up_again(now=timezone.now()) == 0
    assert claiming.take_up_again(now=timezone.now() + riding.LEASE + timedelta(seconds=1)) == 1
    run.refresh_from_db()
    assert run.outcome == Outcome.ABANDONED
    assert not Run.objects.filter(state=RunState.QUEUED).exists()


def test_a_waiting_run_is_stopped_at_once() -> None:
    run = start(load_probe())
    assert loading.stop(run=run, actor=None, now=timezone.now())
    run.refresh_from_db()
    assert (run.state, run.outcome) == (RunState.DONE, Outcome.STOPPED)
    assert not loading.stop(run=run, actor=None, now=timezone.now())


def test_a_running_one_stops_within_moments_and_records_nothing(service_url: str) -> None:
    run = start(load_probe(service_url, stages=["5 users for 60s"]))
    Run.objects.filter(pk=run.pk).update(stop_asked_at=timezone.now())
    began = timezone.now()
    riding.work()
    run.refresh_from_db()
    assert (timezone.now() - began).total_seconds() < 10
    assert (run.outcome, run.readings) == (Outcome.STOPPED, [])


def test_a_target_that_fails_ends_its_run(service_url: str) -> None:
    run = start(load_probe(service_url, stages=["5 users for 60s"], requests=["GET /answer/503"]))
    riding.work()
    run.refresh_from_db()
    assert (run.outcome, run.reason) == (Outcome.FAILED, "stopped by itself")
    assert run.error.startswith("100 % of the requests failed")


def test_pages_start_show_and_stop(as_engineer: Client, as_viewer: Client, service_url: str) -> None:
    service = load_probe(service_url, confirmed=True).service
    page = as_engineer.get(f"/services/{service.slug}/load/?profile=peak")
    assert "500 users for 5m" in page.content.decode()
    form = {name: field.initial for name, field in page.context["form"].fields.items() if name.startswith("params.")}
    data = {
        name: "\n".join(value) if isinstance(value, list) else value for name, value in form.items() if value not in (None, False)
    }
    answer = as_engineer.post(f"/services/{service.slug}/load/", {**data, "interval_s": 86400})
    run = Run.objects.get(state=RunState.QUEUED)
    assert answer["Location"] == f"/runs/{run.pk}/"
    LoadSecond.objects.create(run=run, second=0, figures=second())
    shown = as_viewer.get(f"/runs/{run.pk}/").content.decode()
    assert "Is the generator honest?" in shown
    assert "Stop run" not in shown
    assert as_viewer.post(f"/runs/{run.pk}/stop/").status_code == 403
    as_engineer.post(f"/runs/{run.pk}/stop/")
    run.refresh_from_db()
    assert run.outcome == Outcome.STOPPED


def test_what_may_not_be_started_leaves_nothing_behind(as_engineer: Client) -> None:
    service = make_service("http://127.0.0.1:9")
    data = {
        "interval_s": 86400, "params.stages": "500 users for 5m", "params.requests": "GET /", "params.think": "none",
        "params.p95_limit_ms": 1000, "params.errors_limit_pct": 1, "params.search": "none", "params.warm_up_s": 5,
        "params.timeout_s": 10, "params.stop_errors_pct": 50,
    }  # fmt: skip
    answer = as_engineer.post(f"/services/{service.slug}/load/", data)
    assert (answer.status_code, "is not confirmed" in answer.content.decode()) == (422, True)
    assert not Probe.objects.filter(service=service).exists()


def second(**fields: Any) -> dict[str, Any]:
    gauge = {"cpu": 0.1, "lag_p95_ms": 0.1, "late_p99_ms": 0.5, "achieved": 1.0, "steal": 0.0}
    row = {
        "stage": 0, "label": "500 users", "warm": False, "users": 500, "sent": 400, "ended": 390, "failed": 4, "backlog": 0,
        "p50": 50.0, "p95": 80.0, "p99": 120.0, "gauge": gauge, "what": {"503": 4},
    }  # fmt: skip
    return row | fields


def test_the_api_lists_profiles_and_stops(
    api: Callable[[str], APIClient], make_token: Callable[..., str], people: People
) -> None:
    client = api(make_token(people.engineer, ["read", "probes:write"]))
    profiles = client.get("/api/v1/ready-load-profiles/").json()
    assert {"baseline", "peak", "stress", "spike", "users-50", "users-100", "users-500", "users-1000"} <= {
        row["slug"] for row in profiles
    }
    probe = load_probe()
    asked = client.post(f"/api/v1/probes/{probe.pk}/run/")
    assert asked.status_code == 202
    assert client.post(f"/api/v1/runs/{asked.json()['id']}/stop/").json()["outcome"] == "stopped"
    assert client.post(f"/api/v1/runs/{asked.json()['id']}/stop/").status_code == 409


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_workers_carry_out_four_shards_as_one(service_url: str, settings: Any) -> None:
    settings.LOAD_SHARDS, settings.LOAD_WORKERS = 4, 2
    run = start(load_probe(service_url, stages=["40/s for 4s"], warm_up_s=0))
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


def test_running_all_probes_of_a_service_puts_no_load_on_it(people: People) -> None:
    probe = load_probe()
    Probe.objects.filter(pk=probe.pk).update(enabled=True)
    assert fleet.run_now(slugs=[probe.service.slug], actor=people.engineer, now=timezone.now())
    assert not Run.objects.exists()


def heavy(part: LoadPart, second: int) -> Row:
    """A second in which the other worker's share failed altogether."""
    return Row(second=second, stage=0, warm=False, users=5, sent=100, statuses={503: 100}, shard=part.first)


def play_the_other_worker(run: Run, *, failing_s: int = 0, dead: str = "", act: Callable[[], None] | None = None) -> LoadPart:
    """Takes the part that waits, and tells failures; dies, or ends when somebody asks it to stop."""
    until = time.monotonic() + 10
    while not (part := LoadPart.objects.filter(run=run).first()) and time.monotonic() < until:
        time.sleep(0.05)
    assert part is not None
    LoadPart.objects.filter(pk=part.pk).update(claimed_at=timezone.now(), ready_at=timezone.now())
    for second in range(failing_s):
        LoadRow.objects.create(part=part, row=msgspec.msgpack.encode(heavy(part, second)))
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
    run = start(load_probe(service_url, stages=["10/s for 60s"], warm_up_s=0))
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
    run = start(load_probe(service_url, stages=["10/s for 60s"], warm_up_s=0))
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(play_the_other_worker, run, dead=dead, act=act)
        riding.work()
        part = other.result()
    run.refresh_from_db()
    assert time.monotonic() - began < 20
    assert (run.outcome, run.error) == (Outcome.INVALID, dead or "shard 0 fell silent (SIGKILL)")
    assert bool(part.stop_asked_at) is not bool(dead)


def test_a_search_finds_what_a_service_bears(service_url: str, settings: Any) -> None:
    settings.LOAD_MAX_RATE, settings.LOAD_MAX_SHARDS = 8, 1
    probe = load_probe(service_url, confirmed=True, stages=["4/s for 1s"], search="rate", warm_up_s=0.1)
    start(probe)
    riding.work()
    run = probe.runs.get()
    assert [row["stage"] for row in run.details["stages"]] == ["4/s", "8/s", "8/s"]
    assert run.outcome in (Outcome.OK, Outcome.GENERATOR_LIMITED)
    if run.outcome == Outcome.OK:  # as honest as a shared machine lets it be
        assert [(row["metric"], row["value"]) for row in run.readings if "capacity" in row["metric"]] == [("capacity_rate", 8)]


def test_a_search_by_rate_begins_with_a_rate() -> None:
    with pytest.raises(CannotRun, match=r"a search of rate begins with a stage such as “50/s for 20s”"):
        start(load_probe(confirmed=True, search="rate"))


def test_metrics_of_every_stage_stand_beside_it(service_url: str) -> None:
    probe = load_probe(service_url, stages=["2 users for 2s", "10/s for 2s"], warm_up_s=0)
    start(probe)
    riding.work()
    under = [row["under"] for row in probe.runs.get().details["stages"]]
    assert under == [{"resident_memory": 1_000_000.0}] * 2


def test_the_figures_of_one_step_of_a_search_hold_nothing_of_the_step_before() -> None:
    start(load_probe(confirmed=True))
    claimed = riding.claim(now=timezone.now())
    assert claimed is not None
    ride = riding.Ride(claimed)
    for ms in (50.0, 500.0):
        times = Histogram.from_values([ms] * 100).to_bytes()
        row = Row(second=0, stage=0, warm=False, users=5, sent=100, statuses={200: 100}, response=times)
        shown = ride._figures(row, Profile(stages=(Stage(seconds=1, users=5),)))
    assert shown["p50"] == pytest.approx(500, rel=0.002)


@pytest.fixture
def busy_core() -> Iterator[None]:
    """This process and what it starts have one core, and several loops that never rest beside them."""
    before = os.sched_getaffinity(0)
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    for pid in (0, *(loop.pid for loop in loops)):
        os.sched_setaffinity(pid, {0})
    yield
    os.sched_setaffinity(0, before)
    for loop in loops:
        loop.kill()
        loop.wait()


@pytest.mark.slow
@pytest.mark.usefixtures("busy_core")
def test_a_starved_generator_touches_no_kpi_and_is_given_more_shards_next_time(service_url: str, settings: Any) -> None:
    settings.LOAD_MAX_SHARDS, settings.LOAD_RERUN = 2, True
    probe = load_probe(service_url, confirmed=True, stages=["100 users for 4s"], think="paced 100ms", warm_up_s=0.5)
    feed = Feed.objects.create(probe=probe, kpi=make_kpi(unit="ms"), metric="latency")
    run = start(probe)
    riding.work()
    run.refresh_from_db()
    assert (run.outcome, run.readings, run.details["next_shards"]) == (Outcome.GENERATOR_LIMITED, [], 2)
    assert [(row["metric"], "value" in row) for row in run.recorded] == [("latency", False)]
    assert not Measurement.objects.filter(series__kpi=feed.kpi).exists()
    probe.refresh_from_db()
    assert (riding.shards_of(probe), probe.runs.filter(state=RunState.QUEUED).count()) == (2, 1)
