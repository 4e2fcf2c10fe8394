"""Waiting of one test's thread for a lock that the other one holds."""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Any

from django.db import connection


def until_it_waits(other: Future[Any]) -> None:
    """Return when somebody waits for this connection to PostgreSQL, or the other thread has done all the same."""
    until = time.monotonic() + 10
    while not other.done() and not _awaited() and time.monotonic() < until:
        time.sleep(0.01)


def _awaited() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))")
        return bool(cursor.fetchone()[0])
