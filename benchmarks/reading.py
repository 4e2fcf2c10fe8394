"""Reading on a database of a stated size: a chart, a scorecard, the newest values. What grows with history is compared later."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from benchmarks.databases import DAYS, END
from benchmarks.table import Line
from kpis.history import history
from kpis.models import KPI, CurrentValue

TIMES = 30


def measure() -> list[Line]:
    """Milliseconds at the median; the first line of each is what two sizes are compared by."""
    kpi = KPI.objects.get(key="kpi-50")
    start = END - timedelta(days=DAYS)
    chart = _median(lambda: history(kpi, start=start, end=END, points=500, subject="service-3"))
    merged = _median(lambda: history(kpi, start=start, end=END, points=500))
    newest = _median(_newest)
    client = Client()
    client.force_login(User.objects.create_superuser("reader", password=None))
    page = _median(lambda: _get(client, "/scorecards/bench/"))
    with CaptureQueriesContext(connection) as queries:
        _get(client, "/scorecards/bench/")
    return [
        Line("90-day chart of one series of a percentile", f"{chart:.1f} ms"),
        Line("90-day chart of a percentile over its 10 series", f"{merged:.1f} ms"),
        Line("newest values of 100 KPIs (1,000 series)", f"{newest:.2f} ms", "one query"),
        Line("scorecard page, 100 KPIs, sparklines", f"{page:.0f} ms", f"{len(queries)} queries", "", "≤ 45 ms", page <= 45),
    ]


def _newest() -> list[tuple[object, ...]]:
    return list(CurrentValue.objects.filter(series__subject="service-0").values_list("series__kpi_id", "at", "value", "count"))


def _get(client: Client, address: str) -> None:
    answer = client.get(address, headers={"host": "127.0.0.1"})
    assert answer.status_code == 200, answer.status_code


def _median(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)
