"""The load engine beside wrk, each on a core of its own against the same target on another; and how true its figures are.

The target tells how long its answers truly took, so that what the machine takes from the target is not laid at the generator.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import truth
from benchmarks.table import Line
from kpis.stats.histogram import Histogram
from probes.load.driving import Crew, specs
from probes.load.merging import Result, times
from probes.load.profile import Ask, Profile, Stage, Think
from probes.load.report import Row
from probes.load.spec import Spec
from tests.probes import certificates

SECONDS, WARM_UP = 5.0, 2.0
TURNS, TURN_S = 3, 2.0
THINKING = {1_000: (0, 1_900), 8_000: (0, 150), 16_000: (0, 25)}
"""Offered rate of 1,000 users on a target of 50 ms, and between which bounds (ms) wrk's connections wait for it."""

Lines = list[Line]


def measure() -> Lines:
    if not truth.can_build():
        return [Line("the load engine", "not measured", "a C compiler is absent")]
    with truth.target() as url:
        rows = [row for connections in (50, 1000) for row in beside_wrk(url, connections)]
        rows += [row for rate in THINKING for row in paced(url, rate)]
        rows += [*thoughtless(url), *open_model(url), *many_shards(url)]
    if truth.can_build(tls=True):
        with certificate() as chain, truth.target(chain) as url:
            rows += [row for connections in (50, 1000) for row in beside_wrk(url, connections)]
    return rows


@contextmanager
def certificate() -> Iterator[Path]:
    """A server's certificate, whose authority is trusted meanwhile."""
    before = os.environ.get("SSL_CERT_FILE")
    with tempfile.TemporaryDirectory() as folder:
        authority, _ = certificates.make(Path(folder))
        os.environ["SSL_CERT_FILE"] = str(authority)
        try:
            yield Path(folder) / "server.pem"
        finally:
            os.environ.pop("SSL_CERT_FILE")
            os.environ.update({"SSL_CERT_FILE": before} if before else {})


def put(url: str, path: str, *, think: Think | None = None, shards: int = 1, seconds: float = SECONDS, **stage: float) -> Result:
    """The target's memory of its answers begins anew where the warm-up ends."""
    profile = Profile(
        stages=(Stage(seconds=seconds + WARM_UP, warm_up_s=WARM_UP, **stage),),  # type: ignore[arg-type]
        requests=(Ask(path),), think=think or Think(), timeout_s=5,
    )  # fmt: skip

    def second(row: Row) -> None:
        if row.second == WARM_UP - 1 and url.startswith("http:"):
            truth.told(url)

    crew = Crew(specs(Spec(base_url=url, profile=profile, allow=["127.0.0.0/8"]), shards), profile, second)

    async def start() -> float:
        for process in crew.processes:
            truth.pin(process.pid, truth.GENERATOR_CORE)
        return time.time() + 0.5

    return asyncio.run(crew.run(start))


def beside_wrk(url: str, connections: int) -> Lines:
    """In turn, some times; of each its best turn counts: what else runs on the machine then only takes from the worse ones."""
    secure = url.startswith("https:")
    name = f"{connections:,} connections, small answers{' over TLS' if secure else ''}"
    ours, theirs = [], []
    for _ in range(TURNS):
        ours.append(put(url, "/fast", users=connections, seconds=TURN_S))
        theirs += [truth.wrk(f"{url}/fast", connections, TURN_S)] if shutil.which("wrk") else []
    rate, each = max((rate_of(result), result.totals[0].gauge.cpu / rate_of(result) * 1e6) for result in ours)
    memory = max(result.memory_bytes for result in ours) / 2**20
    lines = [Line(f"memory, {name}", f"{memory:.0f} MiB", wanted="≤ 80 MiB", met=memory <= 80)]
    if not theirs:
        return [*lines, Line(f"requests/s, {name}", f"{rate:,.0f}", "wrk is absent (apt install wrk)")]
    other = max(theirs)
    ratio, beside = rate / other.rate, f"wrk {other.each_s * 1e6:.1f} µs"
    wanted, met = ("", None) if secure else ("≤ 25 µs", each <= 25)
    return [
        *lines,
        Line(f"processor time of a request, {name}", f"{each:.1f} µs", beside, wanted=wanted, met=met),
        Line(
            f"requests/s, {name}, best of {TURNS} turns", f"{rate:,.0f}", f"wrk {other.rate:,.0f}", f"{ratio:.2f}",
            "≥ 0.60 of wrk", ratio >= 0.6,
        ),
    ]  # fmt: skip


def rate_of(result: Result) -> float:
    (stage,) = result.totals
    return stage.ended / stage.seconds


def p95_beside_truth(url: str, result: Result) -> tuple[float, float, str]:
    """The p95 that was read, the one that the target tells of the same answers, and the generator's own state."""
    (stage,) = result.totals
    gauge = f"generator's lag {stage.gauge.lag_p95_ms:.1f} ms"
    return Histogram.from_bytes(stage.service).percentile(95), truth.told(url)["p95"], gauge


def paced(url: str, rate: int) -> Lines:
    result = put(url, "/fixed/50", think=Think("paced", 1_000 / rate), users=1_000)
    read, true, gauge = p95_beside_truth(url, result)
    asked = f"{result.totals[0].ended / result.totals[0].seconds:,.0f} of {rate:,}/s"
    beside = f"the target's own {true:.1f} ms, {gauge}"
    if shutil.which("wrk"):
        other = truth.wrk(f"{url}/fixed/50", 1_000, SECONDS, think_ms=THINKING[rate])
        beside += f"; wrk {other.p95_ms:.1f} against {truth.told(url)['p95']:.1f} ms at {other.rate:,.0f}/s"
    off = abs(read / true - 1)
    return [Line(f"p95 of 1,000 paced users, {asked}", f"{read:.1f} ms", beside, f"{read / true:.3f}", "≤ 2 % off", off <= 0.02)]


def thoughtless(url: str) -> Lines:
    """1,000 users who never wait offer 20,000/s to a target of 50 ms."""
    result = put(url, "/fixed/50", users=1_000)
    read, true, gauge = p95_beside_truth(url, result)
    asked = f"{result.totals[0].ended / result.totals[0].seconds:,.0f} of 20,000/s"
    beside, off = f"the target's own {true:.1f} ms, {gauge}", abs(read / true - 1)
    return [
        Line(f"p95 of 1,000 users at once, {asked}", f"{read:.1f} ms", beside, f"{read / true:.3f}", "≤ 5 % off", off <= 0.05)
    ]


def open_model(url: str) -> Lines:
    result = put(url, "/fixed/50", rate=10_000)
    (stage,) = result.totals
    achieved = stage.gauge.achieved
    read, true, gauge = p95_beside_truth(url, result)
    response = Histogram.from_bytes(stage.response).percentile(95)
    beside, off = f"the target's own {true:.1f} ms, {gauge}; from the intended start {response:.1f} ms", abs(read / true - 1)
    return [
        Line("open model at 10,000/s, sent", f"{stage.sent:,}", "", f"{achieved:.4f}", "≥ 0.995", achieved >= 0.995),
        Line("p95 of service, open model at 10,000/s", f"{read:.1f} ms", beside, f"{read / true:.3f}", "≤ 2 % off", off <= 0.02),
    ]


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
