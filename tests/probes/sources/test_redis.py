"""Hits and misses of a real Redis between two runs, and what else may answer at its address."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest
import redis as library

from outgoing.addresses import AddressPolicy, Refused
from probes.kinds import cache
from probes.kinds.base import Outcome
from probes.sources import Unread
from probes.sources.redis import Lookups, between, url_parts
from tests.probes.sources.conftest import Prober, told

NOTE = "server-wide: all clients of this Redis"


@pytest.fixture
def server() -> Iterator[library.Redis]:
    with library.Redis.from_url(os.environ["TEST_REDIS_URL"]) as own:
        yield own
        own.delete("milepost:there")


@pytest.mark.redis
def test_look_ups_of_the_window_are_counted(server: library.Redis) -> None:
    probe = Prober(cache, redis_url=os.environ["TEST_REDIS_URL"])
    assert probe(source="redis").reason == "no window yet: the next run has one"
    server.set("milepost:there", "1")
    for _ in range(300):
        server.get("milepost:there")
    for _ in range(100):
        server.get("milepost:not-there")
    one = probe(source="redis")
    assert (one.outcome, one.readings[0].note, one.readings[0].count >= 400) == (Outcome.OK, NOTE, True)
    assert one.details["hits"] >= 300
    assert one.details["misses"] >= 100
    assert one.readings[0].value == pytest.approx(one.details["hits"] / one.readings[0].count)


@pytest.mark.redis
def test_a_password_goes_with_the_address_and_a_wrong_one_is_told(server: library.Redis) -> None:
    server.acl_setuser("reader", enabled=True, passwords=["+s3cret"], commands=["+info"], reset=True)
    address = os.environ["TEST_REDIS_URL"].removeprefix("redis://")
    good = Prober(cache, redis_url=f"redis://reader:s3cret@{address}")(source="redis")
    bad = Prober(cache, redis_url=f"redis://reader:wr0ng@{address}")(source="redis")
    server.acl_deluser("reader")
    assert good.outcome == Outcome.OK
    assert (bad.outcome, bad.error) == (Outcome.FAILED, "Redis: the user or password is wrong")


def answering(*answers: bytes) -> Any:
    """A script that gives one answer to each command."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n$6\r\nserver\r\n" if answer is answers[0] else b"\r\n$5\r\nstats\r\n")
            writer.write(answer)
        await reader.read()

    return script


def bulk(text: str) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(text), text.encode())


def test_a_rate_is_told_of_hits_and_misses(scripted: Any) -> None:
    stats = iter([(10, 10), (40, 20), (40, 20), (5, 1)])

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hits, misses = next(stats)
        await answering(bulk("run_id:a\r\n"), bulk(f"keyspace_hits:{hits}\r\nkeyspace_misses:{misses}\r\n"))(reader, writer)

    probe = Prober(cache, redis_url=scripted(script).replace("http", "redis"))
    assert probe(source="redis").readings == []
    assert told(probe(source="redis")) == [("cache_hit_rate", 0.75, "ratio", 40, NOTE)]
    assert probe(source="redis").reason == "no look-up in the window"
    assert (probe(source="redis").outcome, probe.memory["hits"]) == (Outcome.INVALID, 5)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\nroot:x:0", "what answers does not speak Redis's protocol"),
        (b"-NOAUTH Authentication required.\r\n", "Redis: it wants a password"),
        (b"-root:x:0 is the answer\r\n", "Redis refused the command"),
        (b"$2000000000\r\n", "what answers does not speak Redis's protocol"),
        (b"$-1\r\n", "what answers does not speak Redis's protocol"),
        (b"$" + b"9" * 5_000, "what answers does not speak Redis's protocol"),
        (b"\xff\xfe\r\n", "what answers does not speak Redis's protocol"),
        (bulk("run_id:a\r\n") + bulk("keyspace_hits:many\r\n"), "INFO tells no keyspace_hits and keyspace_misses"),
    ],
)
def test_what_is_no_redis_fails_plainly_and_shows_nothing_of_its_answer(scripted: Any, answer: bytes, error: str) -> None:
    one = Prober(cache, redis_url=scripted(answering(answer)).replace("http", "redis"))(source="redis")
    assert (one.outcome, one.error, one.readings) == (Outcome.FAILED, error, [])


@pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.1", "[::ffff:127.0.0.1]", "localhost"])
def test_the_address_policy_stands_before_redis(host: str) -> None:
    with pytest.raises(Refused):
        Prober(cache, redis_url=f"redis://{host}:6379")(AddressPolicy.of([]), source="redis")


@pytest.mark.parametrize("url", ["http://cache", "unix:///run/redis.sock", "redis://", "redis://cache:x", "redis://0x7f.1"])
def test_an_address_that_is_no_redis_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        url_parts(url)


def test_a_service_without_a_redis_address_is_told_so() -> None:
    one = Prober(cache)(source="redis")
    assert (one.outcome, one.error) == (Outcome.REFUSED, "the service has no Redis address")


@pytest.mark.parametrize("now", [Lookups(9, 10, "a"), Lookups(10, 9, "a"), Lookups(20, 20, "b")])
def test_counters_that_began_anew_tell_nothing(now: Lookups) -> None:
    with pytest.raises(Unread) as unread:
        between(Lookups(10, 10, "a").to_memory(), now)
    assert unread.value.reason == "restarted"
