"""Registering services and standing orders: what is refused, what is kept, and that secrets stay secret."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts.models import AuditEntry
from probes import confirming, fleet
from probes.models import Feed, Probe, Run, RunState, Service
from probes.registering import LOADED_LATELY, Wrong, check_headers, save_probe, save_service
from tests.kpis.factories import make_kpi
from tests.probes.factories import NOW, make_load_probe, make_probe, make_run, make_service

pytestmark = pytest.mark.django_db


def unsaved(**fields: Any) -> Service:
    return Service(**{"slug": "orders", "name": "Orders", "base_url": "http://orders.example", **fields})


@pytest.mark.parametrize(
    ("fields", "field", "why"),
    [
        ({"base_url": "ftp://orders.example"}, "base_url", "only http"),
        ({"base_url": "http://h/a\r\nX: y"}, "base_url", "line breaks"),
        ({"metrics_url": "javascript:alert(1)"}, "metrics_url", "write a path"),
        ({"metrics_url": "//169.254.169.254/x"}, "metrics_url", "write a path"),
        ({"metrics_url": "/a\r\nX: y"}, "metrics_url", "line breaks"),
        ({"health_path": "javascript:alert(1)"}, "health_path", "write a path"),
        ({"health_path": "http://other.example/health"}, "health_path", "write a path such as /health"),
        ({"tags": ["a"] * 51}, "tags", "At most 50"),
        ({"tags": ["a" * 61]}, "tags", "At most 50"),
        ({"base_url": "http://127.0.0.1:1"}, "base_url", "PROBE_ALLOW"),
        ({"base_url": "http://169.254.169.254"}, "base_url", "never reached"),
        ({"base_url": "http://2130706433"}, "base_url", "disguised"),
        ({"base_url": "http://orders.example/?a=1"}, "base_url", "no query"),
        ({"metrics_url": "http://10.0.0.1/metrics"}, "metrics_url", "PROBE_ALLOW"),
        ({"slug": "new"}, "slug", "an address of its own"),
        ({"headers": {"Host": "a"}}, "headers", "itself"),
        ({"headers": {"A": "b\r\nC: d"}}, "headers", "cannot|can be"),
        ({"database_dsn": "postgres://app:s3cret@169.254.169.254/orders"}, "database_dsn", "never reached"),
        ({"database_dsn": "postgres://app:s3cret@/orders"}, "database_dsn", "one host"),
        ({"redis_url": "redis://:s3cret@10.0.0.1"}, "redis_url", "not a public address"),
        ({"redis_url": "http://cache.example"}, "redis_url", "redis://"),
    ],
)
def test_what_cannot_be_measured_is_refused(fields: dict[str, Any], field: str, why: str) -> None:
    with pytest.raises(Wrong, match=why) as refused:
        save_service(service=unsaved(**fields), actor=None)
    assert list(refused.value.errors) == [field]
    assert Service.objects.count() == 0


@pytest.mark.parametrize("place", ["/metrics", "metrics", "metrics?match[]=a:b", "/federate?match[]={job=~'a:b'}", "/a:b"])
def test_metrics_are_at_any_path_below_the_base_address(place: str) -> None:
    assert save_service(service=unsaved(metrics_url=place), actor=None).metrics_url == place


def test_registering_and_changing_is_written_into_the_trail_without_secrets(people: Any) -> None:
    service = save_service(service=unsaved(headers={"Authorization": "Bearer s3cret"}), actor=people.engineer)
    service.name = "Orders 2"
    save_service(service=service, actor=people.engineer)
    assert service.version == 2
    entries = list(AuditEntry.objects.filter(action__startswith="service.").order_by("pk"))
    assert [(entry.action, entry.actor) for entry in entries] == [
        ("service.register", people.engineer), ("service.change", people.engineer),
    ]  # fmt: skip
    assert "s3cret" not in str([vars(entry) for entry in entries])


@pytest.mark.parametrize(
    ("column", "secret"),
    [
        ("headers", {"Authorization": "Bearer s3cret"}),
        ("database_dsn", "postgres://app:s3cret@db.example/orders"),
        ("redis_url", "redis://:s3cret@cache.example"),
    ],
)
def test_secrets_are_ciphertext_in_the_database(column: str, secret: Any) -> None:
    service = make_service(**{column: secret})
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM probes_service WHERE id = %s", [service.pk])
        (stored,) = cursor.fetchone()
    assert "s3cret" not in stored
    assert getattr(Service.objects.get(), column) == secret


def test_a_service_without_addresses_of_its_own_parts_has_empty_ones() -> None:
    make_service()
    found = Service.objects.get()
    assert (found.database_dsn, found.redis_url) == ("", "")


def test_keys_rotate_and_a_lost_key_is_said(settings: Any) -> None:
    settings.FIELD_KEYS = ["old"]
    make_service(headers={"A": "b"})
    settings.FIELD_KEYS = ["new", "old"]
    assert Service.objects.get().headers == {"A": "b"}
    settings.FIELD_KEYS = ["new"]
    with pytest.raises(ValueError, match="FIELD_KEYS"):
        Service.objects.get()


@pytest.mark.databases
def test_secrets_are_written_anew_with_the_first_key_and_what_no_key_reads_is_named(settings: Any) -> None:
    settings.FIELD_KEYS = ["lost"]
    lost = make_service(headers={"A": "lost"})
    settings.FIELD_KEYS = ["old"]
    kept = make_service(headers={"A": "b"})
    make_service()
    settings.FIELD_KEYS = ["new", "old"]
    out = io.StringIO()
    with pytest.raises(CommandError, match=f"probes_service.headers of {lost.pk}"):
        call_command("rotate_secrets", stdout=out)
    assert out.getvalue() == "1 secret written anew.\n"
    settings.FIELD_KEYS = ["new"]
    assert Service.objects.get(pk=kept.pk).headers == {"A": "b"}
    settings.FIELD_KEYS = ["lost"]
    assert Service.objects.get(pk=lost.pk).headers == {"A": "lost"}


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Connection"])
def test_headers_of_the_connection_are_ours(name: str) -> None:
    with pytest.raises(Wrong, match="itself"):
        check_headers({name: "x"})


def order(**fields: Any) -> Probe:
    return Probe(**{"service": make_service(), "kind": "http", "interval_s": 60, "params": {}, **fields})


def test_a_new_probe_is_due_at_once_with_the_kind_s_defaults() -> None:
    kpi = make_kpi()
    probe = save_probe(probe=order(), feeds=[("latency", kpi), ("latency", kpi)], actor=None, now=NOW)
    assert (probe.next_run_at, probe.params["requests"], probe.params["paths"]) == (NOW, 20, ["/"])
    assert [(feed.metric, feed.kpi) for feed in Feed.objects.all()] == [("latency", kpi)]


@pytest.mark.parametrize(
    ("fields", "field", "why"),
    [
        ({"kind": "telepathy"}, "kind", "There is no kind"),
        ({"interval_s": 1}, "interval_s", "At least 5"),
        ({"params": {"requests": 0}}, "params.requests", "at least 1"),
        ({"params": {"requests": 501}}, "params.requests", "at most 500"),
        ({"params": {"users": 6}}, "params.users", "at most 5"),
        ({"params": {"paths": ["no-slash"]}}, "params.paths[0]", "begins with /, without spaces"),
        ({"params": {"paths": []}}, "params.paths", "at least 1 entry"),
        ({"params": {"surplus": 1}}, "params", "surplus"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(fields: dict[str, Any], field: str, why: str) -> None:
    with pytest.raises(Wrong, match=why) as refused:
        save_probe(probe=order(**fields), feeds=[], actor=None, now=NOW)
    assert list(refused.value.errors) == [field]
    assert Probe.objects.count() == 0


@pytest.mark.parametrize(("metric", "unit", "why"), [("latency", "MB", "cannot feed"), ("mood", "ms", "not mood")])
def test_a_metric_feeds_only_what_it_can(metric: str, unit: str, why: str) -> None:
    with pytest.raises(Wrong, match=why):
        save_probe(probe=order(), feeds=[(metric, make_kpi(unit=unit))], actor=None, now=NOW)


def test_disabling_ends_what_was_waiting_and_keeps_the_schedule() -> None:
    probe = make_probe()
    make_run(probe, state=RunState.QUEUED, outcome="", started_at=None, finished_at=None)
    probe.enabled = False
    save_probe(probe=probe, feeds=[], actor=None, now=NOW)
    run = Run.objects.get()
    assert (run.state, run.outcome, run.finished_at, Probe.objects.get().next_run_at) == (RunState.DONE, "stopped", NOW, NOW)


def test_secret_headers_do_not_follow_to_another_host() -> None:
    service = save_service(service=unsaved(headers={"Authorization": "Bearer x"}), actor=None)
    service.base_url = "http://orders.example/v2"
    assert save_service(service=service, actor=None).headers == {"Authorization": "Bearer x"}
    service.base_url = "http://elsewhere.example"
    assert save_service(service=service, actor=None).headers == {}


@pytest.mark.parametrize("act", ["pause", "withdraw"])
def test_an_edit_leaves_alone_what_others_said_of_the_service_meanwhile(people: Any, act: str) -> None:
    make_service("http://93.184.216.34:8000", slug="orders", confirmed_at=NOW, confirmed_how="file")
    edited = Service.objects.get()
    if act == "pause":
        fleet.pause(slugs=["orders"], actor=people.engineer, now=NOW, why="moving")
    else:
        confirming.withdraw(service=Service.objects.get(), actor=people.administrator)
    edited.name = "Orders, renamed"
    save_service(service=edited, actor=people.engineer)
    found = Service.objects.get()
    assert found.name == "Orders, renamed"
    assert (found.paused_at == NOW) if act == "pause" else (found.confirmed_at is None)


def test_a_service_stays_at_its_address_while_its_load_counts_there(people: Any) -> None:
    probe = make_load_probe("http://93.184.216.34:8000")
    service = probe.service
    make_run(probe, started_at=timezone.now(), finished_at=timezone.now())
    service.base_url = "http://93.184.216.35:8000"
    with pytest.raises(Wrong) as wrong:
        save_service(service=service, actor=people.engineer)
    assert wrong.value.errors == {"base_url": LOADED_LATELY}
    service.base_url = "http://93.184.216.34:8000/v2"
    assert save_service(service=service, actor=people.engineer).base_url.endswith("/v2")
