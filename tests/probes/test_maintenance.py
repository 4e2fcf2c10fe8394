"""Maintenance windows: what runs in them, what reaches a KPI, who plans and ends them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry
from kpis.models import Measurement
from probes import heartbeat, maintenance, riding, running
from probes.claiming import claim
from probes.models import Maintenance, Probe, Run, RunState, Service
from tests.kpis.factories import make_kpi
from tests.probes.factories import NOW, make_probe, make_run, make_service

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def plan(people: Any) -> Any:
    def planned(*, now: Any = NOW, **fields: Any) -> Maintenance:
        usual = {"reason": "New disks", "starts_at": NOW - MINUTE, "ends_at": NOW + HOUR}
        return maintenance.plan(fields=usual | fields, actor=people.engineer, now=now)

    return planned


def test_in_a_window_nothing_runs_by_the_schedule_and_nothing_is_late(plan: Any) -> None:
    probe, other = make_probe(make_service(slug="a")), make_probe()
    window = plan(service=probe.service)
    assert {one.probe for one in claim(now=NOW)} == {other}
    probe.refresh_from_db()
    assert window.ends_at <= probe.next_run_at <= window.ends_at + MINUTE
    assert heartbeat.state(now=NOW).due == 0
    (again,) = (one for one in claim(now=probe.next_run_at) if one.probe == probe)
    assert again.run.queue_delay_ms == 0
    assert Run.objects.filter(probe=probe).count() == 1


def test_a_window_of_a_tag_is_about_every_service_that_has_it(plan: Any) -> None:
    tagged, similar = make_probe(make_service(tags=["eü", "x"])), make_probe(make_service(tags=["eü2"]))
    plan(tag="eü")
    assert {one.probe for one in claim(now=NOW)} == {similar}
    assert Probe.objects.get(pk=tagged.pk).next_run_at > NOW


def test_what_was_moved_out_of_a_window_begins_spread_out(plan: Any) -> None:
    service = make_service()
    for _ in range(30):
        make_probe(service, kind="memory")
    plan(service=service)
    assert claim(now=NOW) == []
    times = sorted(Probe.objects.values_list("next_run_at", flat=True))
    assert len(set(times)) == 30
    assert times[-1] - times[0] > MINUTE / 2


def test_a_run_that_somebody_asks_for_runs_marked_and_feeds_nothing(
    plan: Any, people: Any, service_url: str, dead_url: str, reachable: None
) -> None:
    up = make_kpi(metric="availability", unit="%", direction="higher")
    now = timezone.now()
    for url in (service_url, dead_url):
        probe = make_probe(make_service(url, tags=["x"]), feeds={"availability": up}, next_run_at=now)
        running.ask(probe=probe, actor=people.engineer, now=now)
    plan(tag="x", starts_at=now - HOUR, ends_at=now + HOUR, now=now)
    assert running.work() == 2
    for run in Run.objects.all():
        assert run.details["maintenance"] == "New disks"
        assert [row["metric"] for row in run.readings if row["metric"] == "availability"] == ["availability"]
        assert [row["why_not"] for row in run.recorded] == ["in a maintenance window: New disks"]
    assert Measurement.objects.count() == 0
    assert set(Probe.objects.values_list("failures", flat=True)) == {0}


def test_a_run_that_a_window_overtakes_feeds_nothing(plan: Any, service_url: str, reachable: None) -> None:
    make_probe(make_service(service_url, tags=["x"]), feeds={"latency": make_kpi(metric="latency")})
    with running.Stopwatches(running.policy()) as stopwatches:
        stopwatches.start(claim(now=timezone.now()))
        ended = stopwatches.ended(wait_s=5)
    plan(tag="x", starts_at=timezone.now(), ends_at=timezone.now() + HOUR, now=timezone.now())
    running.finish(ended, now=timezone.now())
    assert (Run.objects.get().outcome, Measurement.objects.count()) == ("ok", 0)


def test_no_load_is_put_on_a_service_in_its_window_unless_somebody_asks(plan: Any, people: Any) -> None:
    stages = {"stages": ["5 users for 3s"]}
    probe = make_probe(make_service(), "load", params=stages)
    window = plan(service=probe.service)
    assert riding.claim(now=NOW) is None
    probe.refresh_from_db()
    assert window.ends_at <= probe.next_run_at <= window.ends_at + MINUTE
    run = running.ask(probe=probe, actor=people.engineer, now=NOW)
    claimed = riding.claim(now=NOW)
    assert claimed is not None
    assert (claimed.run, claimed.run.details) == (run, {"maintenance": "New disks"})


@pytest.mark.parametrize(
    ("far", "rule"), [(500 * DAY, ""), (300 * DAY, "FREQ=MONTHLY;INTERVAL=24")], ids=["once", "every other year"]
)
def test_a_window_that_is_far_off_holds_when_it_comes(plan: Any, far: timedelta, rule: str) -> None:
    window = plan(service=make_service(), starts_at=NOW + far, ends_at=NOW + far + HOUR, rule=rule)
    assert (window.begins_at, window.next_at(NOW)) == (NOW + far, NOW + far)
    maintenance.look_ahead(now=NOW + far + 2 * HOUR)
    window.refresh_from_db()
    assert (window.begins_at is None) is (rule == "")


def test_a_window_comes_again_by_its_rule(plan: Any) -> None:
    window = plan(service=make_service(slug="a"), rule="FREQ=DAILY", zone="Europe/Berlin")
    assert (window.begins_at, window.until) == (NOW - MINUTE, NOW + HOUR)
    for days, holds in ((0, True), (0.5, False), (1, True), (1.5, False), (2, True)):
        at = NOW + days * DAY
        maintenance.look_ahead(now=at)
        assert bool(maintenance.holding(at)) is holds
    assert window.next_at(NOW) == NOW - MINUTE + DAY


def test_a_window_that_is_over_is_asked_no_more(plan: Any) -> None:
    window = plan(service=make_service())
    maintenance.look_ahead(now=NOW + DAY)
    window.refresh_from_db()
    assert (window.begins_at, window.until, maintenance.holding(NOW + DAY)) == (None, None, [])


def test_ending_it_early_brings_its_probes_back(plan: Any, people: Any) -> None:
    probe = make_probe(make_service(slug="a"), interval_s=60)
    rare = make_probe(probe.service, interval_s=86400, kind="memory", next_run_at=NOW + HOUR)
    window = plan(service=probe.service, ends_at=NOW + DAY)
    assert claim(now=NOW) == []
    maintenance.end(window=window, actor=people.engineer, now=NOW + MINUTE)
    maintenance.end(window=window, actor=people.engineer, now=NOW + HOUR)
    assert NOW + MINUTE <= Probe.objects.get(pk=probe.pk).next_run_at <= NOW + 2 * MINUTE
    assert Probe.objects.get(pk=rare.pk).next_run_at == NOW + HOUR
    assert maintenance.holding(NOW + MINUTE) == []
    actions = AuditEntry.objects.filter(action__startswith="maintenance").order_by("pk")
    assert list(actions.values_list("action", flat=True)) == ["maintenance.plan", "maintenance.end"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"reason": " "}, "reason"), ({"ends_at": NOW - HOUR}, "ends_at"), ({"ends_at": NOW + 40 * DAY}, "ends_at"),
        ({"rule": "FREQ=SECONDLY"}, "rule"), ({"zone": "Nowhere"}, "zone"), ({"tag": ""}, "service"),
        ({"starts_at": NOW - 2 * HOUR, "ends_at": NOW - HOUR}, "ends_at"),
        ({"starts_at": NOW.replace(year=9999), "rule": "FREQ=DAILY"}, "starts_at"),
    ],
)  # fmt: skip
def test_what_cannot_hold_is_refused_at_its_field(plan: Any, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(maintenance.BadWindow) as bad:
        plan(**{"tag": "x"} | fields)
    assert list(bad.value.errors) == [field]
    assert Maintenance.objects.count() == 0


def test_service_and_tag_together_are_refused(plan: Any) -> None:
    with pytest.raises(maintenance.BadWindow, match="not both"):
        plan(tag="x", service=make_service())


def test_the_pages_say_that_it_is_maintained(plan: Any, as_viewer: Client) -> None:
    service = make_service(slug="a", name="Orders")
    make_run(make_probe(service, next_run_at=timezone.now() + DAY), finished_at=NOW)
    now = timezone.now()
    plan(service=service, starts_at=now - HOUR, ends_at=now + HOUR, now=now)
    for address in ("/services/", "/services/?state=maintenance", "/services/a/"):
        page = as_viewer.get(address).content.decode()
        assert "Maintenance" in page
        assert "New disks" in page
    assert "/services/a/" not in as_viewer.get("/services/?state=failing").content.decode()


def test_a_window_is_planned_and_ended_on_its_page(as_engineer: Client, as_viewer: Client) -> None:
    service, now = make_service(slug="a", name="Orders"), timezone.now()
    form = {
        "reason": "New disks", "service": service.pk, "starts_at": (now - HOUR).strftime("%Y-%m-%dT%H:%M"),
        "ends_at": (now + HOUR).strftime("%Y-%m-%dT%H:%M"), "zone": "UTC",
    }  # fmt: skip
    assert as_viewer.post("/maintenance/", form).status_code == 403
    page = as_engineer.post("/maintenance/", form | {"ends_at": form["starts_at"]})
    assert (page.status_code, "It ends after it begins." in page.content.decode()) == (422, True)
    page = as_engineer.post("/maintenance/", form | {"ends_at": "9999-12-31T23:59", "zone": "America/New_York"})
    assert (page.status_code, "No calendar reaches that far." in page.content.decode()) == (422, True)
    page = as_engineer.post("/maintenance/", form, follow=True).content.decode()
    assert "New disks" in page
    window = Maintenance.objects.get()
    assert f"/maintenance/{window.pk}/end/" not in as_viewer.get("/maintenance/").content.decode()
    as_engineer.post(f"/maintenance/{window.pk}/end/")
    assert Maintenance.objects.get().ended_at is not None


@pytest.mark.parametrize("how_many", [1, 30])
def test_the_list_of_windows_takes_the_same_few_queries(
    plan: Any, as_viewer: Client, how_many: int, django_assert_num_queries: Any
) -> None:
    for _ in range(how_many):
        plan(service=make_service())
    as_viewer.get("/maintenance/")
    with django_assert_num_queries(5):
        as_viewer.get("/maintenance/")


def test_the_api_plans_lists_and_ends_what_a_token_may_see(people: Any, api: Any, make_token: Any) -> None:
    make_service(slug="a")
    make_service(slug="b")
    client, narrow = (api(make_token(people.engineer, ["read", "probes:write"], services=only)) for only in ([], ["b"]))
    now = timezone.now()
    body = {"reason": "New disks", "service": "a", "starts_at": now.isoformat(), "ends_at": (now + HOUR).isoformat()}
    made = client.post("/api/v1/maintenance/", body, format="json")
    assert (made.status_code, made.json()["service"], made.json()["tag"]) == (201, "a", "")
    assert made.json()["holds_until"] is not None
    wrong = client.post("/api/v1/maintenance/", body | {"service": "none"}, format="json")
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (422, "$.service")
    assert narrow.post("/api/v1/maintenance/", body, format="json").status_code == 422
    assert narrow.post("/api/v1/maintenance/", body | {"service": "", "tag": "x"}, format="json").status_code == 403
    assert narrow.get("/api/v1/maintenance/").json()["results"] == []
    assert narrow.post(f"/api/v1/maintenance/{made.json()['id']}/end/").status_code == 404
    assert client.post(f"/api/v1/maintenance/{made.json()['id']}/end/").json()["holds_until"] is None
    assert [one["id"] for one in client.get("/api/v1/maintenance/").json()["results"]] == [made.json()["id"]]


@pytest.mark.parametrize(("tags", "warned"), [([], True), (["db2"], True), (["db"], False)])
def test_a_tag_that_no_service_has_is_doubted(
    as_engineer: Client, people: Any, api: Any, make_token: Any, tags: list[str], warned: bool
) -> None:
    make_service(tags=tags)
    now = timezone.now()
    body = {"reason": "New disks", "tag": "db", "starts_at": now.isoformat(), "ends_at": (now + HOUR).isoformat()}
    client = api(make_token(people.engineer, ["read", "probes:write"]))
    warnings = client.post("/api/v1/maintenance/", body, format="json").json()["warnings"]
    assert [one["path"] for one in warnings] == ["$.tag"] * warned
    form = body | {name: f"{now + after:%Y-%m-%dT%H:%M}" for name, after in (("starts_at", MINUTE), ("ends_at", HOUR))}
    page = as_engineer.post("/maintenance/", form | {"zone": "UTC"}, follow=True).content.decode()
    assert ("No service has the tag “db” yet" in page) is warned


def test_the_admin_site_shows_windows(plan: Any, as_admin: Client) -> None:
    window = plan(service=make_service())
    for path in ("", f"{window.pk}/change/"):
        assert "New disks" in as_admin.get(f"/admin/probes/maintenance/{path}").content.decode()


def test_a_window_goes_with_its_service(plan: Any) -> None:
    plan(service=make_service())
    Service.objects.all().delete()
    assert Maintenance.objects.count() == 0


def test_a_retry_inside_a_window_is_marked(plan: Any) -> None:
    probe = make_probe(make_service(tags=["x"]))
    make_run(probe, state=RunState.QUEUED, outcome="", due_at=NOW, finished_at=None, details={"retry_of": 1})
    plan(tag="x")
    (one,) = claim(now=NOW)
    assert one.run.details == {"retry_of": 1, "maintenance": "New disks"}


@pytest.mark.parametrize(
    ("begins", "ends", "touched"),
    [(-20, -10, True), (-40, -20, True), (-10, 10, True), (-60, -40, False), (-60, -30, False), (10, 20, False)],
)
def test_a_long_run_is_touched_by_windows_that_are_over_again(plan: Any, begins: int, ends: int, touched: bool) -> None:
    window = plan(service=make_service(), starts_at=NOW + begins * MINUTE, ends_at=NOW + ends * MINUTE, now=NOW - HOUR)
    assert maintenance.touching(NOW - 30 * MINUTE, NOW) == ([window] if touched else [])


def test_a_window_that_was_ended_touches_nothing_after_that(plan: Any, people: Any) -> None:
    window = plan(service=make_service())
    maintenance.end(window=window, actor=people.engineer, now=NOW)
    assert maintenance.touching(NOW + MINUTE, NOW + 2 * MINUTE) == []
    assert maintenance.touching(NOW - 2 * MINUTE, NOW + MINUTE) == [window]


def test_a_window_inside_a_long_run_keeps_it_from_every_kpi(plan: Any, service_url: str, reachable: None) -> None:
    probe, now = make_probe(make_service(service_url), feeds={"latency": make_kpi(metric="latency")}), timezone.now()
    plan(service=probe.service, starts_at=now - 20 * MINUTE, ends_at=now - 10 * MINUTE, now=now - HOUR)
    with running.Stopwatches(running.policy()) as stopwatches:
        stopwatches.start(claim(now=now))
        ended = stopwatches.ended(wait_s=5)
    for claimed, _ in ended:
        claimed.run.started_at = now - 30 * MINUTE  # as if it had taken as long as a load run
    running.finish(ended, now=timezone.now())
    assert (Run.objects.get().details["maintenance"], Measurement.objects.count()) == ("New disks", 0)
