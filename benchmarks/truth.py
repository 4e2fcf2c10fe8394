"""The exact target that a load generator is held against, built from C on the spot, and wrk; each on a core of its own."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).with_name("truth.c")
TARGET_CORE, GENERATOR_CORE = 0, 1
FIRST = -20
"""Priority of target and generators where the system grants it: what else runs on the machine stays out of the figures."""

PACED = """
function delay() return math.random({low}, {high}) end
function done(summary, latency, requests) io.write(string.format("p95 %.4f\\n", latency:percentile(95) / 1000)) end
"""


class Wrk(NamedTuple):
    """What wrk says: requests a second, seconds of processor time for each, its p95 in ms (0 where it was not asked)."""

    rate: float
    each_s: float
    p95_ms: float


def can_build(*, tls: bool = False) -> bool:
    return bool(shutil.which("cc")) and (not tls or Path("/usr/include/openssl/ssl.h").exists())


@contextmanager
def target(certificate: Path | None = None, *, first: bool = True) -> Iterator[str]:
    """Its address while it runs; `first` where it must not wait for anything else on the machine."""
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/truth"
        more = ["-DTLS", "-lssl", "-lcrypto"] if certificate else []
        subprocess.run(["cc", "-O2", "-o", program, SOURCE, *more], check=True)
        process = subprocess.Popen([program, *([certificate] if certificate else [])], stdout=subprocess.PIPE)
        if first:
            pin(process.pid, TARGET_CORE)
        assert process.stdout is not None
        try:
            yield f"http{'s' if certificate else ''}://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()
            process.wait()


def told(url: str) -> dict[str, float]:
    """What the target says of the answers since it was last asked: count, p50, p95 and p99 in ms."""
    with urllib.request.urlopen(f"{url}/truth", timeout=10) as answer:
        found: dict[str, float] = json.load(answer)
    return found


def pin(process: int, core: int) -> None:
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(process, {core})
    try:
        os.setpriority(os.PRIO_PROCESS, process, FIRST)
    except PermissionError:
        return


def wrk(url: str, connections: int, seconds: float, *, think_ms: tuple[int, int] | None = None) -> Wrk:
    """`think_ms`: each connection waits at random so long between an answer and the next request."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(PACED.format(low=think_ms[0], high=think_ms[1]) if think_ms else "")
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", *(["-s", script.name] if think_ms else []), url]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        pin(process.pid, GENERATOR_CORE)
        text, _ = process.communicate()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rate, p95 = re.search(r"Requests/sec:\s+([\d.]+)", text), re.search(r"^p95 ([\d.]+)", text, re.M)
    assert rate is not None, text
    return Wrk(float(rate[1]), cpu / (float(rate[1]) * seconds), float(p95[1]) if p95 else 0.0)
