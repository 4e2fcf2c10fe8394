"""Known work on real applications between two scrapes, compared with what was sent."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from config.ports import free_port
from probes.kinds import memory, queries
from probes.metrics.scrape import Scrape, read
from probes.metrics.window import window

ROOT = Path(__file__).resolve().parents[3]
GOOD, BAD = 30, 10
PRESETS = [
    ("instrumentator", "", "/metrics", "prometheus-fastapi-instrumentator"),
    ("starlette_exporter", "", "/metrics", "starlette_exporter"),
    ("opentelemetry", "", "/metrics/", "OpenTelemetry, old names"),
    ("opentelemetry", "http", "/metrics/", "OpenTelemetry, stable names"),
    ("milepost", "", "/metrics", "OpenTelemetry, stable names"),
]


@contextmanager
def running(name: str, semantics: str) -> Iterator[httpx.Client]:
    port = free_port(26000 + os.getpid() % 5000)
    env = os.environ | {"OTEL_SEMCONV_STABILITY_OPT_IN": semantics}
    words = [sys.executable, "-m", "tests.probes.metrics.applications", name, str(port)]
    with subprocess.Popen(words, cwd=ROOT, env=env) as process, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        try:
            end = time.monotonic() + 60
            while True:
                try:
                    client.get("/health")
                    break
                except httpx.TransportError:
                    assert process.poll() is None
                    assert time.monotonic() < end
                    time.sleep(0.1)
            yield client
        finally:
            process.terminate()


def scraped(client: httpx.Client, path: str, at: datetime) -> Scrape:
    answer = client.get(path)
    return read(answer.text, answer.headers["content-type"], at)


@pytest.mark.parametrize(("name", "semantics", "path", "preset"), PRESETS)
def test_requests_and_errors_are_what_was_sent(name: str, semantics: str, path: str, preset: str) -> None:
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    with running(name, semantics) as client:
        client.get("/items/1")
        before = scraped(client, path, now)
        for number in range(GOOD):
            client.get(f"/items/{100 + number}")
        for _ in range(BAD):
            client.get("/items/13")
        for _ in range(5):
            client.get("/health")
        after = scraped(client, path, now + timedelta(seconds=10))
    assert after.preset.name == preset
    since = window(before, after)
    assert since.requests({"/metrics", "/health"}) == (GOOD + BAD, BAD)
    told = {one.metric: one.value for one in queries.told(after, since, {"/metrics", "/health"}).readings}
    assert told["error_rate"] == BAD / (GOOD + BAD)
    figures = {one.metric: one for one in memory.told(after, since).readings}
    assert figures["resident_memory"].value > 10e6
    assert 0 <= figures["cpu"].value < 1
