"""Reading on a database of a stated size: a chart, a scorecard, the newest values. What grows with history is compared later."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

import config.wsgi  # noqa: F401 - what a server does when it starts
from accounts.models import User
from benchmarks.databases import DAYS, TODAY
from benchmarks.table import Line
from kpis import current
from kpis.history import history
from kpis.models import KPI, Across

TIMES = 30


def measure() -> list[Line]:
    """Milliseconds at the median; the first line of each is what two sizes are compared by."""
    single = _newest("single")
    client = Client()
    client.force_login(User.objects.create_superuser("reader", password=None))
    page = _median(lambda: _get(client, "/scorecards/bench/"))
    with CaptureQueriesContext(connection) as queries:
        _get(client, "/scorecards/bench/")
    return [
        Line("90-day chart of one series of a percentile", f"{_chart(subject='service-3'):.1f} ms"),
        Line("90-day chart of a percentile, the worst of 10 series", f"{_chart():.1f} ms"),
        Line("90-day chart of a percentile, 10 series merged", f"{_chart(Across.MERGED):.1f} ms"),
        Line("newest values of 100 KPIs", f"{single:.2f} ms", "one query", "", "≤ 1 ms", single <= 1),
        Line("newest values of 100 KPIs with 10 series each", f"{_newest('bench'):.2f} ms", "one query"),
        Line("scorecard page, 100 KPIs, sparklines", f"{page:.0f} ms", f"{len(queries)} queries", "", "≤ 45 ms", page <= 45),
    ]


def _chart(across: str = Across.WORST, subject: str = "") -> float:
    kpi = KPI.objects.get(key="bench-50")
    kpi.across = across
    start = TODAY - timedelta(days=DAYS)
    return _median(lambda: history(kpi, start=start, end=TODAY, points=500, subject=subject, samples=False))


def _newest(scorecard: str) -> float:
    ids = list(KPI.objects.filter(scorecard__slug=scorecard).values_list("pk", flat=True))
    return _median(lambda: current.read(ids))


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
