"""Times out of the database, read in one step by the standard library: that is compiled, and what Django does is not."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from django.utils.dateparse import parse_datetime


class UtcLoader(BaseTzLoader):
    """Reads what PostgreSQL writes where the session's zone is UTC; Django looks for `timezone` and leaves it in place."""

    timezone = UTC

    def load(self, data: Any) -> datetime:
        try:
            return datetime.fromisoformat(bytes(data).decode())
        except ValueError:  # infinity, before year 1, after 9999: psycopg has a word for each
            found: datetime = super().load(data)
            return found


def from_sqlite(data: bytes) -> datetime | None:
    """Reads what a column of times holds: UTC without saying so; Django leaves in place a time that has its zone."""
    text = data.decode()
    try:
        return datetime.fromisoformat(f"{text}+00:00")
    except ValueError:  # written by hand, with a zone of its own
        return parse_datetime(text)


def quicken(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Of a connection that was just made; every time of ours is in UTC."""
    if connection.vendor == "postgresql" and connection.timezone == UTC:
        connection.connection.adapters.register_loader("timestamptz", UtcLoader)
    if connection.vendor == "sqlite" and connection.timezone == UTC:
        sqlite3.register_converter("datetime", from_sqlite)
