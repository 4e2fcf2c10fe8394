"""The chain: due, claimed, measured against a real application, saved, recorded."""

from __future__ import annotations

import time
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from msgspec.structs import replace

from kpis.models import Measurement, Series
from probes import running
from probes.claiming import claim
from probes.models import Probe, Run, RunState
from tests.kpis.factories import make_kpi
from tests.probes.factories import NOW, make_probe, make_run, make_service

pytestmark = [pytest.mark.django_db, pytest.mark.databases, pytest.mark.usefixtures("reachable")]


def test_a_due_probe_is_measured_and_feeds_its_kpis(service_url: str) -> None:
    latency, errors = make_kpi(metric="latency"), make_kpi(metric="error_rate", unit="%")
    probe = make_probe(
        make_service(service_url, slug="orders"), feeds={"latency": latency, "error_rate": errors}, params={"requests": 8}
    )
    assert running.work() == 1
    run = Run.objects.get()
    assert (run.state, run.outcome, run.error, run.details["statuses"]) == (RunState.DONE, "ok", "", {"200": 8})
    assert [row["metric"] for row in run.readings] == ["latency", "error_rate", "availability"]
    stored = Measurement.objects.get(series__kpi=latency)
    assert (stored.origin, stored.count, stored.histogram is not None) == (f"run:{run.pk}", 8, True)
    assert (Series.objects.get(kpi=errors).subject, Measurement.objects.get(series__kpi=errors).value) == ("orders", 0)
    assert [(row["metric"], row["unit"]) for row in run.recorded] == [("latency", "ms"), ("error_rate", "%")]
    probe.refresh_from_db()
    assert (probe.claimed_until, probe.failures) == (None, 0)
    assert probe.next_run_at > timezone.now()
    assert running.work() == 0


def test_a_dead_service_fails_plainly_and_only_availability_is_written_down(dead_url: str) -> None:
    latency, up = make_kpi(metric="latency"), make_kpi(metric="availability", unit="%", direction="higher")
    probe = make_probe(make_service(dead_url), feeds={"latency": latency, "availability": up})
    running.work()
    run = Run.objects.get()
    assert (run.outcome, run.error) == ("failed", "connection refused (2×)")
    assert list(Measurement.objects.values_list("series__kpi", "value", "count")) == [(up.pk, 0, 1)]
    assert run.recorded[0] == {"metric": "latency", "kpi": f"{latency.scorecard.slug}/{latency.key}", "why_not": run.error}
    probe.refresh_from_db()
    assert probe.failures == 1


@pytest.mark.parametrize(("url", "soonest_s", "latest_s"), [("{up}", 0, 65), ("{down}", 890, 905)])
def test_what_answers_again_is_measured_at_its_interval_again(
    service_url: str, dead_url: str, url: str, soonest_s: int, latest_s: int
) -> None:
    make_probe(make_service(url.format(up=service_url, down=dead_url)), "memory", failures=8)
    running.work()
    ahead = Probe.objects.get().next_run_at - timezone.now()
    assert timedelta(seconds=soonest_s) < ahead < timedelta(seconds=latest_s)


def test_an_address_that_may_not_be_reached_is_refused_before_it_is_asked() -> None:
    make_probe(make_service("http://169.254.169.254"))
    running.work()
    run = Run.objects.get()
    assert (run.outcome, run.reason, run.readings) == ("refused", "address", [])


def test_parameters_that_do_not_fit_are_invalid(service_url: str) -> None:
    make_probe(make_service(service_url), params={"requests": "many"})
    running.work()
    run = Run.objects.get()
    assert (run.outcome, run.reason) == ("invalid", "params")
    assert "requests" in run.error


def test_secret_headers_reach_the_service_only(service_url: str) -> None:
    service = make_service(service_url, headers={"X-Key": "s3cret"})
    make_probe(service, params={"requests": 1, "paths": ["/seen"]})
    running.work()
    run = Run.objects.get()
    assert run.outcome == "ok"
    assert "s3cret" not in f"{run.details} {run.readings} {run.recorded} {run.error}"


