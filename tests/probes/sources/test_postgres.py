"""The guarded connection: what an address may say, and what a session may do."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from outgoing.addresses import AddressPolicy, Refused
from probes.kinds import queries
from probes.kinds.base import Outcome
from probes.sources.postgres import dsn_parts
from tests.probes.sources.conftest import Prober, told


@pytest.mark.parametrize(
    "dsn",
    [
        "postgres://app:secret@db.internal:6432/orders?sslmode=require",
        "postgresql+asyncpg://app:secret@db.internal:6432/orders?sslmode=require",
        "host=db.internal port=6432 user=app password=secret dbname=orders sslmode=require",
    ],
)
def test_an_address_is_read_in_each_of_its_forms(dsn: str) -> None:
    assert dsn_parts(dsn) == {
        "host": "db.internal", "port": 6432, "user": "app", "password": "secret", "dbname": "orders", "sslmode": "require",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("dsn", "text"),
    [
        ("postgres://app@/orders", "names one host"),
        ("postgres://app@%2Fvar%2Frun/orders", "names one host"),
        ("postgres://app@a,b/orders", "names one host"),
        ("postgres://a.internal/orders", "names no user"),
        ("postgres://app@a.internal:0/orders", "port"),
        ("postgres://app@0x7f.1/orders", "disguised"),
        ("postgres://app@a.internal/orders?hostaddr=169.254.169.254", "holds hostaddr"),
        ("postgres://app@a.internal/orders?sslkey=/etc/ssl/key.pem", "holds sslkey"),
        ("postgres://app@a.internal/orders?service=own", "holds service"),
        ("postgres://app@a.internal/orders?options=-c%20a%3Db", "holds options"),
        ("mysql://app:secret@a.internal/orders", "cannot be read"),
    ],
)
def test_an_address_that_leads_elsewhere_is_refused_without_its_password(dsn: str, text: str) -> None:
    with pytest.raises(Refused, match=text) as refused:
        dsn_parts(dsn)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "10.0.0.1", "127.0.0.1", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "localhost"]
)
def test_the_address_policy_stands_before_the_database(host: str) -> None:
    with pytest.raises(Refused):
        Prober(queries, database_dsn=f"postgres://app:secret@{host}/orders")(AddressPolicy.of([]), source="sql")


def test_a_service_without_a_database_address_is_told_so() -> None:
    one = Prober(queries)(source="pg_stat_activity")
    assert (one.outcome, one.error) == (Outcome.REFUSED, "the service has no database address")


def test_a_dead_database_fails_plainly(dead_url: str) -> None:
    one = Prober(queries, database_dsn=f"postgres://app:secret@{dead_url.removeprefix('http://')}/orders")(source="sql")
    assert (one.outcome, one.error) == (Outcome.FAILED, "Connection refused")


def test_what_does_not_speak_postgres_fails_and_shows_nothing_of_its_answer(scripted: Any) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nroot:x:0:0\r\n")
        writer.close()

    address = scripted(script).removeprefix("http://")
    one = Prober(queries, database_dsn=f"postgres://app:secret@{address}/orders")(source="sql")
    assert (one.outcome, one.readings) == (Outcome.FAILED, [])
    assert "root" not in one.error


def test_a_silent_database_times_out(scripted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    address = scripted(script).removeprefix("http://")
    one = Prober(queries, database_dsn=f"postgres://app:secret@{address}/orders")(source="sql", timeout_s=0.1)
    assert one.outcome == Outcome.TIMED_OUT


@pytest.mark.postgres
def test_a_wrong_user_is_told_without_the_password(dsn: str) -> None:
    wrong = psycopg.conninfo.make_conninfo(dsn, user="nobody_here", password="top-secret")
    one = Prober(queries, database_dsn=wrong)(source="sql")
    assert one.outcome == Outcome.FAILED
    assert "nobody_here" in one.error
    assert "top-secret" not in one.error


@pytest.mark.postgres
def test_connections_at_work_are_told_apart_from_idle_ones(dsn: str) -> None:
    with psycopg.connect(dsn) as busy, psycopg.connect(dsn, autocommit=True) as idle:
        busy.execute("SELECT 1")
        idle.execute("SELECT 1")
        one = Prober(queries, database_dsn=dsn)(source="pg_stat_activity")
    assert told(one) == [("db_connections", 1, "count", 1, "at work or in a transaction")]
    assert (one.details["connections_idle"], one.details["connections_idle_in_transaction"]) == (1, 1)
    assert one.details["connections_most"] > 1
