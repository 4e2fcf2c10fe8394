"""Times out of PostgreSQL."""

import psycopg
import pytest
from django.db import DataError, connection

from accounts.timestamps import UtcLoader

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]
TIMES = ["2026-11-28 06:24:25.012214+00", "2026-11-28 06:24:25.1+00", "2026-11-28 06:24:25+05:30", "0001-01-01 00:00:00+00"]


def _asked(text: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [text])
        return cursor.fetchone()[0]


@pytest.mark.parametrize("text", TIMES)
def test_a_time_is_the_one_that_psycopg_reads(text: str) -> None:
    with psycopg.connect(**connection.get_connection_params() | {"context": None}) as plain:
        row = psycopg.Cursor(plain).execute("SELECT %s::timestamptz", [text]).fetchone()
    assert row is not None
    assert _asked(text) == row[0]


def test_django_leaves_the_loader_in_place() -> None:
    with connection.cursor() as cursor:
        assert cursor.adapters.get_loader(1184, psycopg.pq.Format.TEXT) is UtcLoader


def test_what_no_datetime_holds_is_refused_as_ever() -> None:
    with pytest.raises(DataError, match="too large"):
        _asked("infinity")
