"""Database time and connections, and the share of failed requests, from the application's own metrics."""

from __future__ import annotations

import msgspec

from kpis.readings import Reading
from probes.kinds.base import Measured, Target, Tools
from probes.metrics.reading import Told, left_out, ratio, reading
from probes.metrics.reading import measure as from_metrics
from probes.metrics.scrape import Scrape
from probes.metrics.window import Window

LABEL = "Database queries"
METRICS = {"db_query_time": "ms", "db_time_per_request": "ms", "db_connections": "count", "error_rate": "ratio"}
DEFAULT_INTERVAL_S = 60
TIMED = False
SUMS = ("db_client_operation_duration_seconds_sum", "db_client_operation_duration_sum")
COUNTS = ("db_client_operation_duration_seconds_count", "db_client_operation_duration_count")
CONNECTIONS = ("db_client_connection_count", "db_client_connections_usage")


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


async def measure(target: Target, params: Params, tools: Tools) -> Measured:
    routes = left_out(target)
    return await from_metrics(tools, lambda now, since: told(now, since, routes))


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
