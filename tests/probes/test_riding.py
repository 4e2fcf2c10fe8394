"""Load runs under way: carried out, kept second by second, ended, and what of them reaches a KPI."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from kpis.models import Measurement
from kpis.stats.histogram import Histogram
from probes import claiming, heartbeat, riding
from probes.kinds.base import Measured, Outcome
from probes.load.profile import Profile, Stage
from probes.load.report import Row
from probes.models import Feed, LoadSecond, Probe, Run, RunState
from tests.kpis.factories import make_kpi
from tests.probes.factories import make_load_probe, make_probe, make_run, make_service, start_load

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("reachable")]


def test_a_run_is_carried_out_and_kept_second_by_second(service_url: str) -> None:
    run = start_load(make_load_probe(service_url))
    assert riding.work() is True
    run.refresh_from_db()
    assert run.state == RunState.DONE
    assert run.outcome in (Outcome.OK, Outcome.GENERATOR_LIMITED)  # as honest as a shared machine lets it be
    assert run.details["stages"][0]["requests"] > 20
    assert LoadSecond.objects.filter(run=run).count() >= 3
    assert bool(run.readings) == (run.outcome == Outcome.OK)
    assert Probe.objects.get(pk=run.probe_id).claimed_until is None


def test_nothing_is_done_when_nothing_is_asked() -> None:
    make_load_probe()
    assert riding.work() is False


def test_what_slipped_past_is_refused_when_it_begins() -> None:
    probe = make_load_probe(stages=["500 users for 10s"])
    run = make_run(probe, state=RunState.QUEUED, outcome="", due_at=timezone.now(), started_at=None, finished_at=None)
    riding.work()
    run.refresh_from_db()
    assert (run.outcome, run.reason) == (Outcome.REFUSED, "not allowed")


def test_a_run_that_cannot_be_kept_puts_no_more_load_on_its_target(service_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    start_load(make_load_probe(service_url, stages=["5 users for 60s"]))
    claimed = riding.claim(now=timezone.now())
    assert claimed is not None
    ride = riding.Ride(claimed)

    def lost(*_: object, **__: object) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(heartbeat, "beat", lost)
    with pytest.raises(OperationalError):
        ride.carry_out()
    told = ride.told.get(timeout=20)
    while not isinstance(told, Measured):
        told = ride.told.get(timeout=20)
    assert told.outcome == Outcome.STOPPED


def test_a_load_run_whose_worker_died_is_given_up_and_not_tried_again() -> None:
    run = start_load(make_load_probe())
    assert riding.claim(now=timezone.now()) is not None
    assert claiming.take_up_again(now=timezone.now()) == 0
    assert claiming.take_up_again(now=timezone.now() + riding.LEASE + timedelta(seconds=1)) == 1
    run.refresh_from_db()
    assert run.outcome == Outcome.ABANDONED
    assert not Run.objects.filter(state=RunState.QUEUED).exists()


def test_a_running_one_stops_within_moments_and_records_nothing(service_url: str) -> None:
    run = start_load(make_load_probe(service_url, stages=["5 users for 60s"]))
    Run.objects.filter(pk=run.pk).update(stop_asked_at=timezone.now())
    began = timezone.now()
    riding.work()
    run.refresh_from_db()
    assert (timezone.now() - began).total_seconds() < 10
    assert (run.outcome, run.readings) == (Outcome.STOPPED, [])


def test_a_target_that_fails_ends_its_run(service_url: str) -> None:
    run = start_load(make_load_probe(service_url, stages=["5 users for 60s"], requests=["GET /answer/503"]))
    riding.work()
    run.refresh_from_db()
    assert (run.outcome, run.reason) == (Outcome.FAILED, "stopped by itself")
    assert run.error.startswith("100 % of the requests failed")


def test_a_path_that_is_not_there_bears_no_load(service_url: str) -> None:
    run = start_load(make_load_probe(service_url, requests=["GET /answer/404"]))
    riding.work()
    run.refresh_from_db()
    assert run.readings == []
    assert run.outcome == Outcome.GENERATOR_LIMITED or run.error.endswith("requests were answered 404: check the path")


def test_other_probes_of_the_service_wait(service_url: str) -> None:
    probe = make_load_probe(service_url)
    make_probe(probe.service, "memory", next_run_at=timezone.now() - timedelta(seconds=5))
    start_load(probe)
    assert riding.claim(now=timezone.now()) is not None
    assert claiming.claim(now=timezone.now()) == []
    assert heartbeat.state(now=timezone.now()).due == 0


@pytest.mark.parametrize(
    ("url", "waits"), [("http://127.0.0.1:9/api", True), ("https://LOCALHOST:9", True), ("http://127.0.0.1:91", False)]
)
def test_other_probes_at_the_same_address_wait(url: str, waits: bool) -> None:
    make_probe(make_service(url), "memory", next_run_at=timezone.now() - timedelta(seconds=5))
    start_load(make_load_probe("http://127.0.0.1:9"))
    assert riding.claim(now=timezone.now()) is not None
    assert heartbeat.state(now=timezone.now()).due == (0 if waits else 1)
    assert len(claiming.claim(now=timezone.now())) == (0 if waits else 1)


def test_a_search_finds_what_a_service_bears(service_url: str, settings: Any) -> None:
    settings.LOAD_MAX_RATE, settings.LOAD_MAX_SHARDS = 8, 1
    probe = make_load_probe(service_url, confirmed=True, stages=["4/s for 1s"], search="rate", warm_up_s=0.1)
    start_load(probe)
    riding.work()
    run = probe.runs.get()
    stages = [row["stage"] for row in run.details["stages"]]
    assert run.outcome in (Outcome.OK, Outcome.GENERATOR_LIMITED)  # as honest as a shared machine lets it be
    assert stages == ["4/s", "8/s", "8/s"][: len(stages)]
    if run.outcome == Outcome.OK:
        assert len(stages) == 3
        assert [(row["metric"], row["value"]) for row in run.readings if "capacity" in row["metric"]] == [("capacity_rate", 8)]


def test_metrics_of_every_stage_stand_beside_it(service_url: str) -> None:
    probe = make_load_probe(service_url, stages=["2 users for 2s", "10/s for 2s"], warm_up_s=0)
    start_load(probe)
    riding.work()
    under = [row["under"] for row in probe.runs.get().details["stages"]]
    assert under == [{"resident_memory": 1_000_000.0}] * 2


def test_the_figures_of_one_step_of_a_search_hold_nothing_of_the_step_before() -> None:
    start_load(make_load_probe(confirmed=True))
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
@pytest.mark.alone
@pytest.mark.usefixtures("busy_core")
def test_a_starved_generator_touches_no_kpi_and_is_given_more_shards_next_time(service_url: str, settings: Any) -> None:
    settings.LOAD_MAX_SHARDS, settings.LOAD_RERUN = 2, True
    probe = make_load_probe(service_url, confirmed=True, stages=["100 users for 4s"], think="paced 100ms", warm_up_s=0.5)
    feed = Feed.objects.create(probe=probe, kpi=make_kpi(unit="ms"), metric="latency")
    run = start_load(probe)
    riding.work()
    run.refresh_from_db()
    assert (run.outcome, run.readings, run.details["next_shards"]) == (Outcome.GENERATOR_LIMITED, [], 2)
    assert [(row["metric"], "value" in row) for row in run.recorded] == [("latency", False)]
    assert not Measurement.objects.filter(series__kpi=feed.kpi).exists()
    probe.refresh_from_db()
    assert (riding.shards_of(probe), probe.runs.filter(state=RunState.QUEUED).count()) == (2, 1)
