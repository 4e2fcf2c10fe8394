"""The guarded client against real servers."""

from __future__ import annotations

import asyncio
import gzip
from datetime import UTC, datetime
from typing import Any

import pytest

from outgoing.addresses import AddressPolicy, Refused
from outgoing.http import TimedOut, Unreachable
from probes import http
from probes.kinds.base import Page, Target

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LOCAL = AddressPolicy.of(["127.0.0.0/8", "localhost"])


def fetched(url: str, policy: AddressPolicy = LOCAL, **headers: str) -> Page:
    return asyncio.run(http.fetch(url, policy=policy, headers=headers, at=AT))


def test_a_document_is_read(service_url: str) -> None:
    page = fetched(f"{service_url}/metrics")
    assert (page.status, page.text, page.at) == (200, "process_resident_memory_bytes 1000000\n", AT)
    assert page.media_type.startswith("text/plain")


def test_headers_are_sent_and_the_host_stays_that_of_the_name(service_url: str) -> None:
    port = service_url.rpartition(":")[2]
    page = fetched(f"http://localhost:{port}/seen", **{"X-Key": "k"})
    assert '"x-key":"k"' in page.text
    assert f'"host":"localhost:{port}"' in page.text


def test_no_redirect_is_followed(service_url: str) -> None:
    assert fetched(f"{service_url}/away?to=http://169.254.169.254/latest/").status == 307


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://169.254.169.254/", "http://localhost/", "file:///etc/passwd"])
def test_what_may_not_be_reached_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        fetched(url, AddressPolicy.of([]))


def test_no_proxy_of_the_environment_is_used(service_url: str, monkeypatch: pytest.MonkeyPatch, dead_url: str) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, dead_url)
    assert fetched(f"{service_url}/metrics").status == 200


def test_too_long_an_answer_is_given_up(service_url: str) -> None:
    with pytest.raises(Unreachable, match="longer than 5 MB"):
        fetched(f"{service_url}/long")


def test_a_dead_service_fails_plainly(dead_url: str) -> None:
    with pytest.raises(Unreachable, match=r"^connection refused$"):
        fetched(dead_url)


def test_a_silent_service_times_out(service_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TOTAL_S", 0.2)
    with pytest.raises(TimedOut, match="no answer in time"):
        fetched(f"{service_url}/slow/2000")


def test_a_compressed_answer_is_refused(scripted: Any) -> None:
    body = gzip.compress(b"0" * 1_000_000)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    with pytest.raises(Unreachable, match="compressed"):
        fetched(scripted(script))


def test_what_no_database_keeps_is_replaced(scripted: Any) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na\0\xffb")

    assert fetched(scripted(script)).text == "a\ufffd\ufffdb"


def test_an_answer_that_is_no_http_is_not_quoted(scripted: Any) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n\r\n")

    with pytest.raises(Unreachable, match=r"^the answer is not HTTP$"):
        fetched(scripted(script))


@pytest.mark.parametrize(
    ("metrics", "secret"),
    [("/metrics", True), ("metrics", True), ("", True), ("{base}/metrics", True), ("{other}/metrics", False)],
)
def test_a_scrape_gives_secrets_to_its_own_origin_only(scripted: Any, metrics: str, secret: bool) -> None:
    seen: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    base, other = scripted(script), scripted(script)
    target = Target(slug="a", base_url=base, headers={"X-Key": "k"}, metrics_url=metrics.format(base=base, other=other))
    asyncio.run(http.scrape(target, policy=LOCAL, at=AT))
    assert seen[0].startswith(b"GET /metrics HTTP/1.1")
    assert (b"X-Key: k" in seen[0]) is secret


def test_metrics_that_are_not_there_are_no_figures(service_url: str) -> None:
    target = Target(slug="a", base_url=service_url, metrics_url="/answer/404")
    with pytest.raises(Unreachable, match="answered 404"):
        asyncio.run(http.scrape(target, policy=LOCAL, at=AT))
