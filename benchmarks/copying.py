"""The limit of ingestion: COPY into a staging table and INSERT … ON CONFLICT DO NOTHING, in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg

COLUMNS = "series_id, at, origin, value, count, histogram, reported, raw, note, recorded_at"
TYPES = ["int8", "timestamptz", "varchar", "float8", "int8", "bytea", "bool", "float8", "varchar", "timestamptz"]

_connections: dict[str, psycopg.Connection[tuple[object, ...]]] = {}


def copy(url: str, sender: int, series: Sequence[int], moments: Sequence[datetime]) -> None:
    """Store one row a series and moment, in one transaction."""
    connection = _connections.get(url) or _opened(url)
    now = datetime.now(UTC)
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy(f"COPY staging ({COLUMNS}) FROM STDIN (FORMAT BINARY)") as rows:
            rows.set_types(TYPES)
            for place, pk in enumerate(series):
                for at in moments:
                    rows.write_row((pk, at, f"bare:{sender}:{place}", 80.5, 1, None, False, None, "", now))
        cursor.execute(f"INSERT INTO kpis_measurement ({COLUMNS}) SELECT {COLUMNS} FROM staging ON CONFLICT DO NOTHING")


def _opened(url: str) -> psycopg.Connection[tuple[object, ...]]:
    connection = _connections[url] = psycopg.connect(url, autocommit=True)
    connection.execute(f"CREATE TEMP TABLE staging ON COMMIT DELETE ROWS AS SELECT {COLUMNS} FROM kpis_measurement WHERE false")
    return connection
