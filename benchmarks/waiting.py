"""SQLite: how long a one-row write waits while another process stores one large batch after the other."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import timedelta

from django.utils import timezone

from benchmarks.databases import END, use
from benchmarks.table import Line
from kpis.models import KPI
from kpis.points import Point
from kpis.recording import record

WRITES = 300


def measure(url: str) -> list[Line]:
    """The writer saturates: 10,000 points at once, again and again, until this process has written its rows."""
    kpi = KPI.objects.get(key="pushed-1")
    writer = subprocess.Popen([sys.executable, "-m", "benchmarks", "saturate"], env=use(url), stdout=subprocess.PIPE)
    assert writer.stdout is not None
    try:
        writer.stdout.readline()  # it has stored its first batch
        times = sorted(_write(kpi, number) for number in range(WRITES))
    finally:
        writer.kill()
        writer.wait()
    p50, p99, worst = times[WRITES // 2], times[int(WRITES * 0.99)], times[-1]
    figure = f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {worst:.0f} ms"
    return [Line("one-row write beside a saturating batch writer", figure, "", "", "p99 ≤ 250 ms", p99 <= 250)]


def _write(kpi: KPI, number: int) -> float:
    point = Point(kpi=kpi, subject="service-0", at=END + timedelta(seconds=number), value=80.0, origin="waiting")
    began = time.perf_counter()
    record([point], now=timezone.now() + timedelta(days=3650))
    return (time.perf_counter() - began) * 1e3


def saturate() -> None:
    """Store batches of 10,000 until killed."""
    kpis = list(KPI.objects.filter(scorecard__slug="pushed")[10:20])
    number = 0
    while True:
        points = [
            Point(
                kpi=kpis[i % 10], subject=f"service-{i // 10 % 10}", value=80.0, origin="saturating",
                at=END + timedelta(seconds=number * 100 + i // 100),
            )
            for i in range(10_000)
        ]  # fmt: skip
        record(points, now=timezone.now() + timedelta(days=3650))
        number += 1
        print(number, flush=True)
