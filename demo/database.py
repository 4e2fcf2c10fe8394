"""The engine, its pool, its indexes, and the log of its statements."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import delete, event, func, insert, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from demo.models import INDEXES, QueryLog
from probes.instrument import Instrument

KEPT_LOGS = 20_000
LOG_EVERY_S = 1.0
MOST_WAITING = 5_000
DRAIN_LOOKS, DRAIN_S = 100, 0.05


@dataclass(frozen=True)
class PoolSize:
    """What SQLAlchemy's pool takes; `recycle_s` −1 means never."""

    size: int = 10
    overflow: int = 20
    timeout_s: int = 30
    recycle_s: int = -1


class Database:
    """One service's database. Statements of the service are timed; those that keep its log are not."""

    def __init__(self, url: str, instrument: Instrument) -> None:
        self.url = url
        self.instrument = instrument
        self.waiting: deque[tuple[float, float, str]] = deque(maxlen=MOST_WAITING)
        self.instrument.on_statement.append(self._note)
        self.quiet = create_async_engine(url, pool_size=1, max_overflow=1)
        self.engine = self._make(PoolSize())
        self.pool = PoolSize()
        self.forgotten: list[AsyncConnection] = []

    @property
    def sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    def _make(self, pool: PoolSize) -> AsyncEngine:
        engine = create_async_engine(
            self.url,
            pool_size=pool.size,
            max_overflow=pool.overflow,
            pool_timeout=pool.timeout_s,
            pool_recycle=pool.recycle_s,
        )
        if self.sqlite:
            event.listen(engine.sync_engine, "connect", _tune)
        self.instrument.watch(engine, event.listen)
        return engine

    async def resize(self, pool: PoolSize) -> None:
        """Give new requests another pool; those under way finish on the old one, which is closed when they have."""
        old, self.engine, self.pool = self.engine, self._make(pool), pool
        for _ in range(DRAIN_LOOKS):
            if not old.pool.checkedout():  # type: ignore[attr-defined]
                break
            await asyncio.sleep(DRAIN_S)
        await old.dispose()

    async def forget_one(self, most: int) -> None:
        """Take a connection and never give it back, as code does that forgets to close it; `most` at a time."""
        if len(self.forgotten) < most:
            self.forgotten.append(await self.engine.connect())

    async def close_forgotten(self) -> None:
        while self.forgotten:
            await self.forgotten.pop().close()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        async with self.engine.begin() as connection:
            yield connection

    async def indexes(self) -> set[str]:
        """The switchable indexes that exist right now."""
        async with self.quiet.connect() as connection:

            def names(sync: object) -> set[str]:
                found = inspect(sync)
                tables = {table for table, _ in INDEXES.values()}
                return {str(index["name"]) for table in tables for index in found.get_indexes(table)}

            return await connection.run_sync(names) & INDEXES.keys()

    async def set_indexes(self, wanted: bool) -> None:
        """Create or drop them for real, and let the planner know."""
        async with self.quiet.begin() as connection:
            for name, (table, columns) in INDEXES.items():
                if wanted:
                    await connection.execute(text(f"CREATE INDEX IF NOT EXISTS {name} ON {table} ({', '.join(columns)})"))
                else:
                    await connection.execute(text(f"DROP INDEX IF EXISTS {name}"))
            await connection.execute(text("ANALYZE"))

    def _note(self, statement: str, seconds: float) -> None:
        self.waiting.append((time.time(), seconds * 1000, statement[:300]))

    async def keep_log(self) -> None:
        """Write the statements of each second at once, and forget the oldest beyond `KEPT_LOGS`."""
        while True:
            await asyncio.sleep(LOG_EVERY_S)
            rows: list[dict[str, float | str]] = [
                {"at": at, "duration": duration, "statement": statement} for at, duration, statement in self._taken()
            ]
            if rows:
                with contextlib.suppress(SQLAlchemyError):
                    await self._write(rows)

    def _taken(self) -> list[tuple[float, float, str]]:
        taken = []
        while self.waiting:
            taken.append(self.waiting.popleft())
        return taken

    async def _write(self, rows: list[dict[str, float | str]]) -> None:
        async with self.quiet.begin() as connection:
            await connection.execute(insert(QueryLog), rows)
            newest = await connection.scalar(select(func.max(QueryLog.id)))
            await connection.execute(delete(QueryLog).where(QueryLog.id <= (newest or 0) - KEPT_LOGS))

    async def close(self) -> None:
        await self.close_forgotten()
        await self.engine.dispose()
        await self.quiet.dispose()


def _tune(connection: object, _: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()
