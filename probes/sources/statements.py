"""Time and number of statements from `pg_stat_statements`: what the server counted between two runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from probes.kinds.base import Outcome
from probes.sources.base import Unread
from probes.sources.postgres import Session, row

UTILITY = (
    r"^\s*(begin|start|commit|end|rollback|abort|savepoint|release|set|reset|show|discard|deallocate|prepare|listen|unlisten)\y"
)
"""Statements that drivers send around the application's own; they take no time and would draw every mean down."""

FIND = """
SELECT /* milepost */ current_setting('server_version_num')::int, pg_postmaster_start_time()::text,
       (SELECT oid::bigint FROM pg_database WHERE datname = current_database()),
       (SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
        WHERE e.extname = 'pg_stat_statements')
"""
FIRST_WITH_TOTAL_EXEC_TIME, FIRST_WITH_INFO = 130_000, 140_000
MISSING = "pg_stat_statements is not installed in this database: CREATE EXTENSION pg_stat_statements"


@dataclass(frozen=True)
class Count:
    """What the server has counted so far of this database; `dropped` counts statements that it had to forget."""

    calls: int
    total_ms: float
    hidden: bool
    since: str
    dropped: int

    def to_memory(self) -> dict[str, Any]:
        return asdict(self)


async def count(session: Session) -> Count:
    """Count now. Raises Unread where the extension is absent or too old."""
    version, started, database, schema = await row(session, FIND)
    if schema is None:
        raise Unread(MISSING, outcome=Outcome.REFUSED, reason="no pg_stat_statements")
    if version < FIRST_WITH_TOTAL_EXEC_TIME:
        raise Unread("pg_stat_statements is read from PostgreSQL 13 on", outcome=Outcome.REFUSED, reason="PostgreSQL is too old")
    top = "AND toplevel" if version >= FIRST_WITH_INFO else ""
    told = await row(
        session,
        f"SELECT /* milepost */ coalesce(sum(calls), 0)::bigint, coalesce(sum(total_exec_time), 0)::float8, "  # noqa: S608
        f"coalesce(bool_or(query = '<insufficient privilege>'), false) FROM {schema}.pg_stat_statements "
        f"WHERE dbid = %(database)s {top} AND query !~* %(utility)s AND query NOT LIKE '%%/* milepost */%%'",
        {"database": database, "utility": UTILITY},
    )
    dropped, reset = 0, ""
    if version >= FIRST_WITH_INFO:
        dropped, reset = await row(
            session,
            f"SELECT /* milepost */ dealloc, stats_reset::text FROM {schema}.pg_stat_statements_info",  # noqa: S608
        )
    return Count(told[0], told[1], told[2], f"{database} {started} {reset}", dropped)


def between(before: dict[str, Any], now: Count) -> tuple[int, float]:
    """(calls, ms) since the last count. Raises Unread where the two do not belong together."""
    if before.get("since") != now.since or now.calls < before["calls"] or now.total_ms < before["total_ms"]:
        text = "the statistics were reset, or the server started anew, inside the window"
        raise Unread(text, outcome=Outcome.INVALID, reason="restarted")
    if now.dropped != before["dropped"]:
        text = "the server forgot statements inside the window; raise pg_stat_statements.max"
        raise Unread(text, outcome=Outcome.INVALID, reason="statements were forgotten")
    return now.calls - before["calls"], now.total_ms - before["total_ms"]
