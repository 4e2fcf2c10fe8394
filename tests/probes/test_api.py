"""Services, probes and runs through the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from probes.models import Probe, Run, RunState, Service
from tests.kpis.factories import make_kpi, make_scorecard
from tests.probes.factories import NOW, make_probe, make_run, make_service

pytestmark = pytest.mark.django_db
URL = "/api/v1"
SERVICE = {"slug": "orders", "name": "Orders", "base_url": "http://orders.example", "environment": "staging", "tags": ["a"]}


@pytest.fixture
def engineer(people: Any, api: Callable[[str], APIClient], make_token: Callable[..., str]) -> APIClient:
    return api(make_token(people.engineer, ["read", "probes:write"]))


@pytest.fixture
def restricted(people: Any, api: Callable[[str], APIClient], make_token: Callable[..., str]) -> APIClient:
    """May read and change `orders` only, and feed the scorecard `mine` only."""
    return api(make_token(people.engineer, ["read", "probes:write"], services=["orders"], scorecards=["mine"]))


def post(client: APIClient, path: str, data: Any = None) -> Any:
    return client.post(f"{URL}{path}", data, format="json")


def errors(response: Any) -> list[str]:
    """The paths of a problem."""
    assert response.status_code == 422
    assert response.headers["Content-Type"] == "application/problem+json"
    return [error["path"] for error in response.json()["errors"]]


def test_a_service_is_registered_and_its_secrets_are_not_given(engineer: APIClient) -> None:
    dsn, redis = "postgres://app:s3cret@db.example/orders", "redis://:s3cret@cache.example"
    body = {**SERVICE, "headers": {"X-Key": "s3cret"}, "database_dsn": dsn, "redis_url": redis}
    response = post(engineer, "/services/", body)
    assert response.status_code == 201
    assert "s3cret" not in response.content.decode()
    stored = Service.objects.get()
    assert (stored.headers, stored.database_dsn, stored.redis_url) == ({"X-Key": "s3cret"}, dsn, redis)
    read = engineer.get(f"{URL}/services/orders/")
    assert (read.json()["slug"], read.json()["environment"], read.json()["metrics_url"]) == ("orders", "staging", "/metrics")
    assert {"headers", "database_dsn", "redis_url"}.isdisjoint(read.json())


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"base_url": "http://169.254.169.254"}, "$.base_url"),
        ({"base_url": "http://127.0.0.1:1"}, "$.base_url"),
        ({"slug": "a b"}, "$.slug"),
        ({"name": ""}, "$.name"),
        ({"headers": {"Host": "x"}}, "$.headers"),
        ({"database_dsn": "postgres://app@10.0.0.1/orders"}, "$.database_dsn"),
        ({"redis_url": "redis://127.0.0.1"}, "$.redis_url"),
        ({"owner": "nobody"}, "$.owner"),
    ],
)
def test_a_service_that_makes_no_sense_is_a_problem(engineer: APIClient, change: dict[str, Any], path: str) -> None:
    assert errors(post(engineer, "/services/", SERVICE | change)) == [path]
    assert Service.objects.count() == 0


def test_a_service_is_changed_but_its_slug_stays(engineer: APIClient) -> None:
    make_service("http://orders.example", slug="orders")
    assert engineer.patch(f"{URL}/services/orders/", {"name": "New"}, format="json").json()["version"] == 2
    assert errors(engineer.patch(f"{URL}/services/orders/", {"slug": "other"}, format="json")) == ["$.slug"]


def test_a_probe_is_given_with_its_feeds(engineer: APIClient) -> None:
    make_service(slug="orders")
    make_kpi("p95", scorecard=make_scorecard("mine"))
    order = {"kind": "http", "params": {"requests": 5}, "feeds": [{"metric": "latency", "kpi": "mine/p95"}]}
    response = post(engineer, "/services/orders/probes/", order)
    assert response.status_code == 201, response.content
    body = response.json()
    assert (body["kind"], body["interval_s"], body["enabled"], body["params"]["requests"]) == ("http", 30, True, 5)
    assert body["feeds"] == order["feeds"]
    assert engineer.get(f"{URL}/services/orders/probes/").json()["results"] == [body]
    changed = engineer.patch(f"{URL}/probes/{body['id']}/", {"interval_s": 90}, format="json").json()
    assert (changed["interval_s"], changed["feeds"]) == (90, order["feeds"])


@pytest.mark.parametrize(
    ("order", "path"),
    [
        ({"kind": "telepathy"}, "$.kind"),
        ({}, "$.kind"),
        ({"kind": "http", "interval_s": 1}, "$.interval_s"),
        ({"kind": "http", "params": {"requests": 0}}, "$.params.requests"),
        ({"kind": "http", "params": {"paths": ["x"]}}, "$.params.paths[0]"),
        ({"kind": "http", "feeds": [{"metric": "latency", "kpi": "no/such"}]}, "$.feeds[0].kpi"),
        ({"kind": "http", "feeds": [{"metric": "latency", "kpi": "mine/p95", "unit": "s"}]}, "$.feeds[0].unit"),
        ({"kind": "http", "feeds": [{"metric": "mood", "kpi": "mine/p95"}]}, "$.feeds"),
    ],
)
def test_a_probe_that_makes_no_sense_is_a_problem(engineer: APIClient, order: dict[str, Any], path: str) -> None:
    make_service(slug="orders")
    make_kpi("p95", scorecard=make_scorecard("mine"))
    assert errors(post(engineer, "/services/orders/probes/", order)) == [path]
    assert Probe.objects.count() == 0


def test_run_now_gives_the_address_of_the_run(engineer: APIClient) -> None:
    probe = make_probe()
    response = post(engineer, f"/probes/{probe.pk}/run/")
    run = Run.objects.get()
    assert (response.status_code, response.headers["Location"]) == (202, f"{URL}/runs/{run.pk}/")
    body = engineer.get(response.headers["Location"]).json()
    assert (body["state"], body["outcome"], body["readings"], body["probe"]) == ("queued", "", [], probe.pk)


def test_run_now_of_a_paused_service_is_a_conflict(engineer: APIClient) -> None:
    probe = make_probe(make_service(paused_at=NOW))
    assert post(engineer, f"/probes/{probe.pk}/run/").status_code == 409


def test_runs_come_newest_first_by_page(engineer: APIClient) -> None:
    probe = make_probe(make_service(slug="orders"))
    made = [make_run(probe).pk for _ in range(3)]
    make_run(make_probe())
    page = engineer.get(f"{URL}/runs/", {"service": "orders", "limit": 2}).json()
    assert [row["id"] for row in page["results"]] == [made[2], made[1]]
    assert [row["id"] for row in engineer.get(page["next"]).json()["results"]] == [made[0]]


@pytest.mark.parametrize("path", ["/services/users/", "/services/users/probes/", "/probes/{pk}/", "/runs/{run}/"])
def test_what_a_token_may_not_see_is_not_there(restricted: APIClient, path: str) -> None:
    run = make_run(make_probe(make_service(slug="users")))
    assert restricted.get(f"{URL}{path.format(pk=run.probe_id, run=run.pk)}").status_code == 404
    assert restricted.get(f"{URL}/runs/").json()["results"] == []
    assert restricted.get(f"{URL}/services/").json()["results"] == []
    assert post(restricted, f"/probes/{run.probe_id}/run/").status_code == 404
    assert Run.objects.filter(state=RunState.QUEUED).count() == 0


def test_a_restricted_token_registers_nothing_else_and_feeds_nothing_else(restricted: APIClient) -> None:
    make_service(slug="orders")
    make_kpi("p95", scorecard=make_scorecard("mine"))
    make_kpi("p95", scorecard=make_scorecard("theirs"))
    assert post(restricted, "/services/", SERVICE | {"slug": "more"}).status_code == 403
    order = {"kind": "http", "feeds": [{"metric": "latency", "kpi": "theirs/p95"}]}
    assert errors(post(restricted, "/services/orders/probes/", order)) == ["$.feeds[0].kpi"]
    order["feeds"] = [{"metric": "latency", "kpi": "mine/p95"}]
    assert post(restricted, "/services/orders/probes/", order).status_code == 201


@pytest.mark.parametrize(
    ("method", "path"),
    [("post", "/services/"), ("patch", "/services/orders/"), ("post", "/services/orders/probes/"), ("patch", "/probes/{pk}/"),
     ("post", "/probes/{pk}/run/")],
)  # fmt: skip
def test_changing_needs_its_scope(
    people: Any, api: Callable[[str], APIClient], make_token: Callable[..., str], method: str, path: str
) -> None:
    probe = make_probe(make_service(slug="orders"))
    reader = api(make_token(people.engineer, ["read"]))
    response = getattr(reader, method)(f"{URL}{path.format(pk=probe.pk)}", {}, format="json")
    assert response.status_code == 403
    assert "probes:write" in response.content.decode()
    assert getattr(APIClient(), method)(f"{URL}{path.format(pk=probe.pk)}").status_code == 401


@pytest.mark.parametrize(
    ("method", "where", "fields"),
    [
        ("post", "/api/v1/services/", {"slug": "b", "name": "B", "base_url": "http://b.example"}),
        ("patch", "/api/v1/services/a/", {}),
        ("post", "/api/v1/services/a/probes/", {"kind": "memory"}),
        ("patch", "/api/v1/probes/{probe}/", {}),
    ],
)
def test_a_field_that_is_not_there_is_refused(
    people: Any, api: Any, make_token: Any, method: str, where: str, fields: dict[str, Any]
) -> None:
    one = make_probe(make_service(slug="a"))
    client = api(make_token(people.engineer, ["read", "probes:write"]))
    answer = getattr(client, method)(where.format(probe=one.pk), fields | {"surprise": 1}, format="json")
    assert (answer.status_code, [row["path"] for row in answer.json()["errors"]]) == (422, ["$.surprise"])


@pytest.mark.parametrize("what", ["service", "probe"])
def test_a_change_made_from_an_older_version_is_answered_with_what_stands(engineer: APIClient, what: str) -> None:
    probe = make_probe(make_service("http://orders.example", slug="orders"))
    url = "/api/v1/services/orders/" if what == "service" else f"/api/v1/probes/{probe.pk}/"
    field, first, second = ("environment", "a", "b") if what == "service" else ("interval_s", 90, 120)
    tag = engineer.get(url)["ETag"]

    def change(value: object, tag: str) -> Any:
        return engineer.patch(url, {field: value}, format="json", headers={"If-Match": tag})

    done, late = change(first, tag), change(second, tag)
    assert (done.status_code, done["ETag"] != tag, late.status_code) == (200, True, 412)
    assert (late.json()["current"][field], late["ETag"]) == (first, done["ETag"])
    assert change(second, done["ETag"]).status_code == 200
