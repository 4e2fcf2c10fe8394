"""The guided registration: each step checks what the last one posted, secrets are never shown, the last one saves."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry
from outgoing.secrets import unseal
from probes.models import Feed, Probe, Service
from tests.kpis.factories import make_kpi, make_scorecard
from tests.probes.factories import make_service

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("reachable")]
URL = "/services/new/"


def text(response: Any, status: int = 200) -> str:
    assert response.status_code == status, response.content.decode()
    return response.content.decode()


def posted(page: str) -> dict[str, Any]:
    """What a browser without scripts would send back of the page's form."""
    found: dict[str, Any] = {}
    for tag in re.findall(r"<input [^>]+>", page):
        attrs = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if attrs.get("type") in ("checkbox",) and " checked" not in tag:
            continue
        if "name" in attrs and attrs.get("type") not in ("file", "submit"):
            found.setdefault(attrs["name"], []).append(unescape(attrs.get("value", "")))
    for name, body in re.findall(r'<textarea name="([^"]+)"[^>]*>\n?(.*?)</textarea>', page, re.S):
        found[name] = unescape(body)
    for select in re.findall(r"<select .*?</select>", page, re.S):
        name = re.search(r'name="([^"]+)"', select)
        assert name
        found[name.group(1)] = re.findall(r'<option value="([^"]*)" selected', select)
    return found


def walk(client: Client, address: dict[str, Any], describe: dict[str, Any] | None = None) -> tuple[str, str]:
    """Steps 2 and 3 as pages, after the first ones were filled in."""
    second = text(client.post(URL, {**address, "go": "look"}))
    return second, text(client.post(URL, {**posted(second), **(describe or {}), "go": "describe"}))


def test_a_service_is_found_described_fed_and_saved_at_the_end(as_engineer: Client, service_url: str) -> None:
    scorecard = make_scorecard()
    latency, memory = (make_kpi(key, scorecard=scorecard, metric=key, unit=unit) for key, unit in
                       (("latency", "ms"), ("resident_memory", "MB")))  # fmt: skip
    second, third = walk(as_engineer, {"base_url": service_url, "headers": "X-Key: s3cret"}, {"name": "Orders", "slug": "orders"})
    assert "It answers" in second
    assert "Process only" in second
    assert "/seen" in second
    assert Service.objects.count() == 0
    assert "s3cret" not in second + third
    response = as_engineer.post(URL, {**posted(third), "go": "save"})
    assert (response.status_code, response.headers["Location"]) == (302, "/services/orders/")
    service = Service.objects.get()
    assert (service.name, service.base_url, service.metrics_url, service.headers) == (
        "Orders", service_url, "/metrics", {"X-Key": "s3cret"},
    )  # fmt: skip
    assert list(Probe.objects.values_list("kind", flat=True).order_by("pk")) == ["http", "memory"]
    assert {(feed.metric, feed.kpi) for feed in Feed.objects.all()} == {("latency", latency), ("resident_memory", memory)}
    assert "/seen" in Probe.objects.get(kind="http").params["paths"]


@pytest.mark.parametrize(
    ("field", "address", "why"),
    [
        ("base_url", "http://169.254.169.254", "never reached"),
        ("base_url", "http://10.0.0.1", "PROBE_ALLOW"),
        ("base_url", "gopher://a", "only http"),
        ("base_url", "", "required"),
        ("metrics_url", "javascript:alert(1)", "write a path"),
        ("health_path", "http://other.example/health", "write a path"),
    ],
)
def test_an_address_that_is_refused_is_explained(as_engineer: Client, dead_url: str, field: str, address: str, why: str) -> None:
    page = text(as_engineer.post(URL, {"base_url": dead_url, field: address, "go": "look"}), 422)
    assert why in page[page.index(f'name="{field}"') :].split("</div>")[0]


