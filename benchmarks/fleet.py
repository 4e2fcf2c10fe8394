"""A fleet of services on one worker: how many it can probe, whether the schedule is kept, and what an idle engine costs."""

from __future__ import annotations

import asyncio
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import uvloop
from django.core.management import call_command
from django.db.models import Max
from django.utils import timezone

from benchmarks import databases, dispatching, truth
from benchmarks.table import Line
from kpis.models import KPI, Scorecard
from outgoing.addresses import checked_url
from probes import measuring, running
from probes.addresses import origin
from probes.models import Feed, Probe, Run, RunState, Service
from probes.stopwatch import Plan, prepare, run

ROOT = Path(__file__).resolve().parent.parent
SERVICES, TEAMS, INTERVAL_S = 2000, 20, 60
ROUNDS = 4
IDLE_S = 20
WARM_UP_S = 60
"""Of the schedule's first minute nothing is counted: each series is opened in it."""

Lines = list[Line]


def measure(minutes: float) -> Lines:
    """On the database of this process's environment, against the target that `FLEET_TARGET` names."""
    fill(os.environ["FLEET_TARGET"])
    lines = [*throughput(), *kept(minutes * 60)]
    Probe.objects.update(enabled=False)
    return [*lines, *idle(), *dispatching.measure()]


