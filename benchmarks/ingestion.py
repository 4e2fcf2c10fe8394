"""Storing measurements: the one writer (identity, rollups, current values) beside a bare insert of the same rows."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from kpis.models import KPI, Measurement, Scorecard, Series
from kpis.points import Point
from kpis.recording import record

ROWS, SERIES, ROUNDS = 1000, 10, 5
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def measure() -> list[tuple[str, str, str]]:
    """Runs in a transaction that is rolled back: nothing stays in the database."""
    with transaction.atomic():
        kpi = KPI.objects.create(
            scorecard=Scorecard.objects.create(slug="bench", name="bench"),
            key="bench",
            name="bench",
            unit="ms",
            direction="lower",
        )
        bare = [_seconds(lambda n=n: _insert(kpi, n)) for n in range(ROUNDS)]  # type: ignore[misc]
        whole = [_seconds(lambda n=n: _record(kpi, n)) for n in range(ROUNDS)]  # type: ignore[misc]
        transaction.set_rollback(True)
    limit, writer = (ROWS / sorted(times)[ROUNDS // 2] for times in (bare, whole))
    return [
        (f"bare insert, {connection.vendor}", f"{limit:,.0f} rows/s", "1.00"),
        ("recording.record", f"{writer:,.0f} rows/s", f"{writer / limit:.2f}"),
    ]


def _seconds(work: object) -> float:
    began = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - began


def _times(number: int) -> list[datetime]:
    return [NOW - timedelta(seconds=number * 10_000 + i) for i in range(ROWS // SERIES)]


def _insert(kpi: KPI, number: int) -> None:
    series = [Series.objects.get_or_create(kpi=kpi, subject=f"bare-{i}", environment="")[0] for i in range(SERIES)]
    rows = [(one.pk, at, "bench", 1.0, 1, False, NOW) for one in series for at in _times(number)]
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {Measurement._meta.db_table} (series_id, at, origin, value, count, reported, recorded_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            rows,
        )


def _record(kpi: KPI, number: int) -> None:
    points = [
        Point(kpi=kpi, subject=f"bench-{i}", at=at, value=1.0, origin="bench") for i in range(SERIES) for at in _times(number)
    ]
    record(points, now=NOW)
