"""Measurements through the API of real servers, a worker for each sender, beside its limits in the same run."""

from __future__ import annotations

import http.client
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from itertools import count
from multiprocessing import get_context
from pathlib import Path

from django.db import connection

from accounts import tokens
from accounts.models import User
from benchmarks.copying import copy
from benchmarks.databases import END, use
from benchmarks.table import Line
from config.ports import free_port
from kpis.models import Series

SENDERS, ROWS, ROUNDS, ROUND_S = 2, 1000, 5, 2.0
SERIES = 50
"""A sender writes for so many series at once, 20 minutes of each: a service that pushes ten KPIs of five instances."""

VALUES = [random.uniform(50, 150) for _ in range(ROWS)]
"""What senders draw their figures from."""

OURS, PEERS = "config.wsgi", "benchmarks.peer_wsgi"

Send = Callable[[int, int], None]


def measure(url: str) -> list[Line]:
    """Batches of 1,000 rows and single rows; on PostgreSQL beside a bare COPY through a staging table."""
    secret = _token()
    batches: dict[str, Send] = {}
    with ExitStack() as running:
        ours, peer = ([running.enter_context(_server(url, module)) for _ in range(SENDERS)] for module in (OURS, PEERS))
        with ProcessPoolExecutor(SENDERS, get_context("spawn")) as pool:
            if connection.vendor == "postgresql":
                series = [_series(sender) for sender in range(SENDERS)]
                batches["bare"] = lambda sender, number: pool.submit(copy, url, sender, series[sender], _moments(number)).result()
            batches["serializers"] = _poster(peer, "/serializers/", {}, _batch)
            batches["ours"] = _poster(ours, "/api/v1/measurements/", {"Authorization": f"Bearer {secret}"}, _batch)
            rates = {name: rate * ROWS for name, rate in _contest(batches).items()}
        singles = {
            "bare": _poster(peer, "/bare/", {}, _one_bare),
            "ours": _poster(ours, "/api/v1/measurements/", {"Authorization": f"Bearer {secret}"}, _one),
        }
        ones = _contest(singles)
    return [
        *_batch_lines(rates),
        _line("one row a request", ones["ours"], "bare view, one INSERT", ones["bare"], 0.6, "requests/s"),
    ]


def _batch_lines(rates: dict[str, float]) -> list[Line]:
    what = f"{ROWS:,} rows a request, {SENDERS} senders, {SERIES} series each"
    lines = [_line(what, rates["ours"], "DRF serializers doing the same work", rates["serializers"], 4, "rows/s")]
    if "bare" in rates:
        lines.insert(0, _line(what, rates["ours"], "bare COPY to staging + ON CONFLICT", rates["bare"], 0.5, "rows/s"))
    return lines


def _line(what: str, ours: float, beside: str, limit: float, wanted: float, unit: str) -> Line:
    ratio = ours / limit
    return Line(what, f"{ours:,.0f} {unit}", f"{beside}: {limit:,.0f} {unit}", f"{ratio:.2f}", f"≥ {wanted}", ratio >= wanted)


def _contest(contenders: dict[str, Send]) -> dict[str, float]:
    """Calls a second of each contender with all senders at once: the median of rounds that take turns."""
    numbers = count()
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for send in contenders.values():  # one each first, so that no round pays for starting up
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(send, range(SENDERS), [next(numbers)] * SENDERS))
    for _ in range(ROUNDS):
        for name, send in contenders.items():
            found[name].append(_rate(send, numbers))
    return {name: statistics.median(rates) for name, rates in found.items()}


def _rate(send: Send, numbers: Iterator[int]) -> float:
    began = time.perf_counter()

    def work(sender: int) -> int:
        done = 0
        while time.perf_counter() - began < ROUND_S:
            send(sender, next(numbers))
            done += 1
        return done

    with ThreadPoolExecutor(SENDERS) as pool:
        done = sum(pool.map(work, range(SENDERS)))
    return done / (time.perf_counter() - began)


def _names(sender: int) -> list[tuple[str, str]]:
    """KPI and subject of a sender's series."""
    return [(f"pushed-{sender * 10 + i % 10}", f"service-{i // 10}") for i in range(SERIES)]


def _series(sender: int) -> list[int]:
    rows = Series.objects.values_list("kpi__key", "subject", "pk")
    pks = {(kpi, subject): pk for kpi, subject, pk in rows}
    return [pks[name] for name in _names(sender)]


def _moments(number: int) -> list[datetime]:
    """Every batch begins where the one before it ended."""
    each = ROWS // SERIES
    return [END + timedelta(minutes=number * each + i) for i in range(each)]


def _batch(sender: int, number: int) -> bytes:
    """Written out, since a sender that is busy with its own JSON takes the processor from what is measured."""
    moments = [at.isoformat() for at in _moments(number)]
    rows = [
        f'{{"kpi":"{kpi}","subject":"{subject}","at":"{at}","value":{value:.3f}}}'
        for kpi, subject in _names(sender)
        for at, value in zip(moments, random.choices(VALUES, k=len(moments)), strict=True)
    ]
    return f"[{','.join(rows)}]".encode()


def _one(sender: int, number: int) -> bytes:
    at = END + timedelta(seconds=number)
    return json.dumps([{"kpi": f"pushed-{20 + sender}", "subject": "service-0", "at": at.isoformat(), "value": 80.5}]).encode()


def _one_bare(sender: int, number: int) -> bytes:
    """For a series that nobody else writes to: what goes past the one writer is in no aggregate of ours."""
    at = END + timedelta(seconds=number)
    return json.dumps({"series": 93 + sender, "at": at.isoformat(), "value": 80.5}).encode()


def _poster(ports: Sequence[int], address: str, headers: dict[str, str], body: Callable[[int, int], bytes]) -> Send:
    """Posts over one kept connection a sender. Raises where anything but success is answered."""
    connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=60) for port in ports]

    def send(sender: int, number: int) -> None:
        connections[sender].request("POST", address, body(sender, number), {"Content-Type": "application/json", **headers})
        answer = connections[sender].getresponse()
        text = answer.read()
        if answer.status not in (200, 201):
            raise RuntimeError(f"{address} answered {answer.status}: {text[:300]!r}")

    return send


def _token() -> str:
    engineer = User.objects.create_superuser("bench", password=None)
    return tokens.issue(owner=engineer, name="bench", scopes=["results:write"])[1]


@contextmanager
def _server(url: str, module: str) -> Iterator[int]:
    """A real server with one worker; its port.

    Of several workers that listen together, chance may give one all the connections of a run, and make it twice as slow.
    """
    port = free_port(8700)
    granian = Path(sys.executable).parent / "granian"
    command = [str(granian), "--interface", "wsgi", "--port", str(port), "--workers", "1", "--blocking-threads", "2"]
    process = subprocess.Popen(
        [*command, "--log-level", "error", f"{module}:application"],
        env=use(url),
    )
    try:
        _await(port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def _await(port: int) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return