@contextmanager
def target() -> Iterator[str]:
    """A server that answers at once, in a process of its own: in C where a compiler is there, so that it takes little from us."""
    if truth.can_build():
        with truth.target(first=False) as url:
            yield url
        return
    process = subprocess.Popen([sys.executable, "-m", "tests.probes.load.targets", "0"], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


def fill(url: str) -> None:
    """Migrate, and register services with one probe of one request each; a hundred of them feed the p95 KPI of their team."""
    call_command("migrate", verbosity=0)
    scorecards = Scorecard.objects.bulk_create(Scorecard(slug=f"team-{n}", name=f"Team {n}") for n in range(TEAMS))
    kpis = KPI.objects.bulk_create(
        KPI(
            scorecard=one, key="latency", name="Response time", unit="ms", direction="lower", aggregation="p95", window_s=3600,
            metric="latency", freshness_s=600,
        )
        for one in scorecards
    )  # fmt: skip
    place = origin(url)
    services = Service.objects.bulk_create(
        Service(slug=f"s-{n}", name=f"Service {n}", base_url=url, origin=place) for n in range(SERVICES)
    )
    params, now = {"requests": 1, "paths": ["/fast"]}, timezone.now()
    probes = Probe.objects.bulk_create(
        Probe(service=one, kind="http", params=params, interval_s=INTERVAL_S, next_run_at=now) for one in services
    )
    Feed.objects.bulk_create(Feed(probe=one, metric="latency", kpi=kpis[n % TEAMS]) for n, one in enumerate(probes))
    databases.settle()


def throughput() -> Lines:
    """All services due at once, again and again: the best round, since the machine is shared."""
    rates, costs, alone = [], [], []
    running.work()
    databases.settle()  # the first round opened each series
    for _ in range(ROUNDS):
        alone.append(_network_alone())
        Probe.objects.update(next_run_at=timezone.now())
        began, used = time.perf_counter(), time.process_time()
        done = running.work()
        rates.append(done / (time.perf_counter() - began))
        costs.append((time.process_time() - used) / done * 1e6)
        assert done == SERVICES, done
    rate, cost = max(rates), min(costs)
    return [
        _worker_line(rate, max(alone)),
        Line("probes a second of its processor time", f"{1e6 / cost:,.0f}", f"{cost:.0f} µs each", "", "≥ 2,000", cost <= 500),
    ]


def _worker_line(rate: float, alone: float) -> Line:
    beside = f"connections and requests alone: {alone:,.0f}"
    what = "probes/s of one worker process, claimed to recorded"
    return Line(what, f"{rate:,.0f}", beside, f"{rate / alone:.2f}", "≥ 2,000", rate >= 2000)


def _network_alone() -> float:
    """The same connections and requests a second with nothing around them: no claim, no judgement, no row."""
    url, policy = os.environ["FLEET_TARGET"], running.policy()
    plan = Plan(origin=checked_url(url), payloads=[prepare("GET", f"{url}/fast", {})], requests=1)

    async def ask(share: int) -> None:
        for _ in range(share):
            await run(plan, policy)

    async def ask_all() -> None:
        await asyncio.gather(*(ask(SERVICES // measuring.AT_ONCE) for _ in range(measuring.AT_ONCE)))

    began = time.perf_counter()
    uvloop.run(ask_all())
    return SERVICES / (time.perf_counter() - began)


@dataclass
class Watched:
    """An engine under watch: its memory over time, and its processor time."""

    pid: int
    memory_mb: list[float] = field(default_factory=list)

    def look(self) -> None:
        text = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        self.memory_mb.append(int(text.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6)

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def grown(self) -> float:
        """The last quarter's highest memory over that of the second quarter: the first is warming up."""
        quarter = max(1, len(self.memory_mb) // 4)
        return max(self.memory_mb[-quarter:]) / max(self.memory_mb[quarter : 2 * quarter])


@contextmanager
def engine() -> Iterator[Watched]:
    """The engine as `make run` starts it: one process."""
    process = subprocess.Popen([sys.executable, "manage.py", "engine"], cwd=ROOT)
    try:
        yield Watched(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def kept(seconds: float) -> Lines:
    """The schedule of all services at their interval, spread out as the jitter leaves them."""
    _spread(timezone.now() + timedelta(seconds=5))
    with engine() as watched:
        time.sleep(WARM_UP_S + 5)
        start, used, began = timezone.now(), watched.cpu_s(), time.monotonic()
        while time.monotonic() < began + seconds:
            time.sleep(min(5.0, seconds))
            watched.look()
        end, share = timezone.now(), (watched.cpu_s() - used) / (time.monotonic() - began)
    return [*_on_time(start, end), *_steady(watched, share, seconds)]


def _spread(start: datetime) -> None:
    probes = list(Probe.objects.order_by("pk"))
    for number, probe in enumerate(probes):
        probe.next_run_at = start + timedelta(seconds=INTERVAL_S * number / len(probes))
    Probe.objects.bulk_update(probes, ["next_run_at"], batch_size=500)


def _on_time(start: datetime, end: datetime) -> Lines:
    runs = Run.objects.filter(state=RunState.DONE, due_at__gte=start, due_at__lt=end - timedelta(seconds=5))
    delays = sorted(runs.values_list("queue_delay_ms", flat=True))
    p95 = delays[math.ceil(0.95 * len(delays)) - 1] / 1000
    asked = SERVICES * (end - start - timedelta(seconds=5)).total_seconds() / INTERVAL_S
    newest = Run.objects.values("probe").annotate(newest=Max("due_at", default=start))
    late = sum(row["newest"] < end - timedelta(seconds=INTERVAL_S * 1.1) for row in newest)
    ok = runs.filter(outcome="ok").count() / len(delays)
    return [
        Line(f"runs of {SERVICES:,} services, asked for {asked:,.0f}", f"{len(delays):,}", f"{ok:.2%} ok, {late} services late",
             f"{len(delays) / asked:.3f}", "≥ 0.99, none late", len(delays) / asked >= 0.99 and not late),
        Line("queue delay p95", f"{p95:.2f} s", f"longest {delays[-1] / 1000:.2f} s", "", "< 2 s", p95 < 2),
    ]  # fmt: skip


def _steady(watched: Watched, share: float, seconds: float) -> Lines:
    grown, now = watched.grown(), watched.memory_mb[-1]
    rate = SERVICES / INTERVAL_S
    return [
        Line(f"memory of the engine over {seconds / 60:.1f} min", f"{now:.0f} MB", f"at first {watched.memory_mb[0]:.0f} MB",
             f"{grown:.3f}", "≤ 1.05", grown <= 1.05),
        Line("processor share of the engine at that schedule", f"{share:.1%} of a core", f"{share / rate * 1e6:,.0f} µs a run"),
    ]  # fmt: skip


def idle() -> Lines:
    """Nothing is due: the beat goes on ticking."""
    with engine() as watched:
        time.sleep(10)
        used, began = watched.cpu_s(), time.monotonic()
        time.sleep(IDLE_S)
        share = (watched.cpu_s() - used) / (time.monotonic() - began)
    return [Line("processor share of an idle engine", f"{share:.1%} of a core", "", "", "≤ 2 %", share <= 0.02)]
