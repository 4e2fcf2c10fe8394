"""`make bench`: measures on databases made for the run, prints a table, and writes `benchmarks/results/`.

python -m benchmarks            everything: about ten minutes; PostgreSQL where one answers
python -m benchmarks fleet      one section: engine, sqlite, postgres or fleet (2,000 services, ten minutes on each database)
python -m benchmarks quick      the same on a tenth of the rows, writes nothing
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - after setup

from benchmarks import (  # noqa: E402 - after setup
    databases,
    dispatching,
    fleet,
    histograms,
    ingestion,
    instrument,
    load,
    partitions,
    reading,
    waiting,
)
from benchmarks.table import Line, markdown  # noqa: E402
from tests.lanes import USUAL_DATABASE, answers  # noqa: E402
from tests.probes import servers  # noqa: E402

Parts = dict[str, list[Line]]
RESULTS = Path(__file__).parent / "results"
MILLION = 1_000_000
GROWTH = 1.2
"""A chart at ten times the history may take so much longer."""


def main(command: str = "", *arguments: str) -> None:
    if command == "saturate":
        waiting.saturate()
    elif command == "on":
        print(json.dumps(_on_database(int(arguments[0]), partitions_too="partitions" in arguments)))
    elif command == "dispatch":
        dispatching.embedded()
    elif command == "schedule":
        print(json.dumps(fleet.measure(float(arguments[0]))))
    elif command == "quick":
        _sections(arguments, million=MILLION // 10, keep=False)
    else:
        _sections((command, *arguments) if command else (), million=MILLION, keep=True)


def _on_database(rows: int, *, partitions_too: bool) -> list[Line]:
    """What is measured in a process of its own, on the database of its environment."""
    url = os.environ["DATABASE_URL"]
    databases.fill(rows)
    lines = reading.measure()
    if partitions_too:
        lines += partitions.measure()
    lines += ingestion.measure(url)
    if url.startswith("sqlite"):
        lines += waiting.measure(url)
    return lines


def _sections(names: Sequence[str], *, million: int, keep: bool) -> None:
    """Measure the named sections, or all; each has a table on the screen and a file of its own."""
    call_command("collectstatic", interactive=False, verbosity=0)
    sections = {"engine": _engine, "sqlite": _sqlite, "postgres": _postgres, "fleet": _fleet}
    for name in names or sections:
        parts = sections[name](million)
        if not parts:
            print("No PostgreSQL answers: it was not measured.")
            continue
        text = _text(parts)
        print(text, flush=True)
        if keep:
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")


def _engine(_: int) -> Parts:
    return {"Without a database": [*instrument.measure(), *histograms.measure()], "The load engine": load.measure()}


def _sqlite(million: int) -> Parts:
    with databases.sqlite() as url:
        return {f"SQLite, {million:,} measurements": _child(url, million)}


def _postgres(million: int) -> Parts:
    server = os.environ.get("TEST_DATABASE_URL") or USUAL_DATABASE
    if not answers(server, 5432):
        return {}
    with databases.postgres(server) as url:
        small = _child(url, million, "partitions")
    with databases.postgres(server) as url:
        large = _grown(_child(url, 10 * million), small)
    return {f"PostgreSQL, {million:,} measurements": small, f"PostgreSQL, {10 * million:,} measurements": large}


def _fleet(million: int) -> Parts:
    """The schedule of ten minutes on each database, of one minute where it shall be quick."""
    minutes = 10 * million / MILLION
    found = {}
    with databases.sqlite() as url:
        found["A fleet on SQLite, engine in one process"] = _schedule(url, minutes)
    if servers.there():  # one of our own: it tidies up while it works, which a server for tests may be told not to do
        cluster = servers.Postgres(durable=True)
        cluster.start()
        try:
            found["A fleet on PostgreSQL, engine in one process"] = _schedule(cluster.url, minutes)
        finally:
            cluster.remove()
    return found


def _schedule(url: str, minutes: float) -> list[Line]:
    print(f"a fleet on {url.partition(':')[0]}, {minutes:g} min …", flush=True)
    with fleet.target() as place:
        environment = databases.use(url) | {"PROBE_ALLOW": "127.0.0.1", "FLEET_TARGET": place}
        command = [sys.executable, "-m", "benchmarks", "schedule", str(minutes)]
        output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout
    return [Line(*line) for line in json.loads(output.splitlines()[-1])]


def _child(url: str, rows: int, *more: str) -> list[Line]:
    print(f"measuring on {url.partition(':')[0]}, {rows:,} measurements …", flush=True)
    command = [sys.executable, "-m", "benchmarks", "on", str(rows), *more]
    output = subprocess.run(command, env=databases.use(url), stdout=subprocess.PIPE, check=True, text=True).stdout
    return [Line(*line) for line in json.loads(output.splitlines()[-1])]


def _grown(large: list[Line], small: list[Line]) -> list[Line]:
    """The lines of the larger database, those of reading beside what the smaller one took."""
    before = {line.what: line for line in small}
    found = []
    for line in large:
        if not line.figure.endswith(" ms"):
            found.append(line)
            continue
        ratio = float(line.figure.split()[0]) / float(before[line.what].figure.split()[0])
        wanted = f"≤ {GROWTH} × the smaller" + (f", {line.wanted}" if line.wanted else "")
        met = ratio <= GROWTH and line.met is not False
        beside = f"{line.beside}; smaller: {before[line.what].figure}".removeprefix("; ")
        found.append(Line(line.what, line.figure, beside, f"{ratio:.2f}", wanted, met))
    return found


def _text(parts: Parts) -> str:
    load = os.getloadavg()[0]
    machine = f"{os.cpu_count()} cores ({_processor()}), {_memory_gib():.0f} GiB, {platform.system()}"
    when = f"{datetime.now(UTC):%Y-%m-%d} · Python {platform.python_version()} · {machine} · load {load:.1f} at the end"
    note = (
        "Server, client and database share the machine. Absolute figures vary from run to run;"
        " what stands beside each was taken in the same run."
    )
    return f"# Results\n\n{when}\n\n{note}\n" + "".join(f"\n## {name}\n\n{markdown(lines)}\n" for name, lines in parts.items())


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


if __name__ == "__main__":
    main(*sys.argv[1:])
