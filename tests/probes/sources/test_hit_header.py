"""Hits and misses as answers tell them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from probes.kinds import cache
from probes.kinds.base import Outcome
from probes.sources.hit_header import result
from tests.probes.sources.conftest import Prober, told


@pytest.mark.parametrize(
    ("header", "word"),
    [
        ("HIT", "hit"), ("MISS", "miss"), ("hit from cloudfront", "hit"), ("TCP_MISS", "unknown"), ("MISS, HIT", "hit"),
        ("HIT, MISS", "miss"), ("EXPIRED", "miss"), ("DYNAMIC", "unknown"), ("", "unknown"), ("white", "unknown"),
    ],
)  # fmt: skip
def test_a_header_says_hit_or_miss_in_several_words(header: str, word: str) -> None:
    assert result(header) == word


def test_own_requests_sample_the_rate(scripted: Any) -> None:
    says = iter([b"X-Cache: MISS", b"X-Cache: HIT", b"x-cache: HIT", b"X-Cache: HIT", b"Age: 3"])

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n%s\r\nContent-Length: 0\r\n\r\n" % next(says))

    one = Prober(cache, base_url=scripted(script))(source="header", header="X-Cache", requests=5)
    assert told(one) == [("cache_hit_rate", 0.75, "ratio", 4, "sampled by own requests")]
    assert one.details == {"source": "header", "miss": 1, "hit": 3, "unknown": 1}


def test_errors_say_nothing(scripted: Any) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nX-Cache: HIT\r\nContent-Length: 0\r\n\r\n")

    assert Prober(cache, base_url=scripted(script))(source="header", header="X-Cache", requests=2).readings == []


def test_answers_without_the_header_tell_nothing(service_url: str) -> None:
    one = Prober(cache, base_url=service_url)(source="header", requests=2)
    assert (one.outcome, one.readings, one.error) == (Outcome.FAILED, [], "no answer said HIT or MISS in X-FastAPI-Cache")
