"""A kept connection is asked for nothing while it is there, and replaced where the server ended it."""

from __future__ import annotations

import signal

import psycopg
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import close_old_connections, connection
from django.db.backends.postgresql import base

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def kept(monkeypatch):
    """A connection as the settings make it: kept between requests, and looked at before each."""
    monkeypatch.setitem(connection.settings_dict, "CONN_HEALTH_CHECKS", True)
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 60)
    connection.close()
    connection.ensure_connection()


@pytest.fixture
def other():
    parameters = connection.get_connection_params()
    server = {name: parameters[name] for name in ("host", "port", "user", "password", "dbname") if name in parameters}
    with psycopg.connect(**server, autocommit=True) as found:
        yield found


def pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (found,) = cursor.fetchone()
    return int(found)


def test_a_connection_that_is_there_is_not_asked(monkeypatch) -> None:
    monkeypatch.setattr(base.DatabaseWrapper, "is_usable", lambda _: pytest.fail("the server was asked"))
    before = pid()
    close_old_connections()
    assert pid() == before


def test_one_that_the_server_ended_is_replaced(other) -> None:
    before = pid()
    other.execute("SELECT pg_terminate_backend(%s, 5000)", [before])
    close_old_connections()
    assert pid() != before


def test_what_the_server_tells_by_itself_ends_none(other) -> None:
    before = pid()
    with connection.cursor() as cursor:
        cursor.execute("LISTEN told")
    other.execute("NOTIFY told")
    close_old_connections()
    assert pid() == before


def test_one_left_in_the_middle_of_a_statement_is_replaced() -> None:
    before = pid()
    leave_busy()
    close_old_connections()
    assert pid() != before


def leave_busy() -> None:
    """End a statement as a task that reaches its time limit does: by an exception out of a signal handler."""

    def end(*_: object) -> None:
        raise SoftTimeLimitExceeded

    had = signal.signal(signal.SIGALRM, end)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(SoftTimeLimitExceeded), connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(1)")
    finally:
        signal.signal(signal.SIGALRM, had)
