"""`manage.py load`: its verdicts, exit codes, JSON, and what it says of words that it cannot read."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from kpis.stats.histogram import Histogram
from probes.load.judging import Limits, busy_stages
from probes.load.merging import Result
from probes.load.profile import Profile, Stage
from probes.load.report import Gauge, Total
from probes.management.commands.load import verdict
from tests.probes.servers import until

ROOT = Path(__file__).resolve().parents[2]
PROFILE = Profile(stages=(Stage(seconds=10, users=5),))


def result(*, ms: float = 100, cpu: float = 0.1, **fields: Any) -> Result:
    times = Histogram.from_values([ms] * 100).to_bytes()
    total = Total(
        stage=0, label="5 users", users=5, rate=0, seconds=10, statuses={200: 100}, arrived={200: 100}, response=times,
        gauge=Gauge(cpu=cpu),
    )  # fmt: skip
    return Result(totals=[total], shards=1, **fields)


@pytest.mark.parametrize(
    ("found", "reason", "code", "why"),
    [
        (result(), "", 0, "errors 0.00 %\nThe limits hold."),
        (result(ms=600), "", 1, "The limits do not hold."),
        (result(stopped=True), "stopped by hand", 2, "stopped by hand"),
        (result(dead="shard 1 fell silent"), "", 2, "shard 1 fell silent"),
        (result(cpu=0.9), "", 3, "generator cpu 90 % (limit ≤ 70 %) at 5 users"),
    ],
)
def test_what_the_exit_code_says(found: Result, reason: str, code: int, why: str) -> None:
    text, exit_code = verdict(found, busy_stages(found, PROFILE), Limits(500, 0.01), reason)
    assert (exit_code, why in text) == (code, True)


@pytest.mark.usefixtures("reachable")
def test_a_missed_limit_is_told_as_json(service_url: str) -> None:
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(
            "load", f"{service_url}/slow/50", "--users=2", "--duration=1s", "--warm-up=0s", "--p95=20ms", "--json", stdout=out
        )  # fmt: skip
    told = json.loads(out.getvalue())
    assert (told["exit_code"], told["verdict"]) in [(1, "fail"), (3, "generator_limited")]  # as honest as the machine allows
    assert ended.value.code == told["exit_code"]
    (stage,) = told["stages"]
    assert (stage["stage"], stage["p95_ms"] > 50, stage["error_share"]) == ("2 users", True, 0)


def test_an_address_that_may_not_be_reached_is_refused(settings: Any) -> None:
    settings.PROBE_ALLOW = []
    with pytest.raises(CommandError, match="not a public address") as refused:
        call_command("load", "http://127.0.0.1:9/")
    assert refused.value.returncode == 2


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--p95", "500"], "'500' is no length of time"),
        (["--errors", "few"], "'few' is no share of errors; write 0.1%"),
        (["--header", "Accept"], "'Accept' is no header; write “Name: value”"),
        (["--users", "5000"], "5,000 users are more than the cap of 1,000"),
        (["--stage", "many"], "'many' is no stage"),
    ],
)
def test_what_cannot_be_read_is_said(words: list[str], error: str) -> None:
    with pytest.raises(CommandError, match=re.escape(error)):
        call_command("load", "http://127.0.0.1:9/", *words)


def test_ctrl_c_stops_it(service_url: str) -> None:
    command = [sys.executable, "manage.py", "load", f"{service_url}/health", "--users", "2", "--duration", "60s", "--json"]
    env = {**os.environ, "PROBE_ALLOW": "127.0.0.0/8"}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until((Path("/proc") / str(process.pid) / "task" / str(process.pid) / "children").read_text, "a shard of its own")
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=10)
    assert (process.returncode, json.loads(out)["why"]) == (2, "stopped by hand")
