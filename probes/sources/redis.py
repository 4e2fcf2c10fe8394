"""The only place where a service's Redis is connected to: at a checked address, for INFO and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from outgoing import tls
from outgoing.addresses import AddressPolicy, Refused, checked_host
from probes.kinds.base import Outcome
from probes.sources.base import Unread

TOTAL_S, MOST_BYTES, MOST_LINE = 5.0, 200_000, 1_000
ERRORS = {
    "WRONGPASS": "the user or password is wrong",
    "NOAUTH": "it wants a password",
    "NOPERM": "the user may not ask INFO",
    "LOADING": "it is loading its data",
    "ERR": "it refused the command",
}


@dataclass(frozen=True)
class Lookups:
    """What the server counted since it started, or since its statistics were reset: all clients, all databases."""

    hits: int
    misses: int
    run_id: str

    def to_memory(self) -> dict[str, Any]:
        return asdict(self)


def url_parts(url: str) -> SplitResult:
    """Raises Refused for what is no Redis over a network."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise Refused("the Redis address cannot be read; write redis://user:password@host:6379") from None
    if parts.scheme not in ("redis", "rediss") or not parts.hostname or port == 0:
        raise Refused("the Redis address is redis://host:port, or rediss:// with TLS")
    checked_host(parts.hostname)
    return parts


def check_redis_url(url: str, policy: AddressPolicy) -> None:
    """Raises Refused for an address that could never be reached; names are judged at every connection."""
    parts = url_parts(url)
    policy.judge_written(parts.hostname or "", parts.port or 6379)


async def lookups(url: str, policy: AddressPolicy) -> Lookups:
    """Ask INFO once. Raises Refused, or Unread with a plain reason."""
    if not url:
        raise Unread("the service has no Redis address", outcome=Outcome.REFUSED, reason="no Redis address")
    parts = url_parts(url)
    try:
        async with asyncio.timeout(TOTAL_S):
            told = await _info(parts, policy)
    except TimeoutError:
        raise Unread("Redis did not answer in time", outcome=Outcome.TIMED_OUT) from None
    except (ValueError, EOFError, asyncio.LimitOverrunError):
        raise Unread("what answers does not speak Redis's protocol") from None
    try:
        return Lookups(int(told["keyspace_hits"]), int(told["keyspace_misses"]), told["run_id"])
    except (KeyError, ValueError):
        raise Unread("INFO tells no keyspace_hits and keyspace_misses") from None


def between(before: dict[str, Any], now: Lookups) -> tuple[int, int]:
    """(hits, misses) since the last time. Raises Unread where the counters began anew."""
    hits, misses = now.hits - before["hits"], now.misses - before["misses"]
    if before["run_id"] != now.run_id or hits < 0 or misses < 0:
        text = "Redis started anew, or its statistics were reset, inside the window"
        raise Unread(text, outcome=Outcome.INVALID, reason="restarted")
    return hits, misses


async def _info(parts: SplitResult, policy: AddressPolicy) -> dict[str, str]:
    reader, writer = await _connect(parts, policy)
    try:
        if parts.password is not None:
            names = [unquote(parts.username)] if parts.username else []
            await _ask(reader, writer, "AUTH", *names, unquote(parts.password))
        text = await _ask(reader, writer, "INFO", "server") + await _ask(reader, writer, "INFO", "stats")
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return dict(line.split(":", 1) for line in text.splitlines() if re.match(r"[a-z_]+:", line))


async def _connect(parts: SplitResult, policy: AddressPolicy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = parts.hostname or "", parts.port or 6379
    secure: dict[str, Any] = {"ssl": tls.context(), "server_hostname": host} if parts.scheme == "rediss" else {}
    addresses = await policy.resolve(host, port)
    for address in addresses[:-1]:
        with contextlib.suppress(OSError):
            return await asyncio.open_connection(str(address), port, limit=MOST_LINE, **secure)
    return await asyncio.open_connection(str(addresses[-1]), port, limit=MOST_LINE, **secure)


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *words: str) -> str:
    """One command and its answer, a simple or a bulk string. Raises Unread, ValueError or EOFError."""
    parts = [word.encode() for word in words]
    writer.write(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
    await writer.drain()
    line = (await reader.readuntil(b"\r\n")).decode("ascii")
    if line.startswith("-"):
        code = line[1:].split(" ", 1)[0].strip()
        raise Unread(f"Redis: {ERRORS[code]}" if code in ERRORS else "Redis refused the command")
    if line.startswith("+"):
        return line[1:]
    size = int(line[1:]) if line.startswith("$") else -1
    if not 0 <= size <= MOST_BYTES:
        raise ValueError("no string of a likely size")
    return (await reader.readexactly(size + 2)).decode("utf-8", "replace")
