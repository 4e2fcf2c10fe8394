"""Durations out of `Server-Timing` headers, written as applications write them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from probes.kinds import queries
from probes.kinds.base import Outcome
from probes.sources.server_timing import duration_ms
from tests.probes.sources.conftest import Prober, told


@pytest.mark.parametrize(
    ("header", "ms"),
    [
        ("db;dur=12.3", 12.3),
        ("cache;desc=\"Cache, read\";dur=2.0, DB ; dur=5 , total;dur=7", 5),
        ("db;dur=1, db;dur=2.5", 3.5),
        ('db;desc="3 queries; dur=9";dur="4"', 4),
        ("db;dur=1e2", 100),
        ("miss, db;desc=x, app;dur=47", None),
        ("db", None),
        ("db;dur=fast", None),
        ("db;dur=1.2.3", None),
        ("db;dur=1e999", None),
        ("", None),
        (";;;,,,", None),
        ("a" * 50_000, None),
        ("db;" + "x=1;" * 2_000, None),
        ("db" + ";a=  " * 1_000 + '"', None),
    ],
)  # fmt: skip
def test_a_duration_is_found_or_there_is_none(header: str, ms: float | None) -> None:
    assert duration_ms({"server-timing": header}, "db") == ms


def test_own_requests_sample_the_time_in_the_database(scripted: Any) -> None:
    times = iter(["db;dur=10", "db;dur=20", "cache;dur=1", "db;dur=60"])

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nServer-Timing: {next(times)}\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()
        await writer.wait_closed()

    one = Prober(queries, base_url=scripted(script))(source="server_timing", requests=4, paths=["/a", "/b"])
    assert told(one) == [("db_time_per_request", 30, "ms", 3, "sampled by own requests")]
    assert (one.details["answers"], one.details["with_entry"]) == (4, 3)


def test_answers_without_the_header_tell_nothing(service_url: str) -> None:
    one = Prober(queries, base_url=service_url)(source="server_timing", requests=2)
    assert (one.outcome, one.readings, one.error) == (Outcome.FAILED, [], "no answer carried Server-Timing with db;dur=…")
