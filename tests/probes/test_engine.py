"""Signs of life, what beat calls, what the admin site does, and what can be misconfigured."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from probes import heartbeat, maintenance, tasks
from probes.checks import check_allow_list
from probes.models import Heartbeat, Maintenance, Probe, Run, RunState
from tests.probes.factories import NOW, make_probe, make_run, make_service

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@pytest.mark.django_db
def test_a_tick_measures_what_is_due_and_shows_a_sign_of_life(service_url: str, reachable: None) -> None:
    make_probe(make_service(service_url))
    tasks.tick()
    assert Run.objects.get().outcome == "ok"
    assert heartbeat.state(now=timezone.now()).worker_ok


@pytest.mark.django_db
def test_windows_that_are_over_are_found_their_next_time(people: Any) -> None:
    now = timezone.now().replace(microsecond=0)
    window = {"reason": "r", "tag": "x", "starts_at": now - 2 * DAY, "ends_at": now - 2 * DAY + 60 * SECOND, "rule": "FREQ=DAILY"}
    maintenance.plan(fields=window, actor=people.engineer, now=now - 2 * DAY)
    tasks.look_ahead()
    assert Maintenance.objects.get().begins_at == now


@pytest.mark.django_db
def test_pruning_forgets_old_runs() -> None:
    make_run(make_probe(), due_at=NOW - timedelta(days=3650))
    tasks.prune()
    assert Run.objects.count() == 0


@pytest.mark.django_db
def test_a_heart_beats_at_most_every_few_seconds() -> None:
    for at, expected in ((NOW, NOW), (NOW + 4 * SECOND, NOW), (NOW + 5 * SECOND, NOW + 5 * SECOND), (NOW, NOW)):
        heartbeat.beat("worker", now=at)
        assert Heartbeat.objects.get().at == expected


@pytest.mark.django_db
def test_an_engine_that_never_ran_is_not_ready() -> None:
    state = heartbeat.state(now=NOW)
    assert (state.ok, state.worker_text, state.schedule_text) == (False, "never seen", "nothing is late")


@pytest.mark.django_db
@pytest.mark.parametrize(("age_s", "late_s", "ok"), [(0, 0, True), (30, 30, True), (31, 0, False), (0, 31, False)])
def test_the_engine_is_ready_while_it_lives_and_keeps_the_schedule(age_s: int, late_s: int, ok: bool) -> None:
    for role in ("worker", "scheduler"):
        heartbeat.beat(role, now=NOW - age_s * SECOND)
    make_probe(next_run_at=NOW - late_s * SECOND)
    make_probe(next_run_at=NOW - 99 * SECOND, enabled=False)
    state = heartbeat.state(now=NOW)
    assert (state.ok, state.due, state.lag_s) == (ok, 1, late_s)


@pytest.mark.django_db
def test_a_schedule_that_is_not_kept_names_what_waits_longest() -> None:
    make_probe(make_service(name="Orders"), next_run_at=NOW - 31 * SECOND)
    make_probe(next_run_at=NOW)
    assert heartbeat.state(now=NOW).schedule_text == "2 due, the oldest for 31 s (HTTP requests of Orders)"


@pytest.mark.django_db
def test_how_late_runs_begin_is_told_of_the_last_minutes() -> None:
    probe = make_probe(next_run_at=NOW + SECOND)
    for number in range(20):
        make_run(probe, queue_delay_ms=100 * number)
    make_run(probe, queue_delay_ms=99_000, due_at=NOW - 600 * SECOND)
    make_run(make_probe(kind="load", enabled=False), queue_delay_ms=99_000)
    state = heartbeat.state(now=NOW)
    assert (state.delay_ms, state.delay_text) == (1800, "95 of 100 runs begin within 1.8 s of their time")
    assert heartbeat.state(now=NOW + 600 * SECOND).delay_text == ""


@pytest.mark.parametrize(
    ("entries", "ids"),
    [([], []), (["127.0.0.1:8090", "10.0.0.0/8", "orders"], []), (["a:b", "10.0.0.0/99"], ["probes.E001"] * 2)],
)
def test_an_allow_list_that_makes_no_sense_is_found(settings: Any, entries: list[str], ids: list[str]) -> None:
    settings.PROBE_ALLOW = entries
    assert [message.id for message in check_allow_list(None)] == ids


@pytest.mark.parametrize("name", ["service", "probe", "run", "heartbeat"])
def test_the_admin_site_lists_and_hides_secrets(as_admin: Client, name: str) -> None:
    run = make_run(make_probe(make_service(headers={"X-Key": "s3cret"})))
    Heartbeat.objects.create(role="worker", at=NOW)
    pk = {"service": run.probe.service_id, "probe": run.probe_id, "run": run.pk, "heartbeat": "worker"}[name]
    for path in ("", f"{pk}/change/"):
        response = as_admin.get(f"/admin/probes/{name}/{path}")
        assert response.status_code == 200
        assert "s3cret" not in response.content.decode()


def test_the_admin_site_runs_probes_and_pauses_services(as_admin: Client) -> None:
    probe, disabled = make_probe(), make_probe(enabled=False)
    as_admin.post("/admin/probes/probe/", {"action": "run_now", "_selected_action": [probe.pk, disabled.pk]})
    assert list(Run.objects.values_list("probe", "state")) == [(probe.pk, RunState.QUEUED)]
    as_admin.post("/admin/probes/service/", {"action": "pause", "_selected_action": [probe.service_id]})
    assert Probe.objects.filter(service__paused_at=None).get() == disabled
    as_admin.post("/admin/probes/service/", {"action": "resume", "_selected_action": [probe.service_id]})
    assert Probe.objects.filter(service__paused_at=None).count() == 2
