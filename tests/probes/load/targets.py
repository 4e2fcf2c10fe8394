"""A target of exactly known behaviour, in a process of its own: `python -m tests.probes.load.targets PORT [certificate]`.

The path says what a request gets: /fixed/50 (after 50 ms), /two/10/200/5 (10 ms, every fifth 200 ms), /status/503, /fast,
/stall/6/1 (5 ms, but for 1 s in every 6 nothing is served), /reset, /cut, /slow-body, /endless, /silent, /once (closes after it).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import sys
import time

import httptools
import uvloop

HEAD = b"HTTP/1.1 %d OK\r\nContent-Length: 2\r\n%s\r\nok"
OK = HEAD % (200, b"")


class Target(asyncio.Protocol):
    turn = 0
    began = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.parser = httptools.HttpRequestParser(self)
        self.loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.path = url

    def on_message_complete(self) -> None:
        name, *rest = self.path.decode().strip("/").split("/")
        getattr(self, name.replace("-", "_"))(*map(float, rest))

    def later(self, ms: float, answer: bytes = OK) -> None:
        if ms <= 0:
            self.transport.write(answer)
        else:
            self.due(time.perf_counter() + ms / 1000, answer)

    def due(self, at: float, answer: bytes) -> None:
        """Never too early: the loop counts in whole milliseconds from a time it took a while ago."""
        left = at - time.perf_counter()
        if left > 0:
            self.loop.call_later(left, self.due, at, answer)
        else:
            self.transport.write(answer)

    def fast(self) -> None:
        self.transport.write(OK)

    def fixed(self, ms: float) -> None:
        self.later(ms)

    def two(self, ms: float, other: float, every: float) -> None:
        Target.turn += 1
        self.later(ms if Target.turn % every else other)

    def status(self, code: float) -> None:
        self.later(0, HEAD % (int(code), b""))

    def stall(self, every: float, length: float) -> None:
        """Answers 5 ms later, or 5 ms after the stall in which it arrived."""
        into = (time.monotonic() - Target.began) % every
        self.later(5 + max(0.0, length - into) * 1000)

    def once(self) -> None:
        self.transport.write(HEAD % (200, b"Connection: close\r\n"))
        self.transport.close()

    def quietly_once(self) -> None:
        self.transport.write(OK)
        self.transport.close()

    def reset(self) -> None:
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def cut(self) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nok")
        self.transport.close()

    def unframed(self) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\n\r\nhello")
        self.transport.close()

    def slow_body(self) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        for step in range(10):
            self.later(10 * (step + 1), b"x")

    def endless(self) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.more()

    def more(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
            self.loop.call_later(0.01, self.more)

    def silent(self) -> None:
        return None


async def serve(port: int, tls: ssl.SSLContext | None) -> None:
    server = await asyncio.get_running_loop().create_server(Target, "127.0.0.1", port, ssl=tls, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    context = None
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2])
    uvloop.run(serve(int(sys.argv[1]), context))
