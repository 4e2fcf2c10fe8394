"""Looking at real applications: what is found, what is said, and that nothing is saved."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from outgoing import tls
from outgoing.addresses import AddressPolicy
from probes.discovery import Found, discover
from probes.models import Probe, Service
from probes.proposing import name_of, proposals, untold
from tests.kpis.factories import make_kpi, make_scorecard
from tests.probes import certificates
from tests.probes.test_hostile import probed

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LOCAL = AddressPolicy.of(["127.0.0.0/8", "localhost"])


def found(url: str, policy: AddressPolicy = LOCAL, **more: Any) -> Found:
    return asyncio.run(discover(url, policy=policy, clock=lambda: AT, **more))


def always(status: str, body: str = "", headers: str = "") -> Any:
    """A server that answers everything the same."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n{body}".encode())
        await writer.drain()
        writer.close()

    return script


def test_an_application_is_found_with_all_it_shows(service_url: str) -> None:
    one = found(service_url)
    assert (one.reachable, one.refused, one.error, one.redirect, one.certificate) == (True, "", "", "", None)
    assert one.scrape
    assert (one.metrics_url, one.scrape.preset.name) == ("/metrics", "process only")
    assert one.health
    assert (one.health.path, one.health.status, one.title, one.interface) == ("/health", 200, "FastAPI", "/openapi.json")
    routes = {tried.route.path: tried.answer.status if tried.answer else None for tried in one.routes}
    assert routes == {"/": 200, "/seen": 200, "/chunks": 200, "/long": None}
    assert [(probe.kind, probe.metrics) for probe in proposals(one)] == [
        ("http", ("latency", "error_rate", "availability")), ("memory", ("resident_memory", "memory_growth")),
    ]  # fmt: skip
    assert untold(one) == "They tell nothing of its database, its cache."
    assert proposals(one)[0].params == {"paths": ["/", "/seen", "/chunks"]}


def test_headers_go_to_the_own_origin_only(service_url: str, scripted: Any) -> None:
    seen = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    found(service_url, headers={"X-Key": "s3cret"}, metrics_url=f"{scripted(elsewhere)}/metrics")
    assert len(seen) == 1
    assert b"s3cret" not in seen[0]


@pytest.mark.parametrize(
    ("url", "why"), [("http://127.0.0.1:1", "PROBE_ALLOW"), ("http://169.254.169.254", "never reached"), ("ftp://a", "only http")]
)
def test_what_may_not_be_reached_is_refused_with_the_reason(url: str, why: str) -> None:
    one = found(url, AddressPolicy.of([]))
    assert why in one.refused
    assert (one.reachable, proposals(one)) == (False, [])


def test_nobody_there_is_said(dead_url: str) -> None:
    one = found(dead_url)
    assert (one.reachable, one.error, one.refused) == (False, "connection refused", "")
    assert [(probe.kind, probe.params) for probe in proposals(one)] == [("http", {"paths": ["/"]})]


def test_a_page_for_everything_is_no_sign_of_health_nor_of_metrics(scripted: Any) -> None:
    one = found(scripted(always("200 OK", "<html>Hello</html>", "Content-Type: text/html\r\n")))
    assert (one.reachable, one.answers_all, one.health, one.scrape, one.interface) == (True, True, None, None, "")
    assert one.metrics_error


def test_a_page_is_no_sign_of_health_where_it_is_not_known_what_answers(scripted: Any) -> None:
    page = "<!doctype html><title>App</title>"

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        if b"milepost-asks" not in asked:
            kind, body = ("application/json", "{}") if b" /healthcheck " in asked else ("text/html", page)
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        writer.close()

    health = found(scripted(script)).health
    assert health
    assert health.path == "/healthcheck"


def test_metrics_that_want_a_key_say_so(scripted: Any) -> None:
    assert found(scripted(always("401 Unauthorized"))).metrics_want_a_key
    assert not found(scripted(always("404 Not Found"))).metrics_want_a_key


def test_what_has_no_name_is_called_by_its_address(scripted: Any) -> None:
    url = scripted(always("404 Not Found"))
    assert name_of(found(url)) == url.removeprefix("http://")
    assert name_of(Found("https://orders.example", AT)) == "orders.example"


