"""Databases of a known size to measure on: made for the run, filled, and dropped after it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.core.management import call_command
from django.db import connection, transaction

from kpis import current, rollups
from kpis.models import KPI, CurrentValue, Decision, Scorecard, Series, Target

KPIS, SUBJECTS, DAYS = 100, 10, 90
END = datetime(2026, 6, 1, tzinfo=UTC)
"""Where the filling ends; what is ingested comes after it."""

NAME = "milepost_bench"


@contextmanager
def postgres(server: str) -> Iterator[str]:
    """The URL of a new database on a server."""
    drop = f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(drop)
        admin.execute(f"CREATE DATABASE {NAME}")
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{NAME}"))
        finally:
            admin.execute(drop)


@contextmanager
def sqlite() -> Iterator[str]:
    """The URL of a new SQLite file."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'bench.sqlite3'}"


def fill(rows: int) -> None:
    """Migrate, and store so many measurements of 1,000 series over 90 days, with rollups and current values.

    The database makes rows and sums itself; the histograms of the percentile KPIs (every fifth) are made by our own code.
    """
    call_command("migrate", verbosity=0)
    kpis = _kpis()
    Series.objects.bulk_create(Series(kpi=kpi, subject=f"service-{number}") for number in range(SUBJECTS) for kpi in kpis)
    each = rows // (KPIS * SUBJECTS)
    step_s = DAYS * 86400 // each
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in _statements(each, step_s):
            cursor.execute(statement)
    for series in Series.objects.filter(kpi__aggregation="p95").select_related("kpi"):
        rollups.rebuild(series)
    for start in range(0, KPIS, 10):
        current.renew(Series.objects.filter(kpi__in=kpis[start : start + 10]).select_related("kpi"))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    assert CurrentValue.objects.count() == KPIS * SUBJECTS


def _kpis() -> list[KPI]:
    scorecard = Scorecard.objects.create(slug="bench", name="Bench")
    kpis = KPI.objects.bulk_create(
        KPI(
            scorecard=scorecard, key=f"kpi-{number}", name=f"KPI {number}", unit="ms", direction="lower", position=number,
            aggregation="mean" if number % 5 else "p95", window_s=3600, freshness_s=10 * 365 * 86400,
        )
        for number in range(KPIS)
    )  # fmt: skip
    Target.objects.bulk_create(
        Target(
            kpi=kpi, number=1, comparator="<", value=120, alert_threshold=900, baseline=500, decision=Decision.APPROVED,
            effective_from=END - timedelta(days=365),
        )
        for kpi in kpis
    )  # fmt: skip
    return kpis


def _statements(each: int, step_s: int) -> list[str]:
    """SQL that stores measurements in the order of time, and their sums by hour and day."""
    start = f"{END - timedelta(days=DAYS):%Y-%m-%d %H:%M:%S}"
    names = "series_id, at, origin, value, count, reported, note, recorded_at"
    if connection.vendor == "postgresql":
        at = f"timestamptz '{start}+00' + g * interval '{step_s} seconds'"
        rows = f"generate_series(0, {each - 1}) g"
        value, buckets = "50 + 100 * random()", {name: f"date_trunc('{name}', at, 'UTC')" for name in ("hour", "day")}
        text = "false, ''"
    else:
        at = f"datetime('{start}', '+' || (g * {step_s}) || ' seconds')"
        rows = f"(WITH RECURSIVE n(g) AS (SELECT 0 UNION ALL SELECT g + 1 FROM n WHERE g < {each - 1}) SELECT g FROM n)"
        value = "50 + 100 * (abs(random()) % 1000000) / 1000000.0"
        buckets = {"hour": "strftime('%Y-%m-%d %H:00:00', at)", "day": "strftime('%Y-%m-%d 00:00:00', at)"}
        text = "0, ''"
    sums = "count(*), sum(count), sum(value * count), sum(value), min(value), max(value), max(value), max(at)"
    into = "series_id, resolution, at, points, count, total, plain_total, low, high, last, last_at, reported"
    made = f"SELECT s.id, {at}, 'fill:' || g, {value}, 1, {text}, {at} FROM {rows} CROSS JOIN kpis_series s ORDER BY g, s.id"
    no = text.partition(",")[0]
    return [
        f"INSERT INTO kpis_measurement ({names}) {made}",
        *(
            f"INSERT INTO kpis_rollup ({into}) SELECT series_id, '{name}', {bucket}, {sums}, {no} FROM kpis_measurement"
            f" GROUP BY series_id, {bucket}"
            for name, bucket in buckets.items()
        ),
    ]


def use(url: str) -> dict[str, str]:
    """The environment of a process that works on a database."""
    return os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings", "REDIS_URL": ""}
