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

SCORECARDS = {"bench": (100, 10), "single": (100, 1), "pushed": (22, 5)}
"""KPIs, and series of each: those of pages and charts, those of one series each, and those that more is pushed to."""

DAYS = 90
TODAY = datetime.fromisoformat(os.environ.setdefault("BENCH_DAY", f"{datetime.now(UTC):%Y-%m-%d}")).replace(tzinfo=UTC)
"""Where the filling ends: the day on which everything is measured, in all of its processes."""

PUSHED_AGO = timedelta(days=35)
END = TODAY - PUSHED_AGO
"""Where it ends for the KPIs that more is pushed to: what is pushed comes after it, and before now."""

NAME = f"milepost_bench_{os.getpid()}"


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
    """Migrate, and store so many measurements over 90 days, the same number of each series, with rollups and current values.

    The database makes rows and sums itself; the histograms of the percentile KPIs (every fifth) are made by our own code.
    """
    call_command("migrate", verbosity=0)
    for slug, (kpis, subjects) in SCORECARDS.items():
        _scorecard(slug, kpis, subjects)
    each = rows // Series.objects.count()
    step_s = DAYS * 86400 // each
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in _statements(each, step_s):
            cursor.execute(statement)
    for series in Series.objects.filter(kpi__aggregation="p95").select_related("kpi"):
        rollups.rebuild(series)
    every = list(Series.objects.select_related("kpi"))
    for start in range(0, len(every), 100):
        current.renew(every[start : start + 100])
    settle()
    assert CurrentValue.objects.count() == len(every)


def settle() -> None:
    """Let the database know what it holds, as it does by itself a minute after rows have come."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def _scorecard(slug: str, how_many: int, subjects: int) -> None:
    scorecard = Scorecard.objects.create(slug=slug, name=slug.title())
    kpis = KPI.objects.bulk_create(
        KPI(
            scorecard=scorecard, key=f"{slug}-{number}", name=f"KPI {number}", unit="ms", direction="lower", position=number,
            aggregation="mean" if number % 5 else "p95", window_s=3600, freshness_s=10 * 365 * 86400,
        )
        for number in range(how_many)
    )  # fmt: skip
    Target.objects.bulk_create(
        Target(
            kpi=kpi, number=1, comparator="<", value=120, alert_threshold=900, baseline=500, decision=Decision.APPROVED,
            effective_from=TODAY - timedelta(days=365),
        )
        for kpi in kpis
    )  # fmt: skip
    Series.objects.bulk_create(Series(kpi=kpi, subject=f"service-{number}") for number in range(subjects) for kpi in kpis)


def _statements(each: int, step_s: int) -> list[str]:
    """SQL that stores measurements in the order of time, and their sums by hour and day."""
    start = f"{TODAY - timedelta(days=DAYS):%Y-%m-%d %H:%M:%S}"
    ago = f"CASE WHEN c.slug = 'pushed' THEN {PUSHED_AGO.days} ELSE 0 END"
    names = "series_id, at, origin, value, count, reported, note, recorded_at"
    if connection.vendor == "postgresql":
        at = f"timestamptz '{start}+00' + g * interval '{step_s} seconds' - {ago} * interval '1 day'"
        rows = f"generate_series(0, {each - 1}) g"
        value, buckets = "50 + 100 * random()", {name: f"date_trunc('{name}', at, 'UTC')" for name in ("hour", "day")}
        text = "false, ''"
    else:
        at = f"datetime('{start}', '+' || (g * {step_s}) || ' seconds', '-' || {ago} || ' days')"
        rows = f"(WITH RECURSIVE n(g) AS (SELECT 0 UNION ALL SELECT g + 1 FROM n WHERE g < {each - 1}) SELECT g FROM n)"
        value = "50 + 100 * (abs(random()) % 1000000) / 1000000.0"
        buckets = {"hour": "strftime('%Y-%m-%d %H:00:00', at)", "day": "strftime('%Y-%m-%d 00:00:00', at)"}
        text = "0, ''"
    sums = "count(*), sum(count), sum(value * count), sum(value), min(value), max(value), max(value), max(at)"
    into = "series_id, resolution, at, points, count, total, plain_total, low, high, last, last_at, reported"
    made = f"SELECT s.id, {at}, 'fill:' || g, {value}, 1, {text}, {at} FROM {rows}"
    made += " CROSS JOIN kpis_series s JOIN kpis_kpi k ON k.id = s.kpi_id JOIN kpis_scorecard c ON c.id = k.scorecard_id"
    no = text.partition(",")[0]
    return [
        f"INSERT INTO kpis_measurement ({names}) {made} ORDER BY g, s.id",
        *(
            f"INSERT INTO kpis_rollup ({into}) SELECT series_id, '{name}', {bucket}, {sums}, {no} FROM kpis_measurement"
            f" GROUP BY series_id, {bucket} ORDER BY {bucket}, series_id"
            for name, bucket in buckets.items()
        ),
    ]


def use(url: str) -> dict[str, str]:
    """The environment of a process that works on a database."""
    return os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings", "REDIS_URL": ""}