def test_services_are_measured_side_by_side(service_url: str) -> None:
    for _ in range(8):
        make_probe(make_service(service_url), params={"requests": 2, "paths": ["/slow/300"]})
    began = time.monotonic()
    assert running.work() == 8
    assert time.monotonic() - began < 2.4


def test_timed_probes_of_one_service_never_overlap(service_url: str) -> None:
    service = make_service(service_url)
    for _ in range(3):
        make_probe(service, params={"requests": 1, "paths": ["/slow/100"]})
    assert running.work() == 3
    runs = list(Run.objects.order_by("started_at"))
    assert all(before.finished_at <= after.started_at for before, after in pairwise(runs))


def test_a_slow_service_holds_up_nobody(service_url: str) -> None:
    slow = make_probe(make_service(service_url), params={"requests": 1, "paths": ["/slow/1500"]})
    quick = make_probe(make_service(service_url), next_run_at=timezone.now() + timedelta(seconds=0.5))
    assert running.work() == 2
    assert Run.objects.get(probe=quick).finished_at < Run.objects.get(probe=slow).finished_at


def test_no_more_are_begun_than_there_are_places(service_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "places", lambda: 2)
    for _ in range(5):
        make_probe(make_service(service_url))
    assert running.work(take_up_s=0) == 2


def test_many_that_hang_hold_up_nobody(service_url: str) -> None:
    for _ in range(60):
        make_probe(make_service(service_url), params={"requests": 1, "paths": ["/slow/1500"]})
    quick = make_probe(make_service(service_url), next_run_at=timezone.now() + timedelta(seconds=1))
    assert running.work() == 61
    assert Run.objects.get(probe=quick).queue_delay_ms < 1000
    assert Run.objects.exclude(probe=quick).order_by("finished_at").last().finished_at > Run.objects.get(probe=quick).finished_at


def test_a_run_waits_until_it_begins_not_until_it_is_claimed(service_url: str) -> None:
    for _ in range(60):
        make_probe(make_service(service_url), params={"requests": 1, "paths": ["/slow/300"]}, next_run_at=timezone.now())
    running.work()
    first, *_, last = Run.objects.order_by("started_at")
    assert last.started_at - first.started_at > timedelta(milliseconds=80)
    assert last.queue_delay_ms == int((last.started_at - last.due_at).total_seconds() * 1000)


def test_a_run_ends_when_it_was_measured_not_when_it_is_saved(service_url: str) -> None:
    slow = make_probe(make_service(service_url), params={"requests": 1, "paths": ["/slow/15"]})
    quick = make_probe(make_service(service_url), params={"requests": 1})
    with running.Stopwatches(running.policy()) as stopwatches:
        stopwatches.start(running.claim(now=timezone.now()))
        ended = [*stopwatches.ended(wait_s=5), *stopwatches.ended(wait_s=0.5)]
    running.finish(ended, now=timezone.now() + timedelta(seconds=9))
    assert Run.objects.get(probe=quick).finished_at < Run.objects.get(probe=slow).finished_at < timezone.now()


