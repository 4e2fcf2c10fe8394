"""The stopwatch against real servers, well-behaved and not."""

from __future__ import annotations

import asyncio
import gc
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvloop

from outgoing import tls
from outgoing.addresses import AddressPolicy, Refused
from probes.stopwatch import Plan, Result, prepare, run
from probes.stopwatch.connection import Connection
from tests.probes import certificates
from tests.probes.conftest import Script

LOCAL = AddressPolicy.of(["127.0.0.0/8"])
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def timed(url: str, *paths: str, policy: AddressPolicy = LOCAL, **fields: object) -> Result:
    payloads = [prepare("GET", url + path, {}) for path in paths or ("/",)]
    plan = Plan(origin=urlsplit(url), payloads=payloads, **{"requests": 4, **fields})  # type: ignore[arg-type]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run(plan, policy))


def answering(*answers: bytes, close: bool = False, times: int = 1000) -> Script:
    """Each request gets the next answer, the last one from then on; after `times` answers a connection is closed."""
    turn = iter(range(10**6))

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for _ in range(times):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(answers[min(next(turn), len(answers) - 1)])
                await writer.drain()
                if close:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    return script


def test_requests_are_timed_and_the_warm_up_is_left_out(service_url: str) -> None:
    result = timed(service_url, "/", "/answer/404", requests=10, warm_up=3)
    assert result.statuses == Counter({200: 5, 404: 5})
    assert (len(result.times_ms), result.attempts, result.complete, dict(result.errors)) == (5, 10, True, {})
    assert result.connects_ms == []


def test_the_time_is_that_of_the_service(service_url: str) -> None:
    result = timed(service_url, "/slow/50", requests=4)
    assert all(50 <= ms < 90 for ms in result.times_ms)


def test_connections_leave_no_garbage(service_url: str) -> None:
    """What refers to each other stays in memory until it is looked for, and looking takes longer than many an answer."""
    timed(service_url)
    gc.collect()
    timed(service_url, requests=20, users=5)
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        assert [one for one in gc.garbage if isinstance(one, Connection)] == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


def test_users_work_side_by_side(service_url: str) -> None:
    began = time.perf_counter()
    result = timed(service_url, "/slow/1000", requests=5, users=5, warm_up=0)
    assert time.perf_counter() - began < 4  # one after the other they take five seconds
    assert (len(result.times_ms), len(result.connects_ms)) == (5, 5)


@pytest.mark.parametrize("path", ["/chunks", "/long", "/answer/204", "/answer/304"])
def test_every_kind_of_body_ends(service_url: str, path: str) -> None:
    assert timed(service_url, path).attempts == timed(service_url, path).statuses.total() == 4


def test_a_time_out_counts_at_its_full_time(service_url: str) -> None:
    result = timed(service_url, "/", "/slow/3000", requests=4, warm_up=0, timeout_s=0.2)
    assert (result.statuses, result.errors) == (Counter({200: 2}), Counter({"timed out": 2}))
    assert sorted(result.times_ms)[2:] == [200.0, 200.0]


def test_a_dead_service_is_given_up(dead_url: str) -> None:
    result = timed(dead_url, requests=20)
    assert (result.errors, result.times_ms, result.complete) == (Counter({"connection refused": 3}), [], False)


def test_no_request_starts_after_the_end_and_none_is_cut_short(service_url: str) -> None:
    result = timed(service_url, "/slow/100", requests=50, warm_up=0, total_s=0.25)
    assert (result.statuses, result.complete) == (Counter({200: 3}), False)


def test_an_address_that_may_not_be_reached_is_refused(service_url: str) -> None:
    with pytest.raises(Refused, match="not a public address"):
        timed(service_url, policy=AddressPolicy.of([]))


def test_a_connection_that_the_server_closes_is_made_anew(scripted: Callable[[Script], str]) -> None:
    result = timed(scripted(answering(OK, times=2)), requests=6, warm_up=0)
    assert (result.statuses, dict(result.errors), len(result.connects_ms)) == (Counter({200: 6}), {}, 3)


