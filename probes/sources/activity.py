"""Connections of a database from `pg_stat_activity`, as they are at this moment."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from probes.sources.base import Unread
from probes.sources.postgres import Session, row

ASK = """
SELECT /* milepost */ count(*) FILTER (WHERE state IS NOT NULL AND state <> 'idle'), count(*) FILTER (WHERE state = 'idle'),
       count(*) FILTER (WHERE state LIKE 'idle in transaction%%'), count(*) FILTER (WHERE wait_event_type = 'Lock'),
       count(*) FILTER (WHERE state IS NULL), current_setting('max_connections')::int
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND coalesce(backend_type, 'client backend') = 'client backend'
  AND application_name <> 'milepost'
"""


@dataclass(frozen=True)
class Connections:
    """`used` are at work or hold a transaction open; `idle` wait in somebody's pool; `most` is the server's limit."""

    used: int
    idle: int
    idle_in_transaction: int
    waiting_for_lock: int
    hidden: int
    most: int

    def details(self) -> dict[str, Any]:
        return {f"connections_{name}": value for name, value in asdict(self).items()}


async def connections(session: Session) -> Connections:
    """Raises Unread where the role may not see what the others do."""
    found = Connections(*await row(session, ASK, {}))
    if found.hidden:
        raise Unread("the role may not see other connections: GRANT pg_monitor TO it", reason="not permitted")
    return found
