"""Times out of PostgreSQL, read by the standard library: that is compiled, and psycopg's loader, which Django extends, is not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.psycopg_any import BaseTzLoader


class UtcLoader(BaseTzLoader):
    """Reads what PostgreSQL writes where the session's zone is UTC; Django looks for `timezone` and leaves it in place."""

    timezone = UTC

    def load(self, data: Any) -> datetime:
        try:
            return datetime.fromisoformat(bytes(data).decode())
        except ValueError:  # infinity, before year 1, after 9999: psycopg has a word for each
            found: datetime = super().load(data)
            return found


def quicken(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Of a connection that was just made; every time of ours is in UTC."""
    if connection.vendor == "postgresql" and connection.timezone == UTC:
        connection.connection.adapters.register_loader("timestamptz", UtcLoader)
