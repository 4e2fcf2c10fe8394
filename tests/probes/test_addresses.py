"""Looking at a service, its runs and its load ask the same addresses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from outgoing.addresses import AddressPolicy
from probes.addresses import below
from probes.discovery import Found, discover
from probes.kinds.load import ELSEWHERE
from probes.proposing import proposals
from probes.showing import lines
from tests.probes.test_hostile import KINDS, probed

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LOCAL = AddressPolicy.of(["127.0.0.0/8"])
METRICS = "process_resident_memory_bytes 1000000\n"


@pytest.mark.parametrize(
    ("base", "address", "whole"),
    [
        ("http://a", "/metrics", "http://a/metrics"),
        ("http://a/", "metrics", "http://a/metrics"),
        ("http://a/good", "/metrics", "http://a/good/metrics"),
        ("http://a/good/", "/metrics?x=1", "http://a/good/metrics?x=1"),
        ("http://a/good", "/?x=1", "http://a/good/?x=1"),
        ("http://a/good", "", "http://a/good/"),
        ("http://a/good", "/v1/books:read", "http://a/good/v1/books:read"),
        ("http://a/good", "/books:read", "http://a/good/books:read"),
        ("http://a/good", "https://b:9/metrics", "https://b:9/metrics"),
    ],
)
def test_an_address_begins_below_the_base_address(base: str, address: str, whole: str) -> None:
    assert below(base, address) == whole


def serving(pages: dict[str, str], asked: list[str]) -> Callable[..., Any]:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        asked.append(path)
        body = pages.get(path, "")
        head = f"HTTP/1.1 {'200 OK' if body else '404 Not Found'}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write((head + body).encode())
        await writer.drain()

    return script


def found(url: str, metrics_url: str = "") -> Found:
    return asyncio.run(discover(url, policy=LOCAL, clock=lambda: AT, metrics_url=metrics_url))


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_asks_below_the_base_address(scripted: Any, name: str) -> None:
    asked: list[str] = []
    kind, params = KINDS[name]
    probed(f"{scripted(serving({}, asked))}/good", kind, params)
    assert asked
    assert [path for path in asked if not path.startswith("/good/")] == []


def test_load_is_refused_where_a_full_address_of_health_was_stored() -> None:
    run = probed("http://127.0.0.1:9", "load", {}, health_path="http://other.example/health")
    assert (run.outcome, run.error) == ("refused", ELSEWHERE)


@pytest.mark.parametrize(("given", "place"), [("", "/good/metrics"), ("/stats", "/good/stats"), ("{}/metrics", "/metrics")])
def test_the_metrics_that_were_found_are_those_that_runs_read(scripted: Any, given: str, place: str) -> None:
    origin = scripted(serving({"/good/": "hello", place: METRICS}, []))
    url = f"{origin}/good"
    one = found(url, given.format(origin))
    assert (below(url, one.metrics_url), one.metrics_beside) == (origin + place, "")
    assert probed(url, "memory", {}, metrics_url=one.metrics_url).error == ""


def test_metrics_beside_the_base_address_are_told_and_not_taken(scripted: Any) -> None:
    origin = scripted(serving({"/orders/": "hello", "/metrics": METRICS}, []))
    one = found(f"{origin}/orders")
    assert (one.metrics_url, one.metrics_beside, [probe.kind for probe in proposals(one)]) == ("", f"{origin}/metrics", ["http"])
    assert f"{origin}/metrics lies beside the base address" in "\n".join(lines(one, []))
