"""The helper in a real application: what it counted is what was done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import NullPool, create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from probes.instrument import UNMATCHED, Instrument

STATEMENTS = "db_client_operation_duration_seconds_count"
REQUESTS = "http_server_request_duration_seconds_count"


@pytest.fixture
def instrument() -> Instrument:
    return Instrument(process=False)


@pytest.fixture
def engine(instrument: Instrument, tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(f"sqlite:///{tmp_path / 'x.sqlite3'}", pool_size=3, max_overflow=4)
    instrument.watch(made, event.listen)
    yield made
    made.dispose()


def value(instrument: Instrument, name: str, **labels: str) -> float | None:
    return instrument.registry.get_sample_value(name, labels)


def application(instrument: Instrument) -> FastAPI:
    app = FastAPI()
    app.add_middleware(instrument.middleware)  # type: ignore[arg-type]
    app.add_route("/metrics", instrument)

    @app.get("/items/{item}")
    async def item(item: int) -> dict[str, int]:
        return {"item": 1 // item}

    return app


@asynccontextmanager
async def asking(instrument: Instrument) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application(instrument), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        yield client


def test_every_statement_is_timed_and_told(instrument: Instrument, engine: Engine) -> None:
    told: list[tuple[str, float]] = []
    instrument.on_statement.append(lambda statement, seconds: told.append((statement, seconds)))
    with engine.connect() as connection:
        for _ in range(3):
            connection.execute(text("SELECT 1"))
    assert value(instrument, STATEMENTS) == 3
    assert [statement for statement, _ in told] == ["SELECT 1"] * 3
    assert value(instrument, "db_client_operation_duration_seconds_sum") == pytest.approx(sum(seconds for _, seconds in told))


def test_failed_statement_counts_once_and_upsets_no_later_one(instrument: Instrument, engine: Engine) -> None:
    with engine.connect() as connection:
        with pytest.raises(OperationalError):
            connection.execute(text("SELECT * FROM nowhere"))
        connection.execute(text("SELECT 1"))
    assert value(instrument, STATEMENTS) == 2


def test_pool_shows_what_is_used_now(instrument: Instrument, engine: Engine) -> None:
    with engine.connect(), engine.connect():
        assert value(instrument, "db_client_connection_count", state="used") == 2
    assert value(instrument, "db_client_connection_count", state="used") == 0
    assert value(instrument, "db_client_connection_count", state="idle") == 2
    assert value(instrument, "db_client_connection_max") == 7


def test_pool_that_counts_nothing_shows_nothing(instrument: Instrument) -> None:
    instrument.watch(create_engine("sqlite://", poolclass=NullPool), event.listen)
    assert value(instrument, "db_client_connection_count", state="used") is None


def test_asynchronous_engine_is_watched_as_well(instrument: Instrument, tmp_path: Path) -> None:
    async def use() -> None:
        engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'y.sqlite3'}")
        instrument.watch(engine, event.listen)
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            assert value(instrument, "db_client_connection_count", state="used") == 1
        await engine.dispose()

    asyncio.run(use())
    assert value(instrument, STATEMENTS) == 1


def test_cache_has_both_results_before_its_first_use(instrument: Instrument) -> None:
    users = instrument.cache("users")
    assert [value(instrument, "cache_requests_total", cache_name="users", result=result) for result in ("hit", "miss")] == [0, 0]
    users.hit()
    users.miss()
    users.miss()
    assert [value(instrument, "cache_requests_total", cache_name="users", result=result) for result in ("hit", "miss")] == [1, 2]


def test_requests_are_counted_by_route_and_status_without_scrapes(instrument: Instrument) -> None:
    async def use() -> None:
        async with asking(instrument) as client:
            for path in ("/items/1", "/items/2", "/items/0", "/items/x", "/random/7", "/random/8", "/metrics"):
                await client.get(path)

    asyncio.run(use())
    counted = {
        (sample.labels["http_route"], sample.labels["http_response_status_code"]): sample.value
        for family in instrument.registry.collect()
        for sample in family.samples
        if sample.name == REQUESTS
    }
    route = "/items/{item}"
    assert counted == {(route, "200"): 2, (route, "500"): 1, (route, "422"): 1, (UNMATCHED, "404"): 2}
    assert value(instrument, "http_server_active_requests") == 0


@pytest.mark.parametrize(
    ("accept", "media_type"), [("", "text/plain"), ("application/openmetrics-text", "application/openmetrics-text")]
)
def test_metrics_come_in_the_form_asked_for(instrument: Instrument, accept: str, media_type: str) -> None:
    async def answer() -> httpx.Response:
        async with asking(instrument) as client:
            return await client.get("/metrics", headers={"accept": accept})

    found = asyncio.run(answer())
    assert found.headers["content-type"].startswith(media_type)
    assert found.text.endswith("# EOF\n") == ("openmetrics" in media_type)


def test_process_is_shown_where_wanted() -> None:
    assert (value(Instrument(), "process_resident_memory_bytes") or 0) > 1e6
    assert value(Instrument(process=False), "process_resident_memory_bytes") is None
