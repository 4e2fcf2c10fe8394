"""What the log leaves out."""

from __future__ import annotations

import logging
import time

from django.db import InterfaceError, OperationalError

QUIET_S = 60.0


class DatabaseAway(logging.Filter):
    """While PostgreSQL cannot be reached every task fails alike, several a second: told in one line a minute, without traces."""

    def __init__(self, name: str = "") -> None:
        super().__init__(name)
        self._quiet_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, OperationalError | InterfaceError) or not _unreached(error):
            return True
        if time.monotonic() < self._quiet_until:
            return False
        self._quiet_until = time.monotonic() + QUIET_S
        record.msg = (
            "The database cannot be reached: %s. Told once a minute; what is due waits in it, and is done once it answers."
        )
        record.args = (str(error).partition("\n")[0],)
        record.exc_info = record.exc_text = None
        return True


def _unreached(error: Exception) -> bool:
    """Whether there was no server to ask: one that refuses a statement says why by its code."""
    return getattr(error.__cause__, "sqlstate", "none known") is None
