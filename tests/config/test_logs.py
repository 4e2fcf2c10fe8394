import logging
from collections.abc import Iterator

import psycopg
import pytest
from django.db import OperationalError
from psycopg import errors

from tests.probes.servers import free_port

TASKS = logging.getLogger("celery.app.trace")


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    (away,) = TASKS.filters
    away.__dict__["_quiet_until"] = 0.0
    yield caplog
    away.__dict__["_quiet_until"] = 0.0


def fail(cause: Exception) -> None:
    try:
        raise OperationalError(str(cause)) from cause
    except OperationalError:
        TASKS.exception("Task %(name)s raised unexpected", {"name": "probes.tick"})


def test_a_database_that_is_away_is_told_once_in_one_line(told: pytest.LogCaptureFixture) -> None:
    with pytest.raises(psycopg.OperationalError) as refused:
        psycopg.connect(f"postgres://nobody@127.0.0.1:{free_port()}/none", connect_timeout=5)
    for _ in range(3):
        fail(refused.value)
    (record,) = told.records
    assert record.exc_info is None
    assert "cannot be reached: connection failed" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_what_a_server_refuses_keeps_its_trace(told: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        fail(errors.DeadlockDetected("deadlock detected"))
    assert [record.exc_info is None for record in told.records] == [False, False]
