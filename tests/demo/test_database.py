"""The pool that is replaced while the service runs."""

from __future__ import annotations

import asyncio
import os
import time

import pytest
from sqlalchemy import text

from demo.database import Database, PoolSize
from probes.instrument import Instrument

OURS = "demo-pool-test"


@pytest.mark.postgres
def test_resized_pool_gives_its_connections_back() -> None:
    url = os.environ["DATABASE_URL"].replace("postgres://", "postgresql+asyncpg://", 1)

    async def use() -> list[int]:
        instrument = Instrument(process=False)
        database = Database(url.rpartition("/")[0] + "/postgres", instrument)

        async def ours() -> int:
            async with database.quiet.connect() as connection:
                count = text(f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{OURS}'")
                return int(await connection.scalar(count) or 0)

        async with database.connect() as one, database.connect() as two:
            for connection in (one, two):
                await connection.execute(text(f"SET SESSION application_name = '{OURS}'"))
        before = await ours()
        await database.resize(PoolSize(size=25, overflow=50, timeout_s=10, recycle_s=3600))
        end = time.monotonic() + 10
        while (after := await ours()) and time.monotonic() < end:
            await asyncio.sleep(0.05)
        await database.close()
        return [before, after, int(instrument.registry.get_sample_value("db_client_connection_max") or 0)]

    assert asyncio.run(use()) == [2, 0, 75]