def test_routes_that_answer_below_another_address_are_told(scripted: Any) -> None:
    document = json.dumps({"openapi": "3.1.0", "paths": {"/version": {"get": {}}}})

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        body = {"/openapi.json": document, "/api/version": "1"}.get(path, "")
        writer.write(f"HTTP/1.1 {'200 OK' if body else '404 No'}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    url = scripted(script)
    one = found(url)
    assert (one.routes_below, one.routes[0].good, proposals(one)[0].params) == (f"{url}/api", False, {"paths": ["/"]})


@pytest.mark.parametrize("place", ["https://elsewhere.example/", "myapp://login"])
def test_where_it_sends_on_to_is_said_and_not_followed(scripted: Any, place: str) -> None:
    one = found(scripted(always("302 Found", "", f"Location: {place}\r\n")))
    assert (one.reachable, one.base.status if one.base else 0, one.redirect) == (True, 302, place)


def test_what_an_answer_that_sends_nowhere_says_of_its_place_does_not_matter(scripted: Any) -> None:
    one = found(scripted(always("200 OK", "", "Location: urn:uuid:1\r\n")))
    assert (one.error, one.redirect) == ("", "")


@pytest.mark.parametrize("place", ["javascript:alert(1)", "http://["])
def test_a_redirect_to_no_address_is_a_plain_reason(scripted: Any, place: str) -> None:
    url = scripted(always("302 Found", "", f"Location: {place}\r\n"))
    assert found(url).error == "it redirects to what is no address"
    assert probed(url, "json", {}).error == "it redirects to what is no address"


def test_an_address_that_cannot_be_asked_is_a_plain_reason(service_url: str) -> None:
    assert "non-printable" in found(service_url, metrics_url="/a\x01").metrics_error


@pytest.mark.parametrize("odd", ["\0", "\ud800", "\x1b"])
def test_signs_that_nothing_can_show_are_left_out_of_routes(scripted: Any, odd: str) -> None:
    paths = {f"/{odd}": {"get": {}}, "/fine": {"get": {"summary": odd}}}
    document = json.dumps({"openapi": "3.1.0", "info": {"title": f"a{odd}"}, "paths": paths})
    one = found(scripted(always("200 OK", document, "Content-Type: application/json\r\n")))
    assert (one.title, [(tried.route.path, tried.route.summary) for tried in one.routes]) == ("a\ufffd", [("/fine", "\ufffd")])


def test_the_time_is_bounded_where_it_never_answers(scripted: Any) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    assert found(scripted(silent), longest_s=0.2).error == "it did not answer within 0.2 s"


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[tuple[Path, ssl.SSLContext]]:
    tls.context.cache_clear()
    yield certificates.make(tmp_path)
    tls.context.cache_clear()


def test_a_certificate_is_told_and_one_that_is_not_trusted_is_an_error(
    scripted: Any, authority: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, context = authority
    url = scripted(always("200 OK"), context)
    assert found(url).error == "TLS: CERTIFICATE_VERIFY_FAILED"
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    tls.context.cache_clear()
    shown = found(url).certificate
    assert shown
    assert (shown.version, shown.expires_at > datetime.now(UTC)) == ("TLSv1.3", True)


@pytest.mark.django_db
@pytest.mark.usefixtures("reachable")
class TestCommand:
    """`manage.py probe`."""

    def run(self, *args: str) -> str:
        out = io.StringIO()
        call_command("probe", *args, stdout=out)
        return out.getvalue()

    def test_it_shows_what_a_registration_would_and_saves_nothing(self, service_url: str) -> None:
        make_kpi("p95", scorecard=make_scorecard("mine"), metric="latency")
        said = self.run(service_url)
        for part in (
            "Answers    200",
            "/metrics: process only",
            "/health 200",
            "/seen",
            "http every 30 s, feeds latency → mine/p95",
        ):
            assert part in said
        assert (Service.objects.count(), Probe.objects.count()) == (0, 0)

    def test_it_gives_json_and_a_manifest(self, service_url: str) -> None:
        assert json.loads(self.run(service_url, "--json"))["metrics"]["preset"] == "process only"
        assert "format: milepost-services/1" in self.run(service_url, "--yaml")

    def test_it_fails_where_nothing_can_be_measured(self, dead_url: str) -> None:
        with pytest.raises(CommandError, match="cannot be measured"):
            self.run(dead_url)

    def test_it_refuses_headers_that_cannot_be_sent(self, service_url: str) -> None:
        with pytest.raises(CommandError, match="headers"):
            self.run(service_url, "--header", "Host: a")
