"""What is done to many services at once, by page and by API; which services a list shows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import AuditEntry
from probes import heartbeat, maintenance
from probes.fleet import TooMany, run_now
from probes.models import Probe, Run, RunState, Service
from probes.picking import Choice
from tests.probes.factories import NOW, make_probe, make_run, make_service

pytestmark = pytest.mark.django_db
URL = "/services/actions/"


@pytest.fixture
def three() -> list[Service]:
    found = [make_service(slug=slug) for slug in ("a", "b", "c")]
    for one in found:
        make_probe(one)
    return found


def act(client: Client, action: str, *slugs: str, **more: str) -> str:
    response = client.post(URL, {"action": action, "slug": slugs, **more}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_the_chosen_ones_are_paused_and_resumed(as_engineer: Client, three: list[Service]) -> None:
    make_run(three[0].probes.get(), state=RunState.QUEUED, outcome="", finished_at=None)
    assert "2 services paused." in act(as_engineer, "pause", "a", "b", why="moving")
    assert {one.slug for one in Service.objects.exclude(paused_at=None)} == {"a", "b"}
    assert (Run.objects.get().outcome, Run.objects.get().state) == ("stopped", RunState.DONE)
    assert [probe.service.slug for probe in heartbeat.due(NOW)] == ["c"]
    assert "moving" in as_engineer.get("/services/a/").content.decode()
    assert "1 service resumed." in act(as_engineer, "resume", "a", "c")
    assert {one.slug for one in Service.objects.exclude(paused_at=None)} == {"b"}
    actions = AuditEntry.objects.filter(action__in=["service.pause", "service.resume"]).order_by("pk")
    assert list(actions.values_list("action", "subject", "why")) == [
        ("service.pause", "a", "moving"), ("service.pause", "b", "moving"), ("service.resume", "a", ""),
    ]  # fmt: skip


def test_archiving_is_asked_again_and_can_be_taken_back(as_engineer: Client, three: list[Service]) -> None:
    assert "Archive 2 services?" in act(as_engineer, "archive", "a", "b")
    assert Service.objects.filter(archived_at=None).count() == 3
    assert "2 services archived." in act(as_engineer, "archive", "a", "b", sure="1")
    assert "/services/a/" not in as_engineer.get("/services/").content.decode()
    assert "/services/a/" in as_engineer.get("/services/?state=archived").content.decode()
    assert "is archived" in as_engineer.get("/services/a/").content.decode()
    act(as_engineer, "restore", "a")
    assert "/services/a/" in as_engineer.get("/services/").content.decode()


def test_runs_are_asked_for_once_each_and_what_is_paused_is_said(as_engineer: Client, three: list[Service]) -> None:
    act(as_engineer, "pause", "b")
    page = act(as_engineer, "run", "a", "b")
    assert "1 run asked for" in page
    assert "b is paused." in page
    act(as_engineer, "run", "a")
    assert Run.objects.filter(state=RunState.QUEUED).count() == 1


def test_more_runs_than_the_schedule_bears_are_refused() -> None:
    service = make_service(slug="a")
    Probe.objects.bulk_create([Probe(service=service, kind="memory", next_run_at=NOW) for _ in range(501)])
    with pytest.raises(TooMany, match="501"):
        run_now(slugs=["a"], actor=None, now=NOW)


def test_all_that_the_filter_shows(as_engineer: Client, three: list[Service]) -> None:
    act(as_engineer, "pause", all="1", filter="q=a")
    assert {one.slug for one in Service.objects.exclude(paused_at=None)} == {"a"}


@pytest.mark.parametrize(
    ("data", "why"), [({"action": "pause"}, "Choose at least one"), ({"action": "explode", "slug": "a"}, "no such action")]
)
def test_what_cannot_be_done_is_said(as_engineer: Client, data: dict[str, str], why: str) -> None:
    assert why in as_engineer.post(URL, data, follow=True).content.decode()


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example", "/services/a/"])
def test_the_way_back_stays_here(as_engineer: Client, three: list[Service], where: str) -> None:
    response = as_engineer.post(URL, {"action": "pause", "slug": "a", "next": where})
    assert response.headers["Location"] == (where if where == "/services/a/" else "/services/")


def test_who_only_reads_acts_on_nothing(as_viewer: Client, three: list[Service]) -> None:
    assert as_viewer.post(URL, {"action": "pause", "slug": "a"}).status_code == 403
    assert as_viewer.post("/services/a/confirm/").status_code == 403
    assert 'name="slug"' not in as_viewer.get("/services/").content.decode()


@pytest.mark.databases
@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({}, {"a", "b", "c"}), ({"q": "B"}, {"b"}), ({"q": "b.example"}, {"b"}), ({"q": "\ufffd"}, set()),
        ({"tag": "x"}, {"b"}), ({"tag": 'x"'}, set()), ({"state": "failing"}, {"a"}), ({"state": "measured"}, {"a"}),
        ({"state": "unmeasured"}, {"b", "c"}), ({"state": "paused"}, {"c"}), ({"state": "confirmed"}, {"b"}),
        ({"state": "archived"}, {"d"}), ({"state": "maintenance"}, {"b"}),
        ({"state": "nonsense"}, set()), ({"environment": "test"}, {"a", "b", "c"}),
    ],
)  # fmt: skip
def test_a_list_shows_what_its_address_says(people: Any, asked: dict[str, str], shown: set[str]) -> None:
    make_probe(make_service(slug="a"), failures=3)
    make_service("http://b.example", slug="b", tags=["x", "xy"], confirmed_at=NOW)
    make_service(slug="c", paused_at=NOW, tags=["xy"])
    make_service(slug="d", archived_at=NOW)
    now = timezone.now()
    window = {"tag": "x", "starts_at": now, "ends_at": now + timedelta(hours=1)}
    maintenance.plan(fields=window | {"reason": "r"}, actor=people.engineer, now=now)
    assert {one.slug for one in Choice.of(asked).apply(Service.objects.all())} == shown


def test_the_api_acts_too_and_only_on_what_a_token_may_see(people: Any, api: Any, make_token: Any, three: list[Service]) -> None:
    narrow: APIClient = api(make_token(people.engineer, ["read", "probes:write"], services=["a"]))
    refused = narrow.post("/api/v1/services/actions/", {"action": "pause", "services": ["a", "b"]}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "$.services[1]")
    done = narrow.post("/api/v1/services/actions/", {"action": "pause", "services": ["a"], "why": "w"}, format="json")
    assert done.json() == {"count": 1, "left": []}
    assert AuditEntry.objects.get(action="service.pause").token == "test"


def test_confirming_from_the_page_shows_token_and_refusal(
    as_engineer: Client, as_admin: Client, reachable: None, dead_url: str
) -> None:
    make_service(dead_url, slug="a")
    page = as_engineer.get("/services/a/").content.decode()
    assert "milepost-" in page
    assert "Approve as administrator" not in page
    assert "The token was not found" in as_engineer.post("/services/a/confirm/", follow=True).content.decode()
    assert "Refused: confirmation" in as_engineer.get("/services/a/").content.decode()
    denied = as_engineer.post("/services/a/confirm/", {"how": "approve", "why": "mine"}, follow=True)
    assert "Only an administrator" in denied.content.decode()
    assert Service.objects.get().confirmed_at is None
    as_admin.post("/services/a/confirm/", {"how": "approve", "why": "ours"})
    assert Service.objects.get().confirmed_how == "approved"
    as_admin.post("/services/a/confirm/", {"how": "withdraw"})
    assert Service.objects.get().confirmed_at is None


def test_confirming_by_api_says_where_the_token_must_stand(
    people: Any, api: Any, make_token: Any, reachable: None, dead_url: str
) -> None:
    make_service(dead_url, slug="a")
    client: APIClient = api(make_token(people.engineer, ["read", "probes:write"]))
    problem = client.post("/api/v1/services/a/confirm/")
    assert (problem.status_code, problem.json()["file"]) == (409, "/.well-known/milepost.txt")
    assert problem.json()["token"].startswith("milepost-")


@pytest.mark.parametrize("how_many", [1, 30])
def test_the_page_of_a_service_takes_the_same_few_queries(
    as_engineer: Client, how_many: int, django_assert_num_queries: Any
) -> None:
    service = make_service(slug="a")
    for _ in range(how_many):
        make_run(make_probe(service))
    as_engineer.get("/services/a/")
    with django_assert_num_queries(11):
        as_engineer.get("/services/a/")
