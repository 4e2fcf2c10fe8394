"""One connection under load: a plain socket on the event loop, its answers parsed by llhttp, TLS in memory.

The socket is read by hand, since only so the kernel tells when bytes arrived (SO_TIMESTAMPNS): the reading is then free
of the time that they waited for this process.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import sys
from time import time_ns
from typing import Any, Protocol

import httptools

SO_TIMESTAMPNS = 35
STAMP = struct.Struct("ll")
ANCILLARY = socket.CMSG_SPACE(STAMP.size) if hasattr(socket, "CMSG_SPACE") else 0
CAN_STAMP = sys.platform == "linux"
MOST_BYTES = 20_000_000
MOST_HEAD = 8_192
BUFFER = bytearray(65_536)
"""Shared by all connections of a process: what one read brings is parsed before the next."""

VIEW = memoryview(BUFFER)
BUFFERS = [BUFFER]


class Crew(Protocol):
    """Who sends over a connection: told of each answer, and of its end."""

    def answered(self, wire: Wire, at_ns: int, lag_ns: int) -> None: ...
    def lost(self, wire: Wire, text: str, *, unused: bool) -> None: ...


class Wire:
    """`busy` from `send` until its answer is whole; what the crew needs to know of a request travels in the slots below."""

    __slots__ = (
        "_fd", "_head", "_incoming", "_keep", "_loop", "_outgoing", "_parser", "_rest", "_served", "_tls", "busy", "closed",
        "complete", "crew", "due", "index", "intended", "record", "sent", "size", "sock", "stamped", "status", "user",
    )  # fmt: skip

    def __init__(self, crew: Crew, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self.crew, self.sock, self._loop = crew, sock, loop
        self._fd = sock.fileno()
        self._parser = httptools.HttpResponseParser(self)
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._rest = self._head = b""
        self._served = 0
        self.busy = self.closed = self.complete = self._keep = False
        self.stamped = False
        self.intended = self.sent = self.due = 0
        self.status = self.size = self.index = 0
        self.record: Any = None
        self.user: Any = None

    @classmethod
    async def open(
        cls, crew: Crew, family: int, address: tuple[Any, ...], *, tls: ssl.SSLContext | None, name: str, stamps: bool
    ) -> Wire:
        """Connect to an address that was checked. Raises OSError."""
        loop = asyncio.get_running_loop()
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if stamps and CAN_STAMP:
                sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            await loop.sock_connect(sock, address)
            wire = cls(crew, sock, loop)
            if tls is not None:
                await wire._shake_hands(tls, name)
            loop.add_reader(wire._fd, wire.readable)
        except BaseException:
            sock.close()
            raise
        return wire

    async def _shake_hands(self, context: ssl.SSLContext, name: str) -> None:
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self._loop.sock_recv(self.sock, 65_536)
                if not data:
                    raise ConnectionResetError("closed during the TLS handshake") from None
                self._incoming.write(data)
            else:
                await self._flush()
                return

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._loop.sock_sendall(self.sock, self._outgoing.read())

    def send(self, payload: bytes) -> None:
        """Send a prepared request; only while not busy."""
        self.busy, self.complete, self.size, self._head = True, False, 0, b""
        self.sent = time_ns()
        if self._tls is not None:
            self._tls.write(payload)
            payload = self._outgoing.read()
        try:
            done = self.sock.send(payload)
        except (BlockingIOError, InterruptedError):
            done = 0
        except OSError as error:
            self._end(reason(error))
            return
        if done < len(payload):
            self._rest = payload[done:]
            self._loop.add_writer(self._fd, self._writable)

    def _writable(self) -> None:
        try:
            self._rest = self._rest[self.sock.send(self._rest) :]
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(reason(error))
            return
        if not self._rest:
            self._loop.remove_writer(self._fd)

    def readable(self) -> None:
        try:
            count, told, _, _ = self.sock.recvmsg_into(BUFFERS, ANCILLARY)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(reason(error))
            return
        now = time_ns()
        at = now
        if told and told[0][1] == SO_TIMESTAMPNS:
            seconds, nanoseconds = STAMP.unpack(told[0][2])
            stamp = seconds * 1_000_000_000 + nanoseconds
            if self.sent <= stamp <= now:
                at, self.stamped = stamp, True
        if not count:
            self._ended()
            return
        if self._tls is None:
            self._take(VIEW[:count], at, now)
        else:
            self._take_secret(VIEW[:count], at, now)

    def _take_secret(self, data: memoryview, at: int, now: int) -> None:
        """Over TLS the other side may say that it ends together with its last bytes, and keep the connection open after it."""
        self._incoming.write(data)
        parts, ending = [], False
        try:
            while part := self._tls.read(65_536):  # type: ignore[union-attr]
                parts.append(part)
            ending = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self._end(f"TLS: {error.reason or 'broken'}")
            return
        if parts:
            self._take(b"".join(parts), at, now)
        if ending and not self.closed:
            self._ended()

    def _take(self, data: bytes | memoryview, at: int, now: int) -> None:
        if not self.busy:
            self._end("bytes that nobody asked for")
            return
        self.size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._end(f"not HTTP: {error}")
            return
        if self.complete:
            self.busy = False
            self._served += 1
            if not self._keep:
                self.close()
            self.crew.answered(self, at, now - at)
        elif self.size > MOST_BYTES:
            self._end(f"the response is longer than {MOST_BYTES // 1_000_000} MB")
        elif len(self._head) < MOST_HEAD:
            self._head += bytes(data[:MOST_HEAD])

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:
            self.status, self.complete, self._keep = status, True, self._parser.should_keep_alive()

    def _ended(self) -> None:
        """The other side has closed: an answer without length and chunks ends so; any other is cut short."""
        head, found, _ = self._head.lower().partition(b"\r\n\r\n")
        framed = b"\r\ncontent-length:" in head or b"\r\ntransfer-encoding:" in head
        if self.busy and found and not framed:
            self.status = self._parser.get_status_code()
            self.busy = False
            self.close()
            now = time_ns()
            self.crew.answered(self, now, 0)
        else:
            self._end("connection closed before the response ended")

    def _end(self, text: str) -> None:
        unused = self.size == 0 and self._served > 0
        was_busy, self.busy = self.busy, False
        self.close()
        if was_busy:
            self.crew.lost(self, text, unused=unused)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._loop.remove_reader(self._fd)
            if self._rest:
                self._loop.remove_writer(self._fd)
            self.sock.close()


def reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "TLS: CERTIFICATE_VERIFY_FAILED"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or 'certificate problem'}"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "connection reset"
    return error.strerror or type(error).__name__
