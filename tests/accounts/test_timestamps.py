"""Times out of the database."""

from datetime import UTC, datetime, timedelta, timezone

import psycopg
import pytest
from django.db import DataError, connection

from accounts.models import User
from accounts.prepared import Prepared
from accounts.timestamps import UtcLoader, from_sqlite

pytestmark = pytest.mark.django_db
TIMES = ["2026-11-28 06:24:25.012214+00", "2026-11-28 06:24:25.1+00", "2026-11-28 06:24:25+05:30", "0001-01-01 00:00:00+00"]


def _asked(text: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [text])
        return cursor.fetchone()[0]


@pytest.mark.postgres
@pytest.mark.parametrize("text", TIMES)
def test_a_time_is_the_one_that_psycopg_reads(text: str) -> None:
    with psycopg.connect(**connection.get_connection_params() | {"context": None}) as plain:
        row = psycopg.Cursor(plain).execute("SELECT %s::timestamptz", [text]).fetchone()
    assert row is not None
    assert _asked(text) == row[0]


@pytest.mark.postgres
def test_django_leaves_the_loader_in_place() -> None:
    with connection.cursor() as cursor:
        assert cursor.adapters.get_loader(1184, psycopg.pq.Format.TEXT) is UtcLoader


@pytest.mark.postgres
def test_what_no_datetime_holds_is_refused_as_ever() -> None:
    with pytest.raises(DataError, match="too large"):
        _asked("infinity")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"2026-11-28 06:24:25", datetime(2026, 11, 28, 6, 24, 25, tzinfo=UTC)),
        (b"2026-11-28 06:24:25.012214", datetime(2026, 11, 28, 6, 24, 25, 12214, tzinfo=UTC)),
        (b"2026-11-28 06:24:25+05:30", datetime(2026, 11, 28, 6, 24, 25, tzinfo=timezone(timedelta(hours=5, minutes=30)))),
        (b"no time", None),
    ],
)
def test_a_time_out_of_sqlite_is_in_utc_unless_it_says_otherwise(data: bytes, expected: datetime | None) -> None:
    assert from_sqlite(data) == expected


@pytest.mark.databases
@pytest.mark.parametrize("at", [datetime(2026, 11, 28, tzinfo=UTC), datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC), None])
def test_a_time_and_a_switch_come_back_as_they_were_saved(at: datetime | None) -> None:
    User.objects.create_user("one", last_login=at, is_staff=True)
    rows = User.objects.values_list("last_login", "is_staff")
    assert [*rows] == [*Prepared(lambda: rows)()] == [(at, True)]
