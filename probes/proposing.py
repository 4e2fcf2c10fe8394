"""From what was found at an address to the probes that can measure it, and the KPIs that they would feed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from kpis.units import family
from outgoing.addresses import checked_url
from probes.discovery import Found
from probes.kinds import kinds
from probes.metrics.scrape import Scrape

MOST_PATHS = 5
SIGNS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "queries": {
        "db_query_time": ("db_client_operation_duration_seconds_count", "db_client_operation_duration_count"),
        "db_connections": ("db_client_connection_count", "db_client_connections_usage"),
    },
    "cache": {"cache_hit_rate": ("cache_requests_total", "cache_misses_total")},
    "memory": {
        "resident_memory": ("process_resident_memory_bytes", "process_memory_usage_bytes"),
        "memory_growth": ("process_resident_memory_bytes", "process_memory_usage_bytes"),
        "cpu": ("process_cpu_seconds_total", "process_cpu_time_seconds_total"),
        "restarts": ("process_start_time_seconds",),
    },
}
"""Kind → metric → the series that it can be told from; the first one found will do."""


UNTOLD = {"queries": "its database", "cache": "its cache", "memory": "its memory and CPU"}


class Fed(Protocol):
    """What is asked of a KPI before it is suggested."""

    @property
    def metric(self) -> str: ...
    @property
    def measured_unit(self) -> str: ...


K = TypeVar("K", bound=Fed)


@dataclass(frozen=True)
class Proposal:
    """One probe that would work, the metrics it would read, and why."""

    kind: str
    metrics: tuple[str, ...]
    why: str
    params: dict[str, Any] = field(default_factory=dict)


def proposals(found: Found) -> list[Proposal]:
    """Requests of our own for whatever answers; the others where the application's metrics can tell them."""
    if found.refused:
        return []
    why = (
        f"it answered {found.base.status}"
        if found.base and found.reachable
        else "it does not answer yet; this will tell when it does"
    )
    mine = Proposal("http", ("latency", "error_rate", "availability"), why, {"paths": paths(found)})
    told = [_from_metrics(kind, signs, found.scrape) for kind, signs in SIGNS.items()] if found.scrape else []
    return [mine, *(one for one in told if one)]


def _from_metrics(kind: str, signs: Mapping[str, tuple[str, ...]], scrape: Scrape) -> Proposal | None:
    seen = {metric: next((name for name in names if scrape.has(name)), "") for metric, names in signs.items()}
    metrics = [metric for metric, name in seen.items() if name]
    if not metrics:
        return None
    if kind == "queries" and "db_query_time" in metrics and scrape.preset.requests:
        metrics.append("db_time_per_request")
    return Proposal(kind, tuple(metrics), ", ".join(dict.fromkeys(name for name in seen.values() if name)))


def untold(found: Found) -> str:
    """What metrics that were found do not tell, in words; empty where they tell something of each kind, or there are none."""
    if found.scrape is None:
        return ""
    told = {one.kind for one in proposals(found)}
    lacking = [words for kind, words in UNTOLD.items() if kind not in told]
    return f"They tell nothing of {', '.join(lacking)}." if lacking else ""


def beside(found: Sequence[Proposal], secrets: Mapping[str, Any]) -> list[Proposal]:
    """What a database or a Redis that was named can tell where the metrics do not."""
    told = {one.kind for one in found if "db_query_time" in one.metrics or "cache_hit_rate" in one.metrics}
    more = []
    if secrets.get("database_dsn") and "queries" not in told:
        more.append(Proposal("queries", ("db_query_time",), "its database was named", {"source": "pg_stat_statements"}))
    if secrets.get("redis_url") and "cache" not in told:
        more.append(Proposal("cache", ("cache_hit_rate",), "its Redis was named", {"source": "redis"}))
    return [*(one for one in found if one.kind not in {other.kind for other in more}), *more]


def paths(found: Found) -> list[str]:
    """What to ask by default: routes that answered, else the health path, else the base address."""
    good = [tried.route.path for tried in found.routes if tried.good][:MOST_PATHS]
    if good:
        return good
    return [found.health.path] if found.health and found.health.path.startswith("/") else ["/"]


def suggested(orders: Iterable[tuple[str, Mapping[str, str]]], kpis: Sequence[K]) -> dict[tuple[str, str], list[K]]:
    """(kind, metric) → the KPIs that say they are fed by it, in a fitting unit.

    A metric that two probes read is suggested for the first one only: one series has one source.
    """
    found: dict[tuple[str, str], list[K]] = {}
    taken: set[str] = set()
    for kind, metrics in orders:
        for metric, unit in metrics.items():
            if metric not in taken:
                found[kind, metric] = [kpi for kpi in kpis if kpi.metric == metric and family(kpi.measured_unit) == family(unit)]
                taken.add(metric)
    return found


def units(proposal: Proposal) -> dict[str, str]:
    """The metrics of a proposal with their base units."""
    known: dict[str, str] = kinds()[proposal.kind].METRICS
    return {metric: known[metric] for metric in proposal.metrics if metric in known}


def name_of(found: Found) -> str:
    """A name to begin with: what the interface calls itself, else the host, with the port where it names one."""
    plain = found.title.strip()
    return plain if plain and plain.lower() not in ("fastapi", "api") else checked_url(found.base_url).netloc


def slug_of(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80]
