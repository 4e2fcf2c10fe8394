"""Health is judged from fresh runs only, and pages ask the same few questions for one service and for thirty."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from probes import maintenance, reports
from probes.models import RunState, Service
from tests.kpis.factories import make_kpi, make_target, record_values
from tests.probes.factories import NOW, make_probe, make_run, make_service

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
ERRORS = {"metric": "error_rate", "unit": "ratio", "count": 20}


def errors(share: float) -> dict[str, Any]:
    return {"readings": [{**ERRORS, "value": share}]}


@pytest.mark.parametrize(
    ("run", "health"),
    [
        (errors(0.0), "healthy"),
        (errors(0.01), "impaired"),
        (errors(0.05), "failing"),
        (errors(1.0), "failing"),
        ({"outcome": "failed", "error": "connection refused"}, "failing"),
        ({"outcome": "timed_out"}, "failing"),
        ({"outcome": "refused"}, "failing"),
        ({"outcome": "invalid", "reason": "restarted"}, "unknown"),
        ({"details": {"not_served": "2 of 6 requests were answered 404: check the path"}}, "impaired"),
        ({"outcome": "abandoned"}, "unknown"),
        ({"outcome": "generator_limited"}, "unknown"),
        ({"finished_at": NOW - 181 * SECOND}, "silent"),
        ({"finished_at": NOW - 179 * SECOND}, "healthy"),
        ({"state": RunState.RUNNING, "outcome": "", "finished_at": None}, "unknown"),
    ],
)
def test_health_of_one_probe(run: dict[str, Any], health: str) -> None:
    probe = make_probe(interval_s=60)
    make_run(probe, **run)
    (row,) = reports.services([probe.service], now=NOW)
    assert row.health == health
    assert (row.look == "met") is (health == "healthy")


def test_a_probe_that_is_turned_away_leaves_no_service_healthy() -> None:
    probe = make_probe()
    make_run(make_probe(probe.service))
    make_run(probe, outcome="invalid", reason="most requests were not served", error="20 of 20 requests were answered 401")
    report = reports.service(probe.service, now=NOW)
    assert (report.row.health, report.lede) == ("impaired", "20 of 20 requests were answered 401")


def test_the_newest_run_counts() -> None:
    probe = make_probe()
    make_run(probe, outcome="failed", due_at=NOW)
    make_run(probe, due_at=NOW - SECOND)
    assert reports.services([probe.service], now=NOW)[0].health == "failing"


def test_a_failure_outweighs_a_success_and_silence_outweighs_it_too() -> None:
    service = make_service()
    quick, slow = make_probe(service), make_probe(service)
    make_run(quick)
    assert reports.services([service], now=NOW)[0].health == "healthy"
    old = make_run(slow, finished_at=NOW - timedelta(hours=1))
    assert reports.services([service], now=NOW)[0].health == "silent"
    old.finished_at, old.outcome = NOW, "failed"
    old.save()
    assert reports.services([service], now=NOW)[0].health == "failing"


@pytest.mark.parametrize(
    ("outcome", "due_in_s", "health", "why"),
    [
        ("failed", 600, "failing", "answered 404; asked again at 12:10:00 UTC"),
        ("failed", 15 * 3600, "failing", "answered 404; asked again at 3 Mar 03:00:00 UTC"),
        ("timed_out", 600, "failing", "answered 404; asked again at 12:10:00 UTC"),
        ("failed", -10, "failing", "answered 404"),
        ("failed", -61, "silent", "No run has ended lately: Memory and CPU."),
        ("ok", 600, "silent", "No run has ended lately: Memory and CPU."),
    ],
)
def test_what_failed_and_is_asked_less_often_fails_until_it_is_overdue(
    outcome: str, due_in_s: int, health: str, why: str
) -> None:
    service = make_service()
    make_run(make_probe(service, next_run_at=NOW + 30 * SECOND))
    probe = make_probe(service, "memory", failures=8, next_run_at=NOW + due_in_s * SECOND)
    make_run(probe, outcome=outcome, error="answered 404", finished_at=NOW - 240 * SECOND)
    (row,) = reports.services([service], now=NOW)
    assert (row.health, row.why) == (health, why)


@pytest.mark.parametrize(("fields", "word"), [({}, "Not measured"), ({"paused_at": NOW}, "Paused")])
def test_a_service_without_probes_is_never_healthy(fields: dict[str, Any], word: str) -> None:
    (row,) = reports.services([make_service(**fields)], now=NOW)
    assert (row.word, row.look) == (word, "nodata")


def test_a_disabled_probe_tells_nothing() -> None:
    probe = make_probe(enabled=False)
    make_run(probe)
    assert reports.services([probe.service], now=NOW)[0].word == "No data yet"


def test_the_headline_counts_every_service_once() -> None:
    rows = []
    for share in (0.0, 0.0, 0.01, 1.0):
        probe = make_probe()
        make_run(probe, **errors(share))
        rows.append(probe.service)
    rows.append(make_service())
    found = reports.services(rows, now=NOW)
    assert reports.headline(found) == "2 of 5 services healthy, 1 fails, 1 is impaired, 1 without fresh data."
    assert reports.headline([]) == "No service is registered yet."


@pytest.mark.parametrize("how_many", [1, 30])
def test_services_take_three_queries(how_many: int, django_assert_num_queries: Any) -> None:
    services = [make_service() for _ in range(how_many)]
    for service in services:
        make_run(make_probe(service))
    with django_assert_num_queries(3):
        assert len(reports.services(services, now=NOW)) == how_many


def test_a_run_tells_what_was_asked_and_what_happened() -> None:
    details = {
        "asked": ["GET /", "GET /x"],
        "statuses": {"200": 2},
        "connect_ms": 0.25,
        "complete": True,
        "p95_ms": 3,
        "errors": {},
    }
    run = make_run(make_probe(), details=details, **errors(0.5))
    report = reports.run(run)
    assert report.facts == [("asked", "GET /, GET /x"), ("statuses", "200: 2"), ("connect", "0.25 ms"), ("complete", "yes")]
    assert report.figures == [("error rate", "50 %", 20, "")]
    assert report.distribution is None


@pytest.mark.parametrize(
    ("run", "recorded"),
    [
        ({"recorded": [{"metric": "latency", "kpi": "a/b", "value": 1}]}, "1 reading"),
        ({"recorded": [{"metric": "latency", "kpi": "a/b", "why_not": "no window yet"}]}, "none: no window yet"),
        ({"outcome": "failed", "error": "connection refused"}, "none: connection refused"),
        ({}, "none: feeds no KPI"),
        ({"state": RunState.QUEUED, "outcome": ""}, "after it ends"),
    ],
)
def test_what_a_run_recorded(run: dict[str, Any], recorded: str) -> None:
    assert reports.run_row(make_run(make_probe(), **run)).recorded == recorded


def test_a_list_of_several_pages_is_counted_over_all_of_them(people: Any) -> None:
    make_probe(make_service(), failures=3)
    make_service(paused_at=NOW, tags=["x"])
    make_service(tags=["x"])
    window = {"reason": "r", "tag": "x", "starts_at": NOW, "ends_at": NOW + timedelta(hours=1)}
    maintenance.plan(fields=window, actor=people.engineer, now=NOW)
    said = reports.many(Service.objects.all(), 3, NOW)
    assert said == "3 services, 1 with a failing probe, 1 in maintenance, 1 paused."


@pytest.mark.parametrize(
    ("subject", "value", "headline", "lede"),
    [
        ("demo", 400, "Demo answers well.", ""),
        ("demo", 1122, "Demo answers, but not as was agreed.", "Response time is breached."),
        ("demo", 600, "Demo answers, but not as was agreed.", "Response time is behind."),
        ("other", 1122, "Demo answers well.", ""),
    ],
)
def test_a_service_that_misses_a_kpi_is_not_praised(subject: str, value: float, headline: str, lede: str) -> None:
    kpi = make_kpi(name="Response time")
    make_target(kpi, "<", 500, alert_threshold=1000)
    record_values(kpi, [value], subject=subject)
    make_run(make_probe(make_service(slug="demo", name="Demo"), feeds={"latency": kpi}))
    report = reports.service(Service.objects.get(), now=NOW)
    assert (report.row.health, report.headline, report.lede) == ("healthy", headline, lede)


def test_figures_say_how_many_samples_stand_behind_them() -> None:
    probe = make_probe()
    latency = {"metric": "latency", "value": 40.0, "unit": "ms", "count": 12}
    make_run(probe, details={"requests": 20, "p95_ms": 50.0}, readings=[latency, {**ERRORS, "value": 0.0}])
    assert reports.services([probe.service], now=NOW)[0].figures == [("p95", "50 ms", 12), ("errors", "0 %", 20)]
