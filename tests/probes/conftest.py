"""A real application and a scripted server, each in a thread of its own, on a free port."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse, StreamingResponse

from probes import running

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def application() -> FastAPI:
    """What a service may answer; `/seen` tells which headers came."""
    app = FastAPI()
    _plain(app)
    _timed(app)
    _documents(app)
    return app


def _plain(app: FastAPI) -> None:
    @app.get("/")
    @app.get("/health")
    async def fine() -> dict[str, str]:
        return {"status": "fine"}

    @app.get("/answer/{status}")
    async def answer(status: int) -> Response:
        return Response(status_code=status)

    @app.get("/away")
    async def away(to: str) -> Response:
        return RedirectResponse(to)

    @app.get("/seen")
    async def seen(request: Request) -> dict[str, str]:
        return dict(request.headers)


def _timed(app: FastAPI) -> None:
    @app.get("/slow/{ms}")
    async def slow(ms: int) -> str:
        await _whole(ms / 1000)
        return "late"

    kept: set[str] = set()

    @app.get("/cached/{item}")
    async def cached(item: str, request: Request) -> str:
        if str(request.url) not in kept or request.headers.get("cache-control") == "no-cache":
            await _whole(0.05)
            kept.add(str(request.url))
        return item


async def _whole(seconds: float) -> None:
    """Wait no less than this: the server's loop counts in whole milliseconds from a time it took a while ago."""
    end = time.perf_counter() + seconds
    while (left := end - time.perf_counter()) > 0:
        await asyncio.sleep(left)


def _documents(app: FastAPI) -> None:
    @app.get("/chunks")
    async def chunks() -> Response:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b"x" * 1000

        return StreamingResponse(parts())

    @app.get("/long")
    async def long() -> Response:
        return PlainTextResponse("x" * 6_000_000)

    @app.get("/metrics")
    async def metrics() -> Response:
        return PlainTextResponse("process_resident_memory_bytes 1000000\n")


@pytest.fixture(scope="session")
def service_url() -> Iterator[str]:
    """The base address of a running FastAPI application."""
    config = uvicorn.Config(application(), host="127.0.0.1", port=0, log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    listener = config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listener.close()


@pytest.fixture
def scripted() -> Iterator[Callable[..., str]]:
    """`scripted(script, tls)` starts a server that answers each connection by the script, and gives its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    servers = []

    def start(script: Script, tls: ssl.SSLContext | None = None) -> str:
        serving = asyncio.start_server(partial(_served, script), "127.0.0.1", 0, ssl=tls)
        server = asyncio.run_coroutine_threadsafe(serving, loop).result(5)
        servers.append(server)
        return f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    asyncio.run_coroutine_threadsafe(_stop(servers), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


async def _served(script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """No connection outlives its script, however that ends."""
    try:
        await script(reader, writer)
    except ConnectionError:
        writer.transport.abort()
    except asyncio.CancelledError:
        writer.transport.abort()
        raise
    finally:
        writer.close()


async def _stop(servers: list[asyncio.Server]) -> None:
    for server in servers:
        server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0.01)  # transports close one turn later


@pytest.fixture
def dead_url() -> str:
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def reachable(settings: Any) -> Iterator[None]:
    """Servers on this machine may be measured."""
    settings.PROBE_ALLOW, settings.PROBE_DENY = ["127.0.0.0/8"], []
    running.policy.cache_clear()
    yield
    running.policy.cache_clear()
