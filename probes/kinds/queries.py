"""Database time and connections: from the application's metrics, from PostgreSQL itself, or from what answers carry."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from kpis.readings import Reading
from kpis.units import convert, family
from probes.kinds.base import Measured, Outcome, Target, Tools
from probes.kinds.params import Paths
from probes.metrics.reading import Told, left_out, ratio, reading
from probes.metrics.reading import measure as from_metrics
from probes.metrics.scrape import Scrape
from probes.metrics.window import Window
from probes.sources import NO_WINDOW, Unread, activity, nothing, postgres, remembered, server_timing, sql, statements

LABEL = "Database queries"
METRICS = {"db_query_time": "ms", "db_time_per_request": "ms", "db_connections": "count", "error_rate": "ratio"}
DEFAULT_INTERVAL_S = 60
TIMED = False
SUMS = ("db_client_operation_duration_seconds_sum", "db_client_operation_duration_sum")
COUNTS = ("db_client_operation_duration_seconds_count", "db_client_operation_duration_count")
CONNECTIONS = ("db_client_connection_count", "db_client_connections_usage")


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: Annotated[
        Literal["metrics", "pg_stat_statements", "pg_stat_activity", "sql", "server_timing"],
        Meta(
            title="Read from",
            description="What reads PostgreSQL needs the service's database address.",
            extra_json_schema={
                "labels": {
                    "metrics": "metrics: the application's own",
                    "pg_stat_statements": "pg_stat_statements: what PostgreSQL counted of all statements",
                    "pg_stat_activity": "pg_stat_activity: connections of this moment in PostgreSQL",
                    "sql": "sql: a read-only statement of your own in PostgreSQL",
                    "server_timing": "server_timing: headers of the application's answers",
                }
            },
        ),
    ] = "metrics"
    sql: Annotated[
        str,
        Meta(
            title="Statement",
            description="For sql: one row whose first column is the figure; a column named samples says how many stand behind "
            "it. :window_start is when the last run read; without it the figure is marked all history.",
            max_length=4000,
            extra_json_schema={"rows": 4},
        ),
    ] = "SELECT AVG(duration) FROM query_logs"
    sql_metric: Annotated[
        Literal["db_query_time", "db_time_per_request", "db_connections", "error_rate"],
        Meta(title="The statement reads", description="For sql."),
    ] = "db_query_time"
    sql_unit: Annotated[
        Literal["us", "ms", "s", "ratio", "%", "count"], Meta(title="Unit of its figure", description="For sql.")
    ] = "ms"
    timeout_s: Annotated[
        float, Meta(title="Statement time-out, s", description="For what PostgreSQL is asked.", ge=0.1, le=30)
    ] = 5.0
    paths: Annotated[
        Paths,
        Meta(title="Paths", description="For server_timing: one a line, asked in turn.", min_length=1, max_length=20),
    ] = msgspec.field(default_factory=lambda: ["/"])
    requests: Annotated[int, Meta(title="Requests a run", description="For server_timing.", ge=1, le=50)] = 5
    timing_name: Annotated[
        str,
        Meta(
            title="Name of the entry",
            description="For server_timing: db in db;dur=12.3.",
            pattern=r"^[\w.-]{1,40}$(?#1 to 40 letters, digits, points, dashes and underscores)",
        ),
    ] = "db"

    def __post_init__(self) -> None:
        if family(self.sql_unit) != family(METRICS[self.sql_metric]):
            raise ValueError(f"{self.sql_metric} is not counted in {self.sql_unit}")
        if not self.sql.strip():
            raise ValueError("the statement is empty")


async def measure(target: Target, params: Params, tools: Tools) -> Measured:
    if params.source == "metrics":
        routes = left_out(target)
        return await from_metrics(tools, lambda now, since: told(now, since, routes))
    read = {
        "pg_stat_statements": _from_statements,
        "pg_stat_activity": _from_activity,
        "sql": _from_sql,
        "server_timing": _from_server_timing,
    }[params.source]
    try:
        found = await read(target, params, tools)
    except Unread as why:
        return why.measured(tools.previous)
    return replace(found, details={"source": params.source} | found.details)


async def _from_statements(target: Target, params: Params, tools: Tools) -> Measured:
    at, source = tools.now(), params.source
    before = remembered(tools.previous, source, at)
    async with postgres.reading(target.database_dsn, tools.policy, timeout_s=params.timeout_s) as session:
        now = await statements.count(session)
    memory = {"source": source, "at": at.isoformat(), **now.to_memory()}
    if not before:
        return nothing(NO_WINDOW, memory)
    try:
        calls, spent_ms = statements.between(before, now)
    except Unread as why:
        return why.measured(memory)
    mean = ratio(spent_ms, calls)
    if mean is None:
        return nothing("no statement in the window", memory)
    note = "all statements, transactions and settings too: the role lacks pg_read_all_stats" if now.hidden else ""
    found = reading("db_query_time", mean, "ms", at, calls, note=note)
    return Measured(outcome=Outcome.OK, readings=[found], memory=memory, details={"statements": calls})


async def _from_activity(target: Target, params: Params, tools: Tools) -> Measured:
    async with postgres.reading(target.database_dsn, tools.policy, timeout_s=params.timeout_s) as session:
        found = await activity.connections(session)
    used = reading("db_connections", found.used, "count", tools.now(), note="at work or in a transaction")
    return Measured(outcome=Outcome.OK, readings=[used], details=found.details())


async def _from_sql(target: Target, params: Params, tools: Tools) -> Measured:
    at, source = tools.now(), params.source
    before = remembered(tools.previous, source, at).get("window_end")
    async with postgres.reading(target.database_dsn, tools.policy, timeout_s=params.timeout_s) as session:
        found = await sql.answer(session, params.sql, before, params.sql_unit)
    memory = {"source": source, "at": at.isoformat(), "window_end": found.at.isoformat()}
    if not found.whole and before is None:
        return nothing(NO_WINDOW, memory)
    if found.value is None or not found.samples:
        return nothing("the statement gave no figure", memory)
    value = convert(found.value, params.sql_unit, METRICS[params.sql_metric])
    note = "all history" if found.whole else ""
    one = reading(params.sql_metric, value, METRICS[params.sql_metric], at, found.samples, note=note)
    return Measured(outcome=Outcome.OK, readings=[one], memory=memory)


async def _from_server_timing(target: Target, params: Params, tools: Tools) -> Measured:
    at = tools.now()
    found = await server_timing.durations(target, tools, params.paths, params.requests, params.timing_name)
    share = reading("db_time_per_request", sum(found) / len(found), "ms", at, len(found), note="sampled by own requests")
    return Measured(outcome=Outcome.OK, readings=[share], details={"answers": params.requests, "with_entry": len(found)})


def told(now: Scrape, since: Window | None, routes: set[str]) -> Told:
    found: list[Reading] = []
    missing: list[str] = []
    used = _used(now)
    if used is None:
        missing.append("the application shows no database connections")
    else:
        found.append(reading("db_connections", used, "count", now.at))
    if since is None:
        return Told(found, missing)
    seconds, statements = since.grown(*SUMS), since.grown(*COUNTS)
    requests = since.requests(routes)
    if seconds is None or statements is None:
        missing.append("the application does not time its statements")
    else:
        mean = ratio(seconds * 1000, statements)
        if mean is None:
            missing.append("no statement in the window")
        else:
            found.append(reading("db_query_time", mean, "ms", now.at, statements))
        share = ratio(seconds * 1000, requests[0]) if requests else None
        if share is not None and requests:
            found.append(reading("db_time_per_request", share, "ms", now.at, requests[0]))
    if requests:
        errors = ratio(requests[1], requests[0])
        if errors is None:
            missing.append("no request in the window")
        else:
            found.append(reading("error_rate", errors, "ratio", now.at, requests[0]))
    return Told(found, missing)


def _used(now: Scrape) -> float | None:
    """Connections in use, over all pools; None where no series says so."""
    for name in CONNECTIONS:
        values = [value for labels, value in now.named(name) if labels.get("state") == "used"]
        if values:
            return sum(values)
    return None
