"""What the instrument costs an application: the same ASGI request with and without its middleware."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI

from benchmarks.table import Line
from probes.instrument import Instrument

REQUESTS = 3000
SCOPE: dict[str, Any] = {
    "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": "/users/1",
    "raw_path": b"/users/1", "query_string": b"", "root_path": "", "headers": [],
    "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
}  # fmt: skip


def application() -> FastAPI:
    app = FastAPI()

    @app.get("/users/{user_id}")
    async def user(user_id: int) -> dict[str, int]:
        return {"id": user_id}

    return app


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Any) -> None:
    return None


def microseconds(app: Callable[..., Awaitable[None]]) -> float:
    """Processor time of one request."""

    async def many() -> float:
        for _ in range(300):
            await app(dict(SCOPE), receive, send)
        began = time.process_time()
        for _ in range(REQUESTS):
            await app(dict(SCOPE), receive, send)
        return (time.process_time() - began) / REQUESTS * 1e6

    return asyncio.run(many())


def measure() -> list[Line]:
    bare, instrumented = application(), application()
    instrumented.add_middleware(Instrument().middleware)  # type: ignore[arg-type]
    rounds = [(microseconds(bare), microseconds(instrumented)) for _ in range(5)]
    plain, measured = (sorted(column)[2] for column in zip(*rounds, strict=True))
    beside = f"bare FastAPI request: {plain:.1f} µs CPU"
    return [Line("FastAPI request with the instrument", f"{measured:.1f} µs CPU", beside, f"{measured / plain:.2f}")]
