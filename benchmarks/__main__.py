"""`make bench`: runs every benchmark and says on which machine."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - after setup
from django.db import connection  # noqa: E402

from benchmarks import histograms, ingestion, instrument  # noqa: E402

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    call_command("migrate", verbosity=0)
    load = os.getloadavg()[0]
    machine = f"Python {platform.python_version()} · {platform.machine()}, {os.cpu_count()} cores"
    busy = " (a busy machine: trust ratios only)" if load > 1 else ""
    lines = [
        f"# Results on {connection.vendor}",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {machine} · load {load:.1f} when it began{busy}",
        "",
        "| what | measured | ratio |",
        "| --- | --- | --- |",
    ]
    for module in (instrument, histograms, ingestion):
        lines += [f"| {what} | {figure} | {ratio} |" for what, figure, ratio in module.measure()]
    text = "\n".join(lines) + "\n"
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{connection.vendor}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