def test_a_name_that_leads_where_it_may_not_is_refused_and_noted(as_engineer: Client, people: Any, settings: Any) -> None:
    settings.PROBE_ALLOW = ["10.0.0.0/8"]
    from_policy = as_engineer.post(URL, {"base_url": "http://localhost:8000", "go": "look"})
    assert "is not a public address" in text(from_policy, 422)
    entry = AuditEntry.objects.get(action="service.refuse")
    assert (entry.actor, entry.subject, entry.after) == (people.engineer, "http://localhost:8000", {"refused": "registration"})
    assert "PROBE_ALLOW" in entry.why


def test_a_service_that_does_not_answer_yet_can_be_registered(as_engineer: Client, dead_url: str) -> None:
    second, third = walk(as_engineer, {"base_url": dead_url})
    assert "It does not answer: connection refused." in second
    assert as_engineer.post(URL, {**posted(third), "go": "save"}).status_code == 302
    assert Probe.objects.get().params["paths"] == ["/"]


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("slug", "taken", "already exists"),
        ("slug", "a b", "slug"),
        ("slug", "import", "an address of its own"),
        ("name", "", "required"),
        ("paths", "no-slash", "begins with /"),
    ],
)
def test_what_is_wrong_in_the_second_step_is_said_there(
    as_engineer: Client, service_url: str, field: str, value: str, why: str
) -> None:
    make_service(slug="taken")
    second = text(as_engineer.post(URL, {"base_url": service_url, "go": "look"}))
    page = text(as_engineer.post(URL, {**posted(second), field: value, "go": "save"}), 422)
    assert why in page[page.index(f'name="{field}"') :].split("</div>")[0]
    assert "What was found" in page
    assert Service.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value"), [("http-interval_s", "1"), ("http-params.requests", "501"), ("http-params.paths", "x")]
)
def test_what_is_wrong_in_the_last_step_is_said_there_and_nothing_is_saved(
    as_engineer: Client, service_url: str, field: str, value: str
) -> None:
    _, third = walk(as_engineer, {"base_url": service_url})
    page = text(as_engineer.post(URL, {**posted(third), field: value, "go": "save"}), 422)
    assert 'class="err"' in page[page.index(f'name="{field}"') :].split("</div>")[0]
    assert (Service.objects.count(), Probe.objects.count()) == (0, 0)


def test_every_step_goes_back_with_what_was_typed(as_engineer: Client, service_url: str) -> None:
    _, third = walk(as_engineer, {"base_url": service_url, "headers": "X-Key: s3cret"}, {"name": "Mine", "slug": "mine"})
    second = text(as_engineer.post(URL, {**posted(third), "go": "back"}))
    assert 'value="Mine"' in second
    first = text(as_engineer.post(URL, {**posted(second), "go": "address"}))
    assert f'value="{service_url}"' in first
    assert "Secret headers that were typed before are kept" in first
    assert unseal(posted(first)["sealed"][0], within_s=60) == {"headers": {"X-Key": "s3cret"}}


def test_secrets_that_were_tampered_with_are_typed_again(as_engineer: Client, service_url: str) -> None:
    page = text(as_engineer.post(URL, {"base_url": service_url, "sealed": "made up", "go": "look"}), 422)
    assert "type them again" in page


def test_only_who_may_probe_looks_at_addresses(as_viewer: Client, service_url: str) -> None:
    assert as_viewer.post(URL, {"base_url": service_url, "go": "look"}).status_code == 403


def test_a_database_that_was_named_is_proposed_as_a_source(as_engineer: Client, service_url: str) -> None:
    dsn = "postgres://reader:s3cret@127.0.0.1:5999/orders"
    second, third = walk(as_engineer, {"base_url": service_url, "database_dsn": dsn})
    assert "s3cret" not in second + third
    assert as_engineer.post(URL, {**posted(third), "go": "save"}).status_code == 302
    assert Service.objects.get().database_dsn == dsn
    assert Probe.objects.get(kind="queries").params["source"] == "pg_stat_statements"
