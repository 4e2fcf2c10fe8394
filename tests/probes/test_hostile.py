"""Servers that mean harm, against every kind that speaks HTTP: cut off or refused with a reason, in time, in bounded memory."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import resource
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest
import uvloop

from outgoing import http as client
from outgoing.addresses import AddressPolicy
from probes import http, measuring
from probes.claiming import Claim
from probes.kinds import kinds
from probes.kinds.base import Measured, Outcome
from probes.models import Probe, Run, Service

LOCAL = AddressPolicy.of(["127.0.0.0/8"])
SECRET = "root:x:0:0"
IN_TIME_S = 15.0
MOST_MEMORY = 100_000_000

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "http": ("http", {"requests": 2, "timeout_s": 0.2}),
    "warmth": ("warmth", {"requests": 2, "timeout_s": 0.2}),
    "queries": ("queries", {}),
    "queries, Server-Timing": ("queries", {"source": "server_timing", "requests": 2}),
    "cache": ("cache", {}),
    "cache, header": ("cache", {"source": "header", "requests": 2}),
    "memory": ("memory", {}),
    "promql": ("promql", {}),
    "json": ("json", {}),
}

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def sent(*parts: bytes, pause_s: float = 0, again: bool = False) -> Script:
    """Answers each request by these bytes, slowly or without end where asked."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            for part in parts:
                writer.write(part)
            while again:
                writer.write(parts[-1])
                await writer.drain()
                await asyncio.sleep(pause_s)
            await writer.drain()

    return script


def whole(body: bytes, *headers: bytes) -> Script:
    head = b"".join(header + b"\r\n" for header in headers)
    return sent(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body))


