"""Load from the command line: `manage.py load URL --users 500 --duration 30s --p95 500ms --errors 0.1%`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console, Group
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from kpis.stats.histogram import Histogram
from outgoing.addresses import Refused
from probes.load import guard, notation
from probes.load.driving import Crew, specs
from probes.load.judging import Figures, Limits, busy_stages
from probes.load.merging import Result
from probes.load.profile import Profile, check
from probes.load.report import Row
from probes.load.spec import Spec
from probes.load.watch import Watch
from probes.loading import caps

MISSED, INVALID, LIMITED = 1, 2, 3
COLUMNS = ("s", "users", "sent/s", "p50 ms", "p95 ms", "errors", "CPU", "late", "lag")


class Command(BaseCommand):
    help = "Put load on a service. Exit code: 0 limits held, 1 missed, 2 stopped or invalid, 3 the generator was the bottleneck."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("url", help="Such as http://127.0.0.1:8090/users")
        parser.add_argument("--users", type=int, default=0, help="This many at the same time (closed model).")
        parser.add_argument("--rate", type=float, default=0.0, help="Requests a second, answered or not (open model).")
        parser.add_argument("--duration", default="30s")
        parser.add_argument("--stage", action="append", default=[], help="“500 users for 5m”, again for each stage.")
        parser.add_argument("--request", action="append", default=[], help="“3 POST /orders {…}”, again for each of a mix.")
        parser.add_argument("--header", action="append", default=[], help="“Name: value”.")
        parser.add_argument("--think", default="exponential 1s", help="“exponential 1s”, “fixed 1s”, “paced 1s” or “none”.")
        parser.add_argument("--warm-up", default="2s")
        parser.add_argument("--timeout", default="10s")
        parser.add_argument("--p95", default="", help="Limit, such as 500ms.")
        parser.add_argument("--errors", default="", help="Limit, such as 0.1%%.")
        parser.add_argument("--shards", type=int, default=1)
        parser.add_argument("--json", action="store_true", help="Write the result as JSON instead of a display.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            order, profile, limits = self.order(options)
        except ValueError as error:
            raise CommandError(str(error)) from None
        console = Console(stderr=options["json"])
        run = Display(profile, limits, console, quiet=options["json"])
        try:
            result = asyncio.run(run.carry_out(order, options["shards"]))
        except Refused as refused:
            raise CommandError(str(refused), returncode=INVALID) from None
        stages = busy_stages(result, profile)
        why, code = verdict(result, stages, limits, run.reason)
        if options["json"]:
            self.stdout.write(json.dumps(as_json(result, stages, why, code), indent=2))
        else:
            console.print(Text(why, style="bold green" if code == 0 else "bold red"))
        if code:
            raise SystemExit(code)

    def order(self, options: dict[str, Any]) -> tuple[Spec, Profile, Limits]:
        parts = urlsplit(options["url"])
        users, rate = options["users"], options["rate"]
        stages = options["stage"] or [
            f"{rate:f}/s for {options['duration']}" if rate else f"{users or 1} users for {options['duration']}"
        ]
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        profile = notation.profile(
            stages, options["request"] or [f"GET {path}"], options["think"],
            warm_up_s=notation.seconds(options["warm_up"]), timeout_s=notation.seconds(options["timeout"]),
        )  # fmt: skip
        check(profile, caps())
        order = Spec(
            base_url=f"{parts.scheme}://{parts.netloc}", profile=profile, headers=dict(map(header, options["header"])),
            allow=settings.PROBE_ALLOW, deny=settings.PROBE_DENY,
        )  # fmt: skip
        p95 = notation.seconds(options["p95"]) * 1000 if options["p95"] else float("inf")
        return order, profile, Limits(p95, share(options["errors"]) if options["errors"] else float("inf"))


def header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not name.strip() or not colon:
        raise ValueError(f"{line!r} is no header; write “Name: value”")
    return name.strip(), value.strip()


def share(text: str) -> float:
    try:
        return float(text.strip().rstrip("%")) / 100
    except ValueError:
        raise ValueError(f"{text!r} is no share of errors; write 0.1%") from None


class Display:
    """The run as it goes: a line a second of figures and the guard."""

    def __init__(self, profile: Profile, limits: Limits, console: Console, *, quiet: bool) -> None:
        self.profile, self.limits, self.console, self.quiet = profile, limits, console, quiet
        self.watch = Watch(profile)
        self.reason = ""
        self.rows: list[Row] = []

    async def carry_out(self, order: Spec, shards: int) -> Result:
        self.crew = Crew(specs(order, shards), self.profile, self.second)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop, "stopped by hand")
        if self.quiet:
            return await self.crew.run()
        with Live(console=self.console, refresh_per_second=4) as self.live:
            return await self.crew.run()

    def stop(self, why: str) -> None:
        self.reason = self.reason or why
        self.crew.stop()

    def second(self, row: Row) -> None:
        self.watch.see(row)
        if self.watch.reason:
            self.stop(self.watch.reason)
        if not self.quiet and row.second < self.profile.seconds:
            self.rows = [*self.rows, row][-12:]
            self.live.update(self.picture())

    def picture(self) -> Group:
        last = self.rows[-1]
        left = max(0, self.profile.seconds - last.second - 1)
        stage = self.profile.stages[last.stage].label + (", warming up" if last.warm else "")
        table = Table(
            *(Column(name, justify="right") for name in COLUMNS), title=f"{stage} · {left:.0f} s left",
            caption="CPU, late sends (p99, ms) and lag (p95, ms) are the generator's",
        )  # fmt: skip
        for row in self.rows:
            table.add_row(*cells(row))
        return Group(table, Text("Ctrl-C stops", style="dim"))


def cells(row: Row) -> list[str]:
    times = Histogram.from_bytes(row.response)
    failed = sum(row.errors.values()) + sum(count for status, count in row.statuses.items() if status >= 500)
    return [
        str(row.second + 1), f"{row.users:,}", f"{row.sent:,}",
        *(f"{times.percentile(p):,.1f}" if times.count else "–" for p in (50, 95)), str(failed), f"{row.gauge.cpu * 100:.0f} %",
        f"{row.gauge.late_p99_ms:.1f}", f"{row.gauge.lag_p95_ms:.1f}",
    ]  # fmt: skip


def verdict(result: Result, stages: list[Figures], limits: Limits, reason: str) -> tuple[str, int]:
    if result.dead or result.stopped:
        return reason or result.dead or "stopped", INVALID
    told = "; ".join(sentence(one) for one in stages)
    if limited := guard.limited(result):
        more = guard.more_shards(result, os.cpu_count() or 1)
        advice = f"; try --shards {more}" if more else ""
        return f"{told}\nGenerator limited, so this says nothing of the service: {limited}{advice}", LIMITED
    held = all(one.meets(limits) for one in stages) if stages else False
    return f"{told}\n{'The limits hold.' if held else 'The limits do not hold.'}", 0 if held else MISSED


def sentence(one: Figures) -> str:
    p50, p95, p99 = (f"{value:,.1f}" if (value := one.percentile(p)) is not None else "–" for p in (50, 95, 99))
    return (
        f"{one.label}: {one.throughput:,.1f} requests/s, p50 {p50}, p95 {p95}, p99 {p99} ms, errors {one.error_share * 100:.2f} %"
    )


def as_json(result: Result, stages: list[Figures], why: str, code: int) -> dict[str, Any]:
    return {
        "verdict": ["pass", "fail", "invalid", "generator_limited"][code], "exit_code": code, "why": why,
        "stages": [
            {"stage": one.label, "requests": one.ended, "throughput": round(one.throughput, 3), "error_share": one.error_share,
             **{f"p{p}_ms": one.percentile(p) for p in (50, 95, 99)}}
            for one in stages
        ],
        "shards": result.shards, "start_skew_ms": result.skew_ms, "kernel_stamps": result.kernel_stamps,
        "generator_cpu_s": result.cpu_s, "generator_memory_bytes": result.memory_bytes,
        "suggested_shards": guard.more_shards(result, os.cpu_count() or 1) or None,
    }  # fmt: skip
