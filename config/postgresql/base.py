"""Django's PostgreSQL backend, which asks the socket instead of the server whether a kept connection is still there."""

from __future__ import annotations

import select

from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus


class DatabaseWrapper(base.DatabaseWrapper):
    def is_usable(self) -> bool:
        """Whether a kept connection can be used again; before every request and task, so it had better cost nothing.

        A server that closed it, or ended, has said so: then the socket is readable, and the server is asked as Django does.
        So it is where a statement was left unfinished, as by a task that reached its time limit: the socket is quiet then too.
        """
        if self.connection is None or self.connection.closed:
            return False
        if self.connection.info.transaction_status != TransactionStatus.IDLE:
            return super().is_usable()
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return not poll.poll(0) or super().is_usable()
