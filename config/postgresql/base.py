"""Django's PostgreSQL backend, which asks the socket instead of the server whether a kept connection is still there."""

from __future__ import annotations

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def is_usable(self) -> bool:
        """Whether a kept connection can be used again; before every request and task, so it had better cost nothing.

        A server that closed it, or ended, has said so: then the socket is readable, and the server is asked as Django does.
        """
        if self.connection is None or self.connection.closed:
            return False
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return not poll.poll(0) or super().is_usable()
