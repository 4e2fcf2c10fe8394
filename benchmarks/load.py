"""The load engine beside wrk, each on a core of its own against the same target on another; and how true its figures are."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.table import Line
from kpis.stats.histogram import Histogram
from probes.load.driving import Crew, specs
from probes.load.merging import Result, times
from probes.load.profile import Ask, Profile, Stage, Think
from probes.load.spec import Spec

ROOT = Path(__file__).resolve().parent.parent
SECONDS, WARM_UP = 5.0, 1.0
TARGET_CORE, GENERATOR_CORE = 0, 1

Lines = list[Line]


def measure() -> Lines:
    with target() as url:
        rows = [row for connections in (50, 1000) for row in beside_wrk(url, connections)]
        return [*rows, *true_figures(url), *many_shards(url)]


@contextmanager
def target() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.probes.load.targets", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    pin(process.pid, TARGET_CORE)
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.kill()
    process.wait()


def pin(process: int, core: int) -> None:
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(process, {core})


def put(url: str, path: str, *, think: Think | None = None, shards: int = 1, seconds: float = SECONDS, **stage: float) -> Result:
    profile = Profile(
        stages=(Stage(seconds=seconds + WARM_UP, warm_up_s=WARM_UP, **stage),),  # type: ignore[arg-type]
        requests=(Ask(path),), think=think or Think(), timeout_s=5,
    )  # fmt: skip
    order = Spec(base_url=url, profile=profile, allow=["127.0.0.0/8"])
    crew = Crew(specs(order, shards), profile, lambda row: None)

    async def start() -> float:
        for process in crew.processes:
            pin(process.pid, GENERATOR_CORE)
        return time.time() + 0.5

    return asyncio.run(crew.run(start))


def beside_wrk(url: str, connections: int) -> Lines:
    result = put(url, "/fast", users=connections)
    (stage,) = result.totals
    rate, name = stage.ended / stage.seconds, f"{connections:,} connections, small answers"
    each = stage.gauge.cpu / rate * 1e6
    memory = result.memory_bytes / 2**20
    lines = [
        Line(f"processor time of a request, {name}", f"{each:.1f} µs", wanted="≤ 25 µs", met=each <= 25),
        Line(f"memory, {name}", f"{memory:.0f} MiB", wanted="≤ 80 MiB", met=memory <= 80),
    ]
    if not shutil.which("wrk"):
        return [*lines, Line(f"requests/s, {name}", f"{rate:,.0f}", "wrk is absent (apt install wrk)")]
    other, cpu = wrk(f"{url}/fast", connections)
    beside = f"wrk {other:,.0f}, {cpu / (other * SECONDS) * 1e6:.1f} µs each"
    found = Line(f"requests/s, {name}", f"{rate:,.0f}", beside, f"{rate / other:.2f}", "≥ 0.60 of wrk", rate / other >= 0.6)
    return [*lines, found]


def wrk(url: str, connections: int) -> tuple[float, float]:
    """Requests a second, and seconds of processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["taskset", "-c", str(GENERATOR_CORE), "wrk", "-t1", f"-c{connections}", f"-d{SECONDS:.0f}s", url]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = re.search(r"Requests/sec:\s+([\d.]+)", text)
    assert found is not None, text
    return float(found[1]), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def true_figures(url: str) -> Lines:
    rows: Lines = []
    for rate in (1_000, 8_000):
        (stage,) = put(url, "/fixed/50", think=Think("paced", 1_000 / rate), users=1_000).totals
        p95 = Histogram.from_bytes(stage.service).percentile(95)
        asked = f"{stage.ended / stage.seconds:,.0f} of {rate:,}/s"
        off = abs(p95 / 50 - 1)
        rows.append(
            Line(
                f"p95 of 1,000 paced users, {asked}", f"{p95:.1f} ms", "target 50 ms", f"{p95 / 50:.3f}", "≤ 2 % off", off <= 0.02
            )
        )
    (stage,) = put(url, "/fixed/50", rate=10_000).totals
    achieved = stage.gauge.achieved
    rows.append(Line("open model at 10,000/s, sent", f"{stage.sent:,}", "", f"{achieved:.4f}", "≥ 0.995", achieved >= 0.995))
    return rows


def many_shards(url: str) -> Lines:
    result = put(url, "/fixed/50", shards=4, rate=400, seconds=2)
    part = result.totals[0].response
    began = time.perf_counter()
    times([part] * 8)
    merging = (time.perf_counter() - began) * 1e3
    skew = result.skew_ms
    return [
        Line("start skew of 4 shards", f"{skew:.2f} ms", wanted="≤ 20 ms", met=skew <= 20),
        Line("merging 8 shards", f"{merging:.2f} ms", wanted="≤ 5 ms", met=merging <= 5),
    ]