OK = b"HTTP/1.1 200 OK\r\n"
HOSTILE: dict[str, Script] = {
    "silence": sent(b"", pause_s=0.1, again=True),
    "slow-loris in the headers": sent(OK, b"X-A: b\r\n", pause_s=0.1, again=True),
    "slow-loris in the body": sent(OK + b"Content-Length: 1000000\r\n\r\n", b"a", pause_s=0.1, again=True),
    "headers without end": sent(OK, b"X-A: " + b"b" * 50_000 + b"\r\n", again=True),
    "one header without end": sent(OK + b"X-A: ", b"b" * 50_000, again=True),
    "interim answers without end": sent(b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000, again=True),
    "body without end": sent(OK + b"\r\n", b"a" * 65_536, again=True),
    "chunks without end": sent(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"a" * 65_536 + b"\r\n", again=True),
    "a chunk of no likely size": sent(OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", b"a" * 65_536, again=True),
    "huge and honest about it": sent(OK + b"Content-Length: 9000000000\r\n\r\n", b"a" * 65_536, again=True),
    "shorter than it says": sent(OK + b"Content-Length: 500\r\n\r\n" + SECRET.encode()),
    "a length that is none": sent(OK + b"Content-Length: -1\r\n\r\n" + SECRET.encode()),
    "two lengths": sent(OK + b"Content-Length: 1\r\nContent-Length: 30\r\n\r\n" + SECRET.encode()),
    "not HTTP": sent(SECRET.encode() + b"\r\n" * 3),
    "a gzip bomb": whole(gzip.compress(b"a" * 50_000_000), b"Content-Encoding: gzip"),
    "a gzip bomb unannounced": whole(gzip.compress(b"a" * 50_000_000)),
    "invalid UTF-8": whole(b"\xff\xfe\x00\xc3\x28" * 1_000 + SECRET.encode()),
    "a foreign text": whole(SECRET.encode() * 100),
    "nesting": whole(b"[" * 4_000_000),
    "one long line": whole(b'cache_requests_total{result="' + b"\\" * 4_500_000 + b'"} 1\n'),
    "lines of escapes": whole((b'cache_requests_total{result="' + b'\\"' * 1_900 + b'"} 1\n') * 1_200),
    "too many series": whole(b"".join(b'cache_requests_total{result="%d"} 1\n' % n for n in range(100_000))),
    "a redirect to metadata": sent(
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/\r\nContent-Length: 0\r\n\r\n"
    ),
}  # fmt: skip
ANSWERED = {
    "invalid UTF-8", "a foreign text", "nesting", "one long line", "lines of escapes", "too many series",
    "a gzip bomb", "a gzip bomb unannounced",
}  # fmt: skip
"""Answers that are whole HTTP: their time can be told, what they say cannot."""

IN_EVERY_RUN = {"http", "cache", "json"}
"""The other kinds read by the same clients: they are tried with the slow tests."""

ONLY_TIMED = {"http", "warmth"}
"""Kinds that time whole answers, whatever they hold."""


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same limits, sooner."""
    monkeypatch.setattr(http, "TOTAL_S", 0.5)
    monkeypatch.setattr(client, "READ_S", 0.4)


@pytest.fixture
def bounded() -> Iterator[None]:
    """The process never grows by more than this, though servers send without end."""
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) * 1024 < MOST_MEMORY


def probed(
    url: str, kind: str, params: dict[str, Any], policy: AddressPolicy = LOCAL, memory: Any = None, **fields: Any
) -> Measured:
    """One run, as a worker makes it."""
    probe = Probe(service=Service(slug="a", base_url=url, **fields), kind=kind, params=params, memory=memory or {})
    claim = Claim(probe, Run(probe=probe), kinds()[kind])

    async def one() -> Measured:
        return await measuring.measure(claim, measuring._Shared(probe.service, policy))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(one())


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("name", [name if name in IN_EVERY_RUN else pytest.param(name, marks=pytest.mark.slow) for name in KINDS])
def test_a_hostile_server_is_cut_off_with_a_reason(scripted: Any, name: str, hostile: str) -> None:
    kind, params = KINDS[name]
    began = time.monotonic()
    one = probed(scripted(HOSTILE[hostile]), kind, params)
    assert time.monotonic() - began < IN_TIME_S
    assert "kind failed" not in one.error
    assert SECRET not in f"{one.error} {one.reason} {one.details}"
    if kind in ONLY_TIMED and hostile in ANSWERED:
        assert one.outcome == Outcome.OK
    else:
        assert one.outcome in (Outcome.FAILED, Outcome.TIMED_OUT)
        assert one.error
        assert [(reading.metric, reading.value) for reading in one.readings] in ([], [("availability", 0.0)])


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("name", ["queries", "cache", "memory"])
def test_ten_thousand_families_hide_nothing(scripted: Any, name: str) -> None:
    lines = [f"# HELP f{number} x\n# TYPE f{number} gauge\nf{number} {number}\n" for number in range(10_000)]
    lines.insert(5_000, "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes 2e8\n")
    one = probed(scripted(whole("".join(lines).encode())), *KINDS[name])
    assert (one.outcome, one.details["series"]) == (Outcome.OK, 1)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "1e308", "1e400"])
def test_figures_that_nothing_can_have_are_left_out(scripted: Any, value: str) -> None:
    text = "".join(f'cache_requests_total{{result="{result}"}} %s\n' for result in ("hit", "miss"))
    text += "process_resident_memory_bytes %s\n"
    first = probed(scripted(whole((text % (1, 1, 1)).encode())), "cache", {})
    second = probed(scripted(whole((text % (value, 2, value)).encode())), "cache", {}, memory=first.memory)
    assert [one.metric for one in second.readings if one.metric != "restarts"] == []
    assert probed(scripted(whole((text % (1, 1, value)).encode())), "memory", {}).readings == []


@pytest.mark.parametrize("name", KINDS)
def test_a_name_that_moves_to_a_forbidden_address_is_refused_at_the_next_connection(scripted: Any, name: str) -> None:
    """DNS rebinding: each connection resolves once and goes to what was judged, whatever the name says a moment later."""
    said: list[Sequence[str]] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        said.append(["127.0.0.1"] if not said else ["169.254.169.254"])
        return said[-1]

    policy = AddressPolicy(LOCAL.allowed, resolver=rebinding)
    port = scripted(sent(OK + b"Connection: close\r\nContent-Length: 0\r\n\r\n")).rpartition(":")[2]
    first = probed(f"http://moves.example:{port}", *KINDS[name], policy=policy)
    second = probed(f"http://moves.example:{port}", *KINDS[name], policy=policy)
    assert (second.outcome, second.reason, second.readings) == (Outcome.REFUSED, "address", [])
    assert "169.254.169.254 is never reached" in second.error
    assert said[0] == ["127.0.0.1"]
    assert first.outcome in (Outcome.FAILED, Outcome.REFUSED)


def test_redirects_reach_nothing(scripted: Any) -> None:
    reached: list[bytes] = []

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(await reader.readuntil(b"\r\n\r\n"))

    away = sent(b"HTTP/1.1 307 Elsewhere\r\nLocation: %s/\r\nContent-Length: 0\r\n\r\n" % scripted(other).encode())
    for kind, params in KINDS.values():
        probed(scripted(away), kind, params)
    assert reached == []
