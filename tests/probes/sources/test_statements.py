"""What PostgreSQL counted between two runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from probes.kinds import queries
from probes.kinds.base import Outcome
from probes.sources import Unread
from probes.sources.statements import Count, between
from tests.probes.sources.conftest import Prober

Application = Callable[..., Any]
THEN = Count(100, 5_000.0, False, "1 monday", 0)


@pytest.fixture
def in_turn(dsn: str) -> Iterator[None]:
    """A server counts for all of its databases: what another process resets meanwhile would be reset here too."""
    with psycopg.connect(f"{dsn.rpartition('/')[0]}/postgres") as admin:
        admin.execute("SELECT pg_advisory_lock(hashtext('statements'))")
        yield


def forget(application: Application) -> None:
    """Reset what was counted: it also makes room, of which a server that runs the other tests soon has none."""
    schema = application("SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'pg_stat_statements'").fetchone()[0]
    application(f"SELECT {schema}.pg_stat_statements_reset()")


@pytest.mark.postgres
def test_an_absent_extension_is_told(dsn: str, application: Application) -> None:
    application("DROP EXTENSION IF EXISTS pg_stat_statements")
    one = Prober(queries, database_dsn=dsn)(source="pg_stat_statements")
    assert (one.outcome, one.reason) == (Outcome.REFUSED, "no pg_stat_statements")
    assert "CREATE EXTENSION" in one.error


@pytest.mark.postgres
@pytest.mark.statements
@pytest.mark.usefixtures("in_turn")
def test_statements_of_the_window_are_counted_and_those_of_drivers_are_not(dsn: str, application: Application) -> None:
    application("CREATE SCHEMA IF NOT EXISTS extensions")
    application("CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA extensions")
    forget(application)
    probe = Prober(queries, database_dsn=dsn)
    assert probe(source="pg_stat_statements").reason == "no window yet: the next run has one"
    for _ in range(4):
        application("BEGIN")
        application("SELECT pg_sleep(0.05)")
        application("COMMIT")
    one = probe(source="pg_stat_statements")
    assert one.readings, one
    assert (one.outcome, one.readings[0].metric, one.readings[0].unit, one.readings[0].count) == (
        Outcome.OK,
        "db_query_time",
        "ms",
        4,
    )
    assert 50 <= one.readings[0].value < 100
    assert probe(source="pg_stat_statements").reason == "no statement in the window"


@pytest.mark.postgres
@pytest.mark.statements
@pytest.mark.usefixtures("in_turn")
def test_a_reset_makes_the_window_invalid_once(dsn: str, application: Application) -> None:
    application("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    probe = Prober(queries, database_dsn=dsn)
    probe(source="pg_stat_statements")
    forget(application)
    one = probe(source="pg_stat_statements")
    assert (one.outcome, one.reason, one.readings) == (Outcome.INVALID, "restarted", [])
    assert probe(source="pg_stat_statements").outcome == Outcome.OK


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (Count(99, 6_000.0, False, "1 monday", 0), "restarted"),
        (Count(101, 4_000.0, False, "1 monday", 0), "restarted"),
        (Count(101, 6_000.0, False, "1 tuesday", 0), "restarted"),
        (Count(101, 6_000.0, False, "1 monday", 3), "statements were forgotten"),
    ],
)
def test_counts_that_do_not_belong_together_are_not_compared(now: Count, reason: str) -> None:
    with pytest.raises(Unread) as unread:
        between(THEN.to_memory(), now)
    assert (unread.value.reason, unread.value.outcome) == (reason, Outcome.INVALID)
