"""Whether partitions by month would pay on PostgreSQL: the same measurements in one table and in monthly ones."""

from __future__ import annotations

import statistics
import time
from datetime import timedelta

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from benchmarks.databases import DAYS, TODAY
from benchmarks.table import Line

COLUMNS = "series_id bigint, at timestamptz, origin varchar(80), value float8, count bigint"
NAMES = "series_id, at, origin, value, count"
WHOLE, PARTED = "bench_whole", "bench_parted"
TIMES = 30


def measure() -> list[Line]:
    """Reading a month of a series, adding 1,000 rows, and giving up the oldest month; partitions beside one table."""
    with connection.cursor() as cursor:
        _make(cursor)
        lines = [
            _compared("a month of one series", *(_read(cursor, table) for table in (WHOLE, PARTED))),
            _compared("1,000 rows more", *(_add(cursor, table) for table in (WHOLE, PARTED))),
            _compared("giving up the oldest month", _delete(cursor), _drop(cursor)),
        ]
        cursor.execute(f"DROP TABLE {WHOLE}, {PARTED}")
    return lines


def _compared(what: str, whole: float, parted: float) -> Line:
    ratio = parted / whole
    beside = f"one table: {whole:.1f} ms"
    return Line(f"partitions by month: {what}", f"{parted:.1f} ms", beside, f"{ratio:.2f}", "pays below 1")


def _make(cursor: CursorWrapper) -> None:
    start = TODAY - timedelta(days=DAYS)
    months = [start + timedelta(days=30 * number) for number in range(DAYS // 30 + 2)]
    statements = [
        f"CREATE TABLE {WHOLE} ({COLUMNS})",
        f"CREATE TABLE {PARTED} ({COLUMNS}) PARTITION BY RANGE (at)",
        *(
            f"CREATE TABLE {PARTED}_{number} PARTITION OF {PARTED}"
            f" FOR VALUES FROM ('{low.isoformat()}') TO ('{(low + timedelta(days=30)).isoformat()}')"
            for number, low in enumerate(months)
        ),
    ]
    for table in (WHOLE, PARTED):
        statements += [
            f"INSERT INTO {table} SELECT {NAMES} FROM kpis_measurement WHERE at BETWEEN '{start}' AND '{TODAY}'",
            f"CREATE UNIQUE INDEX ON {table} (series_id, at, origin) INCLUDE (value, count)",
        ]
    for statement in [*statements, f"VACUUM ANALYZE {WHOLE}", f"VACUUM ANALYZE {PARTED}"]:
        cursor.execute(statement)


def _read(cursor: CursorWrapper, table: str) -> float:
    times = []
    for number in range(TIMES):
        end = TODAY - timedelta(days=number % 50)
        began = time.perf_counter()
        cursor.execute(
            f"SELECT at, value, count FROM {table} WHERE series_id = %s AND at > %s AND at <= %s ORDER BY at",
            [1 + number * 7, end - timedelta(days=30), end],
        )
        cursor.fetchall()
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


def _add(cursor: CursorWrapper, table: str) -> float:
    times = []
    for number in range(TIMES):
        began = time.perf_counter()
        with transaction.atomic():
            cursor.execute(
                f"INSERT INTO {table} SELECT s, %s + g * interval '1 minute', 'bench', 1.0, 1"
                " FROM generate_series(1, 50) s, generate_series(1, 20) g ON CONFLICT DO NOTHING",
                [TODAY + timedelta(hours=number)],
            )
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


def _delete(cursor: CursorWrapper) -> float:
    began = time.perf_counter()
    cursor.execute(f"DELETE FROM {WHOLE} WHERE at < %s", [TODAY - timedelta(days=DAYS - 30)])
    return (time.perf_counter() - began) * 1e3


def _drop(cursor: CursorWrapper) -> float:
    began = time.perf_counter()
    cursor.execute(f"DROP TABLE {PARTED}_0")
    return (time.perf_counter() - began) * 1e3