def test_connection_close_is_obeyed(scripted: Callable[[Script], str]) -> None:
    closing = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    result = timed(scripted(answering(closing, close=True)), requests=3, warm_up=0)
    assert (result.statuses, len(result.connects_ms)) == (Counter({200: 3}), 3)


def test_a_body_may_end_with_the_connection(scripted: Callable[[Script], str]) -> None:
    result = timed(scripted(answering(b"HTTP/1.1 200 OK\r\n\r\nhello", close=True)), requests=3, warm_up=0)
    assert (result.statuses, dict(result.errors)) == (Counter({200: 3}), {})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nok", "connection closed before the response ended"),
        (b"", "connection closed before the response ended"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
    ],
)
def test_a_broken_answer_is_an_error(scripted: Callable[[Script], str], answer: bytes, error: str) -> None:
    result = timed(scripted(answering(answer, close=True)), requests=3, warm_up=0)
    assert result.statuses == Counter()
    assert result.errors.total() == 3
    assert all(text.startswith(error) for text in result.errors)
    assert result.times_ms == []


def test_interim_answers_are_passed_over(scripted: Callable[[Script], str]) -> None:
    result = timed(scripted(answering(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK)), requests=3, warm_up=0)
    assert result.statuses == Counter({200: 3})


@pytest.fixture
def own_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, ssl.SSLContext]]:
    yield certificates.make(tmp_path)
    monkeypatch.undo()
    tls.context.cache_clear()


def test_tls_refuses_an_unknown_authority(scripted: Callable[..., str], own_authority: tuple[Path, ssl.SSLContext]) -> None:
    result = timed(scripted(answering(OK), own_authority[1]), requests=3, warm_up=0)
    assert result.errors == Counter({"TLS: CERTIFICATE_VERIFY_FAILED": 3})


def test_tls_is_timed_with_a_known_authority(
    scripted: Callable[..., str], own_authority: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(own_authority[0]))
    tls.context.cache_clear()
    result = timed(scripted(answering(OK), own_authority[1]), requests=5, warm_up=0)
    assert (result.statuses, len(result.connects_ms)) == (Counter({200: 5}), 1)


@pytest.mark.parametrize(
    ("users", "requests", "total_s"), [(0, 1, 1), (51, 1, 1), (1, 0, 1), (1, 10_001, 1), (1, 1, 121), (1, 1, 0)]
)
def test_a_plan_has_caps(users: int, requests: int, total_s: float) -> None:
    with pytest.raises(ValueError, match="at most"):
        Plan(origin=urlsplit("http://a"), payloads=[b""], users=users, requests=requests, total_s=total_s)


@pytest.mark.parametrize(
    ("url", "first"),
    [
        ("http://a", b"GET / HTTP/1.1\r\nHost: a\r\n"),
        ("http://a:81/x?y=1&z=a%20b", b"GET /x?y=1&z=a%20b HTTP/1.1\r\nHost: a:81\r\n"),
        ("http://[::1]:81/\xfc", b"GET /%C3%BC HTTP/1.1\r\nHost: [::1]:81\r\n"),
        ("http://a/x y\r\nEvil: 1", b"GET /x%20yEvil:%201 HTTP/1.1\r\nHost: a\r\n"),
    ],
)
def test_requests_are_bytes(url: str, first: bytes) -> None:
    assert prepare("GET", url, {}).startswith(first)


def test_a_body_has_its_length() -> None:
    assert prepare("POST", "http://a/", {"X-Key": "k"}, b"{}").endswith(b"X-Key: k\r\nContent-Length: 2\r\n\r\n{}")


@pytest.mark.parametrize(
    ("method", "headers"), [("GET /", {}), ("", {}), ("GET", {"a b": "c"}), ("GET", {"a": "b\r\nc: d"}), ("GET", {"": "x"})]
)
def test_what_would_break_the_frame_is_refused(method: str, headers: dict[str, str]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        prepare(method, "http://a/", headers)
