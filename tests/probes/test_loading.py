"""Load runs: who may start one, how much of it, and stopping it, on the page and by API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from probes import fleet, loading
from probes.checks import check_load
from probes.kinds.base import Outcome
from probes.models import LoadSecond, Probe, Run, RunState
from probes.registering import Wrong, save_probe
from probes.running import CannotRun
from tests.factories import People
from tests.probes.factories import make_load_probe, make_run, make_service, start_load

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("reachable")]


@pytest.mark.parametrize("stages", [["11 users for 10s"], ["51/s for 10s"], ["5 users for 3m"]])
def test_more_than_a_little_needs_a_confirmed_service(stages: list[str]) -> None:
    with pytest.raises(CannotRun, match="is not confirmed"):
        start_load(make_load_probe(stages=stages))
    assert start_load(make_load_probe(stages=stages, confirmed=True)).state == RunState.QUEUED


@pytest.mark.parametrize(
    ("stages", "think"),
    [(["10 users for 6s"], "none"), (["10 users for 6s"], "fixed 199ms"), (["1 users for 6s", "2 users for 6s"], "paced 0s")],
)
def test_users_of_an_unconfirmed_service_cannot_send_more_than_its_rate(stages: list[str], think: str) -> None:
    with pytest.raises(CannotRun, match="may send 50 requests/s together"):
        start_load(make_load_probe(stages=stages, think=think))
    assert start_load(make_load_probe(stages=stages, think=think, confirmed=True)).state == RunState.QUEUED


@pytest.mark.parametrize(("ago_s", "outcome", "fits"), [(60, "ok", False), (60, "refused", True), (700, "ok", True)])
def test_a_sequence_of_runs_takes_no_longer_than_one_may(ago_s: int, outcome: str, fits: bool) -> None:
    now = timezone.now()
    earlier = make_load_probe("http://127.0.0.1:9/api")
    ended = now - timedelta(seconds=ago_s)
    make_run(earlier, outcome=outcome, started_at=ended - timedelta(seconds=100), finished_at=ended)
    probe = make_load_probe("http://127.0.0.1:9", stages=["5 users for 30s"])
    assert bool(loading.forbidden(probe, now=now)) is not fits


def test_only_a_confirmed_service_is_loaded_by_itself(people: People) -> None:
    probe, agreed = make_load_probe(), make_load_probe(confirmed=True)
    probe.enabled = agreed.enabled = True
    with pytest.raises(Wrong, match="by hand only"):
        save_probe(probe=probe, feeds=[], actor=people.engineer, now=timezone.now())
    with pytest.raises(CannotRun, match="by hand only"):  # its confirmation was withdrawn meanwhile
        start_load(probe)
    save_probe(probe=agreed, feeds=[], actor=people.engineer, now=timezone.now())


def test_a_profile_beyond_the_caps_is_refused(settings: Any) -> None:
    settings.LOAD_MAX_USERS = 100
    with pytest.raises(CannotRun, match="cap of 100"):
        start_load(make_load_probe(stages=["101 users for 10s"], confirmed=True))


def test_one_load_run_per_target_whatever_it_is_called() -> None:
    start_load(make_load_probe("http://127.0.0.1:9"))
    with pytest.raises(CannotRun, match="Another load run"):
        start_load(make_load_probe("http://127.0.0.1:9/api"))
    assert start_load(make_load_probe("http://127.0.0.1:91")).state == RunState.QUEUED


def test_a_page_says_which_service_at_its_address_is_under_load(as_viewer: Client) -> None:
    run = start_load(make_load_probe("http://127.0.0.1:9"))
    shown = as_viewer.get(f"/services/{make_service('http://127.0.0.1:9/api').slug}/").content.decode()
    assert f"A load run on {run.probe.service} at the same address is queued" in shown


def test_a_waiting_run_is_stopped_at_once() -> None:
    run = start_load(make_load_probe())
    assert loading.stop(run=run, actor=None, now=timezone.now())
    run.refresh_from_db()
    assert (run.state, run.outcome) == (RunState.DONE, Outcome.STOPPED)
    assert not loading.stop(run=run, actor=None, now=timezone.now())


def test_pages_start_show_and_stop(as_engineer: Client, as_viewer: Client, service_url: str) -> None:
    service = make_load_probe(service_url, confirmed=True).service
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


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ({}, []),
        ({"LOAD_SHARDS": 0}, ["probes.E002"]),
        ({"LOAD_WORKERS": 0, "LOAD_MAX_RATE": 0}, ["probes.E002"] * 2),
        ({"LOAD_SHARDS": 4, "LOAD_MAX_SHARDS": 2}, ["probes.E002"]),
    ],
)
def test_numbers_with_which_nothing_could_run_are_found(settings: Any, values: dict[str, int], ids: list[str]) -> None:
    for name, value in values.items():
        setattr(settings, name, value)
    assert [message.id for message in check_load(None)] == ids


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
    probe = make_load_probe()
    asked = client.post(f"/api/v1/probes/{probe.pk}/run/")
    assert asked.status_code == 202
    assert client.post(f"/api/v1/runs/{asked.json()['id']}/stop/").json()["outcome"] == "stopped"
    assert client.post(f"/api/v1/runs/{asked.json()['id']}/stop/").status_code == 409


def test_running_all_probes_of_a_service_puts_no_load_on_it(people: People) -> None:
    probe = make_load_probe()
    Probe.objects.filter(pk=probe.pk).update(enabled=True)
    assert fleet.run_now(slugs=[probe.service.slug], actor=people.engineer, now=timezone.now())
    assert not Run.objects.exists()


def test_a_search_by_rate_begins_with_a_rate() -> None:
    with pytest.raises(CannotRun, match=r"a search of rate begins with a stage such as “50/s for 20s”"):
        start_load(make_load_probe(confirmed=True, search="rate"))
