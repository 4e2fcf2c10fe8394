"""The only place where an HTTP client is made: address policy below it, time-outs, a cap on what is read.

It is right for scrapes and checks, and wrong as a stopwatch (see `probes.stopwatch`).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

import httpcore
import httpx

from probes import tls
from probes.addresses import AddressPolicy, Refused, checked_url
from probes.kinds.base import Page, Target

CONNECT_S, READ_S, TOTAL_S = 3.0, 5.0, 10.0
MOST_BYTES = 5_000_000


class Unreachable(Exception):
    """The service did not answer as it should; the text says how."""


class TimedOut(Unreachable):
    pass


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects only to addresses that were checked: Host, SNI and certificates stay those of the name."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._below = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._policy.resolve(host, port)
        for address in addresses[:-1]:
            with contextlib.suppress(httpcore.ConnectError):
                return await self._below.connect_tcp(str(address), port, timeout=timeout, socket_options=socket_options)
        return await self._below.connect_tcp(str(addresses[-1]), port, timeout=timeout, socket_options=socket_options)

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise Refused("sockets of this machine are never reached")

    async def sleep(self, seconds: float) -> None:
        await self._below.sleep(seconds)


class GuardedTransport(httpx.AsyncHTTPTransport):
    def __init__(self, policy: AddressPolicy) -> None:
        super().__init__(verify=tls.context(), trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls.context(), max_connections=10, network_backend=GuardedBackend(policy)
        )


def client(policy: AddressPolicy) -> httpx.AsyncClient:
    """A client that reaches only what the policy allows and follows no redirect."""
    timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
    return httpx.AsyncClient(transport=GuardedTransport(policy), timeout=timeout, trust_env=False, follow_redirects=False)


async def fetch(url: str, *, policy: AddressPolicy, headers: dict[str, str], at: datetime) -> Page:
    """Read one document. Raises Refused, TimedOut or Unreachable with a plain reason."""
    checked_url(url)
    asked = headers | {"Accept-Encoding": "identity"}  # a few compressed bytes can unfold without end
    try:
        async with asyncio.timeout(TOTAL_S), client(policy) as http, http.stream("GET", url, headers=asked) as response:
            body = await _capped(response)
    except (TimeoutError, httpx.TimeoutException) as error:
        raise TimedOut("no answer in time") from error
    except (httpx.HTTPError, OSError, ValueError) as error:
        raise Unreachable(plain(error)) from error
    media_type = response.headers.get("content-type", "")
    return Page(response.status_code, body.decode("utf-8", "replace"), media_type, at)


async def scrape(target: Target, *, policy: AddressPolicy, at: datetime) -> Page:
    """Read a service's metrics; the service's headers go to its own origin only."""
    url = urljoin(target.base_url.rstrip("/") + "/", target.metrics_url or "/metrics")
    same = checked_url(url)[:2] == checked_url(target.base_url)[:2]
    page = await fetch(url, policy=policy, headers=target.headers if same else {}, at=at)
    if page.status != 200:
        raise Unreachable(f"the metrics address answered {page.status}")
    return page


async def _capped(response: httpx.Response) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Unreachable("the answer is compressed, though plain text was asked for")
    parts, size = [], 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > MOST_BYTES:
            raise Unreachable(f"the answer is longer than {MOST_BYTES // 1_000_000} MB")
        parts.append(part)
    return b"".join(parts)


def plain(error: BaseException) -> str:
    """The innermost reason in words, without addresses of memory or stacks."""
    inner: BaseException = error
    while (below := inner.__cause__ or inner.__context__) is not None:
        inner = below
    if isinstance(inner, ConnectionRefusedError):
        return "connection refused"
    if isinstance(inner, ssl.SSLError):
        return f"TLS: {inner.reason or 'certificate problem'}"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror[0].lower() + inner.strerror[1:]
    return str(inner) or type(inner).__name__