def test_what_was_measured_is_saved_though_no_more_can_be_claimed(service_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    probe = make_probe(make_service(service_url), params={"requests": 1})
    claims: list[dict[str, Any]] = []

    def once(**asked: Any) -> Any:
        claims.append(asked)
        if len(claims) > 1:
            raise OperationalError("database is locked")
        return claim(**asked)

    monkeypatch.setattr(running, "claim", once)
    with pytest.raises(OperationalError):
        running.work()
    assert Run.objects.get(probe=probe).outcome == "ok"


def test_one_thread_of_a_process_takes_up_at_a_time(service_url: str) -> None:
    make_probe(make_service(service_url))
    with running._taking_up:
        assert running.work() == 0
    assert running.work() == 1


def test_a_run_that_was_given_up_meanwhile_writes_nothing(service_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kpi = make_kpi(metric="latency")
    make_probe(make_service(service_url), feeds={"latency": kpi})
    with running.Stopwatches(running.policy()) as stopwatches:
        stopwatches.start(running.claim(now=timezone.now()))
        ended = stopwatches.ended(wait_s=5)
    Run.objects.update(state=RunState.DONE, outcome="abandoned")
    assert running.finish(ended, now=timezone.now()) == 0
    assert (Run.objects.get().outcome, Measurement.objects.count()) == ("abandoned", 0)


def test_an_archived_kpi_is_not_fed(service_url: str) -> None:
    kept, gone = make_kpi(metric="latency"), make_kpi(metric="error_rate", unit="%", archived_at=timezone.now())
    make_probe(make_service(service_url), feeds={"latency": kept, "error_rate": gone})
    running.work()
    assert Measurement.objects.get().series.kpi == kept
    assert [row.get("why_not") for row in Run.objects.get().recorded] == [None, "this KPI is archived"]


def test_one_figure_of_many_samples_feeds_no_percentile_and_the_others_go_on(service_url: str) -> None:
    kept, percentile = make_kpi(metric="latency", aggregation="p95"), make_kpi(metric="error_rate", unit="%", aggregation="p95")
    make_probe(make_service(service_url), feeds={"latency": kept, "error_rate": percentile})
    running.work()
    assert Measurement.objects.get().series.kpi == kept
    assert "no 95th percentile unless its source says so" in Run.objects.get().recorded[1]["why_not"]


def test_readings_that_are_refused_are_told_with_their_run_only(service_url: str) -> None:
    good, bad = make_kpi(metric="latency"), make_kpi(metric="latency")
    kept = make_probe(make_service(service_url), feeds={"latency": good})
    lost = make_probe(make_service(service_url, slug="x" * 80), feeds={"latency": bad})
    lost.service.environment = "y" * 40
    with running.Stopwatches(running.policy()) as stopwatches:
        stopwatches.start(running.claim(now=timezone.now()))
        ended = [*stopwatches.ended(wait_s=5), *stopwatches.ended(wait_s=1)]
    early = timezone.now() - timedelta(days=9000)
    ended = [
        (claimed, measured if claimed.probe == kept else _at(measured, early - timedelta(days=3650)))
        for claimed, measured in ended
    ]
    assert running.finish(ended, now=timezone.now()) == 2
    assert Measurement.objects.get().series.kpi == good
    assert "before the year 2000" in Run.objects.get(probe=lost).recorded[0]["why_not"]


def _at(measured, at):
    return replace(measured, readings=[replace(reading, at=at) for reading in measured.readings])


def test_what_a_kind_kept_outlives_a_failure() -> None:
    kept = {"source": "sql", "window_end": "2026-03-02T11:59:00+00:00"}
    dsn = "postgres://app@169.254.169.254/orders"
    probe = make_probe(make_service(database_dsn=dsn), kind="queries", params={"source": "sql"}, memory=kept)
    running.work()
    probe.refresh_from_db()
    assert (Run.objects.get().outcome, probe.memory) == ("refused", kept)


def test_run_now_makes_the_probe_due_and_asked_twice_is_one_run(people) -> None:
    probe = make_probe(next_run_at=NOW + timedelta(days=1))
    run = running.ask(probe=probe, actor=people.engineer, now=NOW)
    assert (run.state, run.requested_by, Probe.objects.get().next_run_at) == (RunState.QUEUED, people.engineer, NOW)
    assert running.ask(probe=probe, actor=None, now=NOW) == run


@pytest.mark.parametrize(("probe", "service"), [({"enabled": False}, {}), ({}, {"paused_at": NOW}), ({}, {"archived_at": NOW})])
def test_run_now_is_refused_where_nobody_would_run_it(probe: dict[str, object], service: dict[str, object]) -> None:
    with pytest.raises(running.CannotRun):
        running.ask(probe=make_probe(make_service(**service), **probe), actor=None, now=NOW)
    assert Run.objects.count() == 0


def test_old_runs_are_forgotten_some_at_a_time() -> None:
    probe = make_probe()
    for days in (1, 29, 31, 32, 33):
        make_run(probe, due_at=NOW - timedelta(days=days))
    make_run(probe, due_at=NOW - timedelta(days=40), state=RunState.QUEUED)
    assert running.prune(now=NOW, batch=2, batches=1) == 2
    assert running.prune(now=NOW, batch=2) == 1
    assert Run.objects.count() == 3
