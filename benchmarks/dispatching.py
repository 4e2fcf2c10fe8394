"""How long a tick takes from being sent until a due probe is being measured: in one process, and over Redis."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from django.utils import timezone

from benchmarks.table import Line
from config.celery import app
from config.management.commands.engine import embedded_worker
from config.ports import free_port
from probes.models import Probe, Run
from probes.tasks import tick

ROOT = Path(__file__).resolve().parent.parent
TIMES, APART_S, PATIENCE_S = 60, 0.2, 60.0

Lines = list[Line]


def measure() -> Lines:
    lines = [_line("in one process", _child("dispatch", {}), 100)]
    if shutil.which("redis-server") is None:
        return lines
    with server() as url, worker(url):
        lines.append(_line("over Redis", _child("dispatch", {"REDIS_URL": url}), 20))
    return lines


def embedded() -> None:
    """Prints the latencies in ms as JSON; with a broker of its own, the worker is this process."""
    if os.environ.get("REDIS_URL"):
        print(json.dumps(_latencies()), flush=True)
        return
    app.set_default()
    threading.Thread(target=_tell_and_leave, daemon=True).start()
    embedded_worker(4).start()


def _tell_and_leave() -> None:
    time.sleep(3)
    print(json.dumps(_latencies()), flush=True)
    os._exit(0)


def _latencies() -> list[float]:
    probe = Probe.objects.order_by("pk").first()
    assert probe is not None
    Probe.objects.filter(pk=probe.pk).update(enabled=True, claimed_until=None)
    found = [_latency(probe) for _ in range(TIMES)]
    Probe.objects.filter(pk=probe.pk).update(enabled=False)
    return found[5:]


def _latency(probe: Probe) -> float:
    """From the message until the run began."""
    newest = Run.objects.filter(probe=probe).order_by("-pk").values_list("pk", flat=True).first() or 0
    Probe.objects.filter(pk=probe.pk).update(next_run_at=timezone.now())
    sent = timezone.now()
    tick.delay()
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        time.sleep(APART_S)
        run = Run.objects.filter(probe=probe, pk__gt=newest, state="done").first()
        if run is not None and run.started_at is not None:
            return (run.started_at - sent).total_seconds() * 1000
    raise TimeoutError("no worker took the probe up")


@contextmanager
def server() -> Iterator[str]:
    """A Redis of our own, which keeps nothing."""
    port = free_port(6390)
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(port), "--save", "", "--bind", "127.0.0.1", "--dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        url = f"redis://127.0.0.1:{port}/0"
        try:
            _wait_for(url)
            yield url
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(url: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            redis.Redis.from_url(url).ping()
        except redis.RedisError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("Redis does not answer")


@contextmanager
def worker(url: str) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "-Q", "probes", "-c", "2", "--loglevel", "WARNING"]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"REDIS_URL": url}, stdout=subprocess.DEVNULL)
    try:
        time.sleep(6)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _child(name: str, more: dict[str, str]) -> list[float]:
    command = [sys.executable, "-m", "benchmarks", name]
    output = subprocess.run(command, env=os.environ | more, stdout=subprocess.PIPE, check=True, text=True).stdout
    return [float(one) for one in json.loads(output.splitlines()[-1])]


def _line(where: str, latencies: list[float], most_ms: float) -> Line:
    ordered = sorted(latencies)
    p50, p95 = ordered[len(ordered) // 2], ordered[int(0.95 * len(ordered))]
    return Line(f"dispatch {where}, p95", f"{p95:.0f} ms", f"median {p50:.0f} ms", "", f"≤ {most_ms:.0f} ms", p95 <= most_ms)
