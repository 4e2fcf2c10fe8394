"""Makes a FastAPI application measurable: database, cache, requests and process, under OpenTelemetry's metric names.

Copy this file into the application, or import it. It needs `prometheus_client`; SQLAlchemy only where an engine is watched.

    instrument = Instrument()
    app.add_middleware(instrument.middleware)
    app.add_route("/metrics", instrument)
    instrument.watch(engine, sqlalchemy.event.listen)      # async or not
    users = instrument.cache("users")                      # users.hit(), users.miss()
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

DATABASE_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
UNMATCHED = "unmatched"
"""Route of requests that no route took, so that random paths do not become label values."""


class Engine(Protocol):
    """A SQLAlchemy engine; `sync_engine` where it is an asynchronous one."""

    pool: Any


class Cache:
    """Hits and misses of one cache. Both exist from the start, so that a rate can be told from the first window on."""

    def __init__(self, counter: Counter, name: str) -> None:
        self._hits = counter.labels(name, "hit")
        self._misses = counter.labels(name, "miss")

    def hit(self) -> None:
        self._hits.inc()

    def miss(self) -> None:
        self._misses.inc()


class Instrument:
    """One per application process. It is itself the ASGI application of the metrics page."""

    def __init__(self, *, process: bool = True) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        if process:
            ProcessCollector(registry=self.registry)
            PlatformCollector(registry=self.registry)
            GCCollector(registry=self.registry)
        self._requests = Histogram(
            "http_server_request_duration_seconds",
            "Duration of HTTP server requests",
            ["http_request_method", "http_route", "http_response_status_code"],
            buckets=REQUEST_BUCKETS,
            registry=self.registry,
        )
        self._active = Gauge("http_server_active_requests", "Requests in flight", registry=self.registry)
        self._statements = Histogram(
            "db_client_operation_duration_seconds",
            "Duration of database statements",
            buckets=DATABASE_BUCKETS,
            registry=self.registry,
        )
        self._connections = Gauge("db_client_connection_count", "Connections of the pool", ["state"], registry=self.registry)
        self._most = Gauge("db_client_connection_max", "Most connections that the pool opens", registry=self.registry)
        self._caches = Counter("cache_requests", "Look-ups in a cache", ["cache_name", "result"], registry=self.registry)
        self.on_statement: list[Callable[[str, float], None]] = []
        """Called with each statement and its seconds, after it was counted."""

    def cache(self, name: str) -> Cache:
        return Cache(self._caches, name)

    def watch(self, engine: Engine, listen: Callable[..., None]) -> None:
        """Time every statement of an engine, also those that fail, and read its pool when asked for metrics.

        `listen` is `sqlalchemy.event.listen`, handed in so that this file needs no SQLAlchemy.
        """
        below = getattr(engine, "sync_engine", engine)
        listen(below, "before_cursor_execute", self._begin)
        listen(below, "after_cursor_execute", self._end)
        listen(below, "handle_error", self._failed)
        self.watch_pool(below.pool)

    def watch_pool(self, pool: Any) -> None:
        """Read the pool's figures at each scrape; a pool that does not count its connections shows none."""
        if not hasattr(pool, "checkedout"):
            return
        self._connections.labels("used").set_function(lambda: pool.checkedout())
        self._connections.labels("idle").set_function(lambda: pool.checkedin())
        self._most.set(pool.size() + max(0, getattr(pool, "_max_overflow", 0)))

    def _begin(self, connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        connection.info.setdefault("milepost_began", []).append(time.perf_counter())

    def _end(self, connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        self._observe(connection, statement)

    def _failed(self, context: Any) -> None:
        if context.connection is not None and context.statement:
            self._observe(context.connection, context.statement)

    def _observe(self, connection: Any, statement: str) -> None:
        began = connection.info.get("milepost_began")
        if not began:
            return
        seconds = time.perf_counter() - began.pop()
        self._statements.observe(seconds)
        for tell in self.on_statement:
            tell(statement, seconds)

    def middleware(self, app: App) -> App:
        """Pure ASGI: counts and times requests by route; one that raised counts as 500."""

        async def measured(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            status = "500"

            async def noting(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = str(message["status"])
                await send(message)

            began = time.perf_counter()
            self._active.inc()
            try:
                await app(scope, receive, noting)
            finally:
                self._active.dec()
                route = getattr(scope.get("route"), "path", UNMATCHED)
                if scope.get("endpoint") is not self:  # a scrape is not the application's work
                    self._requests.labels(scope["method"], route, status).observe(time.perf_counter() - began)

        return measured

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The metrics page: an ASGI application that answers with everything counted."""
        accept = next((value.decode() for name, value in scope.get("headers", []) if name == b"accept"), "")
        encode, content_type = choose_encoder(accept)
        headers = [(b"content-type", content_type.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": encode(self.registry)})
