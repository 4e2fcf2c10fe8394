"""The only place where an HTTP client is made: it connects to what the address policy allows, and follows no redirect."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterable
from typing import Any
from urllib.parse import urljoin

import h11
import httpcore
import httpx

from outgoing import tls
from outgoing.addresses import AddressPolicy, Refused

CONNECT_S, READ_S = 3.0, 5.0


PROTOCOL_ERRORS = (httpx.ProtocolError, httpcore.ProtocolError, h11.ProtocolError)
NO_ADDRESS = "it redirects to what is no address"
OWN_WORDS = (
    "peer closed connection",
    "Server disconnected",
    "Receive buffer too long",
    "Too much data",
    "Too little data",
    NO_ADDRESS,
)
"""Other words of the HTTP library quote what the stranger sent, which is shown to nobody."""


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

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The library reads where a redirect leads though none is followed, and breaks on what is no address."""
        response = await super().handle_async_request(request)
        if response.has_redirect_location and not _is_address(request.url, response.headers["location"]):
            await response.aclose()
            raise httpx.RemoteProtocolError(NO_ADDRESS)
        return response


def _is_address(base: httpx.URL, place: str) -> bool:
    try:
        whole = httpx.URL(urljoin(str(base), place))
    except (ValueError, httpx.InvalidURL):
        return False
    return bool(whole.scheme and whole.host)


def client(policy: AddressPolicy) -> httpx.AsyncClient:
    """A client that reaches only what the policy allows and follows no redirect."""
    timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
    return httpx.AsyncClient(transport=GuardedTransport(policy), timeout=timeout, trust_env=False, follow_redirects=False)


def plain(error: BaseException) -> str:
    """The innermost reason in words, without addresses of memory or stacks."""
    inner: BaseException = error
    while (below := inner.__cause__ or inner.__context__) is not None:
        inner = below
    if isinstance(inner, PROTOCOL_ERRORS) and not str(inner).startswith(OWN_WORDS):
        return "the answer is not HTTP"
    if isinstance(inner, ConnectionRefusedError):
        return "connection refused"
    if isinstance(inner, ssl.SSLError):
        return f"TLS: {inner.reason or 'certificate problem'}"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror[0].lower() + inner.strerror[1:]
    return str(inner) or type(inner).__name__
