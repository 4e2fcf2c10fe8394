"""Figures by statements of an engineer's own: read-only, one row, in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from probes.kinds import queries
from probes.kinds.base import Outcome
from tests.probes.sources.conftest import Prober, told

pytestmark = pytest.mark.postgres

Application = Callable[..., Any]


@pytest.fixture
def log(application: Application) -> Iterator[Application]:
    """The document's `query_logs`, with three statements of the past."""
    application("CREATE TABLE query_logs (at timestamptz NOT NULL DEFAULT clock_timestamp(), duration float8)")
    application("INSERT INTO query_logs VALUES ('2026-01-01', 10), ('2026-01-01', 20), ('2026-01-01', 60)")
    yield application
    application("DROP TABLE query_logs")


@pytest.fixture
def probe(dsn: str) -> Prober:
    return Prober(queries, database_dsn=dsn)


def test_the_document_s_statement_stands_ready_and_says_that_it_tells_all_history(log: Application, probe: Prober) -> None:
    assert told(probe(source="sql")) == [("db_query_time", 30, "ms", 1, "all history")]


def test_a_window_holds_what_came_since_the_last_run(log: Application, probe: Prober) -> None:
    windowed = "SELECT avg(duration) AS value, count(*) AS samples FROM query_logs WHERE at >= :window_start;"
    first = probe(source="sql", sql=windowed)
    assert (first.readings, first.reason) == ([], "no window yet: the next run has one")
    log("INSERT INTO query_logs (duration) VALUES (2), (4)")
    assert told(probe(source="sql", sql=windowed)) == [("db_query_time", 3, "ms", 2, "")]
    assert probe(source="sql", sql=windowed).reason == "the statement gave no figure"


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("SELECT 1.5", 1500),
        ("SELECT 2 -- a remark", 2000),
        ("WITH two AS (SELECT 2) SELECT * FROM two", 2000),
        ("SELECT '1,250.5 '", 1250500),
        ("SELECT 3 WHERE 'a%' LIKE 'a%' ; ", 3000),
        ("SELECT count(*) FROM query_logs WHERE duration > 15::int", 2000),
    ],
)
def test_a_figure_is_read_in_its_unit(log: Application, probe: Prober, sql: str, value: float) -> None:
    assert told(probe(source="sql", sql=sql, sql_unit="s")) == [("db_query_time", value, "ms", 1, "all history")]


@pytest.mark.parametrize(
    ("sql", "outcome", "text"),
    [
        ("SELECT duration FROM query_logs", Outcome.FAILED, "more than one row"),
        ("SELECT 1 WHERE false", Outcome.OK, "no row"),
        ("SELECT NULL", Outcome.OK, ""),
        ("SELECT 'nothing'", Outcome.FAILED, "is no number"),
        ("SELECT 'NaN'::float8", Outcome.FAILED, "is no number"),
        ("SELECT repeat('9', 100000000)", Outcome.FAILED, "is no number"),
        ("SELECT 1/0", Outcome.FAILED, "DivisionByZero"),
        ("SELECT 'hunter2'::int", Outcome.FAILED, "InvalidTextRepresentation"),
        ("SELECT * FROM nowhere", Outcome.FAILED, 'relation "nowhere" does not exist'),
        ("DELETE FROM query_logs", Outcome.FAILED, "syntax error"),
        ("SELECT 1) AS a; DELETE FROM query_logs; SELECT (1", Outcome.FAILED, "cannot insert multiple commands"),
        ("WITH gone AS (DELETE FROM query_logs RETURNING 1) SELECT count(*) FROM gone", Outcome.FAILED, "top level"),
        ("SELECT set_config('transaction_read_only', 'off', true)", Outcome.FAILED, "must be set before any query"),
        ("SELECT nextval('numbers')", Outcome.FAILED, "read-only transaction"),
    ],
)  # fmt: skip
def test_what_is_not_one_figure_is_told_and_changes_nothing(
    log: Application, probe: Prober, sql: str, outcome: Outcome, text: str
) -> None:
    log("CREATE SEQUENCE IF NOT EXISTS numbers")
    one = probe(source="sql", sql=sql)
    assert (one.outcome, one.readings) == (outcome, [])
    assert text in one.error
    assert "hunter2" not in one.error
    assert log("SELECT count(*) FROM query_logs").fetchone() == (3,)


def test_a_long_statement_is_cancelled_in_the_server(probe: Prober, application: Application) -> None:
    began = time.monotonic()
    one = probe(source="sql", sql="SELECT 1 FROM pg_sleep(20)", timeout_s=0.2)
    assert (one.outcome, one.error) == (Outcome.TIMED_OUT, "the statement took longer than 0.2 s")
    assert time.monotonic() - began < 5
    assert application("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%' AND pid <> pg_backend_pid()"
                       " AND state = 'active'").fetchone() == (0,)  # fmt: skip


def test_a_window_is_cut_by_the_database_s_clock(probe: Prober) -> None:
    probe(source="sql", sql="SELECT extract(epoch FROM :window_start)")
    then = datetime.fromisoformat(probe.memory["window_end"])
    one = probe(source="sql", sql="SELECT extract(epoch FROM :window_start)", sql_unit="s")
    assert one.readings[0].value == pytest.approx(then.timestamp() * 1000)
    assert abs((datetime.now(UTC) - then).total_seconds()) < 60


def test_a_unit_that_does_not_fit_what_is_read_is_refused() -> None:
    with pytest.raises(ValueError, match="not counted in"):
        queries.Params(sql_metric="db_connections", sql_unit="ms")
