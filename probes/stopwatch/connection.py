"""One keep-alive connection that times one request at a time."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time

import httptools
import msgspec

from outgoing.addresses import AddressPolicy

MOST_BYTES = 20_000_000
"""A longer response is cut off: it is an error, not a measurement."""

MOST_HEADER_BYTES = 100_000
"""Of what comes before a body; the parser puts a header together piece by piece."""

MOST_INTERIM = 20
"""Answers such as 100 Continue before the one that counts."""


class ConnectionLost(Exception):
    """The connection ended before the response was whole. `unused`: before any byte of it, on a reused connection."""

    def __init__(self, text: str, *, unused: bool = False) -> None:
        super().__init__(text)
        self.unused = unused


class Response(msgspec.Struct, frozen=True):
    status: int
    seconds: float
    size: int


class Connection(asyncio.Protocol):
    """Sends prepared bytes and stamps the moment the last byte of the response arrived, before it is parsed further."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._waiter: asyncio.Future[Response] | None = None
        self._sent = self._received = 0.0
        self._size = self._interim = 0
        self._served = 0
        self.closed = False

    @classmethod
    async def open(
        cls, host: str, port: int, *, policy: AddressPolicy, tls: ssl.SSLContext | None = None
    ) -> tuple[Connection, float]:
        """Connect to a checked address; also returns how many seconds connecting took (TLS included, names not)."""
        addresses = await policy.resolve(host, port)
        began = time.perf_counter()
        for address in addresses:
            try:
                _, protocol = await asyncio.get_running_loop().create_connection(
                    cls, str(address), port, ssl=tls, server_hostname=host.strip("[]") if tls else None
                )
            except OSError:
                if address == addresses[-1]:
                    raise
            else:
                return protocol, time.perf_counter() - began
        raise AssertionError("there is at least one address")

    async def request(self, payload: bytes) -> Response:
        """Send one request and wait for its whole response. Raises ConnectionLost."""
        if self._transport is None or self.closed:
            raise ConnectionLost("the connection is closed", unused=True)
        self._waiter = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._size, self._interim, self._headers_done = 0, 0, False
        self._sent = time.perf_counter()
        self._transport.write(payload)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def close(self) -> None:
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._received = time.perf_counter()
        self._size += len(data)
        if self._size > MOST_BYTES:
            self._fail(f"the response is longer than {MOST_BYTES // 1_000_000} MB")
            return
        if self._parser is None or self._waiter is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not HTTP: {error}")
            return
        if self._size > MOST_HEADER_BYTES and not self._headers_done:
            self._fail("the headers are too long")

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self._end(error)
        self._parser = self._transport = None  # they refer back: so that they go now, and not when garbage is looked for

    def _end(self, error: Exception | None) -> None:
        """Whoever still waits for a response has it, or learns why there is none."""
        if self._waiter is None or self._waiter.done():
            return
        if self._size and self._parser is not None and self._ends_with_connection():
            self.on_message_complete()
            return
        unused = self._size == 0 and self._served > 0
        text = "connection reset" if isinstance(error, ConnectionResetError) else "connection closed before the response ended"
        self._waiter.set_exception(ConnectionLost(text, unused=unused))

    def _ends_with_connection(self) -> bool:
        """A response without length or chunks ends where the connection does."""
        parser = self._parser
        return parser is not None and self._headers_done and not self._framed and not parser.should_upgrade()

    # httptools
    _headers_done = False
    _framed = False

    def on_message_begin(self) -> None:
        self._headers_done = self._framed = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        self._headers_done = True

    def on_message_complete(self) -> None:
        if self._waiter is None or self._waiter.done() or self._parser is None:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self._interim += 1
            if self._interim > MOST_INTERIM:
                self._fail("too many interim answers")
            return
        self._served += 1
        self._waiter.set_result(Response(status, self._received - self._sent, self._size))
        if not self._parser.should_keep_alive():
            self.close()

    def _fail(self, text: str) -> None:
        with contextlib.suppress(asyncio.InvalidStateError):
            if self._waiter is not None:
                self._waiter.set_exception(ConnectionLost(text))
        self.close()
