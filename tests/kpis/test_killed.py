"""A process of its own, killed on its way from the decision to the message."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time as clock
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kpis.receivers import Receiver

CHILD = """
import os, signal, sys
from datetime import datetime, timedelta
import django
django.setup()
from django.utils import timezone
from kpis.models import KPI
from kpis.points import Point
from kpis.recording import record
from kpis import routing, delivering
step, minutes = sys.argv[1], float(sys.argv[2])
now = timezone.now() + timedelta(minutes=minutes)
if step == "breach":
    kpi = KPI.objects.get()
    record([Point(kpi=kpi, subject="orders", at=now, value=120, origin="run:7")], now=now)
if step == "route":
    routing.route(now=now)
if step == "compose":
    routing.route(now=now); routing.compose(now=now)
if step == "tell":
    routing.route(now=now); routing.compose(now=now); delivering.deliver(clock=lambda: now)
    sys.exit(0)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def engine(tmp_path: Path, receiver: Receiver) -> Callable[..., subprocess.Popen[bytes]]:
    """Starts a process of its own on a database of its own: `engine("tell", minutes)`."""
    root = Path(__file__).resolve().parents[2]
    env = os.environ | {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}",
        "MILEPOST_VAR": str(tmp_path),
        "CHANNEL_ALLOW": "127.0.0.0/8",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": str(root),
    }
    setup = f"""
    import django
    django.setup()
    from django.core.management import call_command
    call_command("migrate", verbosity=0)
    from kpis import channels
    from kpis.models import Channel
    from tests.kpis.factories import make_kpi, make_target
    make_target(make_kpi(aggregation="last", name="Connections"), "<", 50, alert_threshold=100)
    config = dict(url={receiver.url!r}, secret=channels.new_secret())
    Channel.objects.create(name="duty", kind="webhook", config=config).routes.create()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(setup)], env=env, cwd=root, check=True)

    def start(step: str, minutes: float) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", CHILD, step, str(minutes)], env=env, cwd=root)

    return start


def test_killed_between_deciding_and_sending_loses_and_repeats_nothing(
    engine: Callable[..., subprocess.Popen[bytes]], receiver: Receiver
) -> None:
    for step in ("breach", "compose"):
        assert engine(step, 0 if step == "breach" else 1).wait(60) == -9
    assert receiver.asked == 0
    for minutes in (1, 2):
        assert engine("tell", minutes).wait(60) == 0
    assert receiver.titles == ["Firing: Connections above 100 ms (orders)"]


@pytest.mark.slow
def test_killed_in_the_moment_of_sending_is_sent_again_with_the_same_key(
    engine: Callable[..., subprocess.Popen[bytes]], receiver: Receiver
) -> None:
    assert engine("breach", 0).wait(60) == -9
    receiver.held = threading.Event()
    sender = engine("tell", 1)
    until = clock.monotonic() + 30
    while receiver.asked == 0 and clock.monotonic() < until:
        clock.sleep(0.02)
    sender.kill()
    sender.wait(10)
    receiver.held.set()
    receiver.held = None
    assert engine("tell", 1.5).wait(60) == 0
    assert receiver.asked == 1
    assert engine("tell", 3).wait(60) == 0
    keys = {headers["webhook-id"] for headers, _ in receiver.taken}
    assert (receiver.asked, len(keys)) == (2, 1)
