"""The judged lines with processes of their own on a database of their own: real signals, a real receiver."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kpis.receivers import Receiver

pytestmark = [pytest.mark.slow, pytest.mark.alone]
ROOT = Path(__file__).resolve().parents[2]

SETUP = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from kpis import channels
from kpis.models import Channel
from tests.kpis.factories import make_kpi, make_scorecard, make_target
card = make_scorecard("plan")
for number in range(int(sys.argv[2])):
    kpi = make_kpi(f"kpi-{number}", scorecard=card, unit="count", aggregation="last", name=f"KPI {number}")
    make_target(kpi, "<", 50, alert_threshold=100)
Channel.objects.create(name="duty", kind="webhook", config=dict(url=sys.argv[1], secret=channels.new_secret())).routes.create()
"""

RECORD = """
from django.utils import timezone
from kpis.models import KPI
from kpis.points import Point
from kpis.recording import record
now = timezone.now()
chosen = KPI.objects.all() if sys.argv[1] == "all" else KPI.objects.filter(key=sys.argv[1])
record([Point(kpi=kpi, subject="orders", at=now, value=float(sys.argv[2]), origin="run:7") for kpi in chosen], now=now)
"""

HOUR = """
# An hour of ticks, each as the periodic tasks do it, at times counted from a start; goes on where it was killed.
from datetime import timedelta
from pathlib import Path
from django.utils import timezone
from kpis import delivering, routing, watching
from kpis.models import KPI
from kpis.points import Point
from kpis.recording import record
done, start, kpi = Path(sys.argv[1]), timezone.datetime.fromisoformat(sys.argv[2]), KPI.objects.get(key="kpi-0")
for tick in range(int(done.read_text()), int(sys.argv[3])):
    now = start + timedelta(seconds=5 * tick)
    if tick % 12 == 0:
        value = 120 if tick < 720 and tick % 24 == 0 else 40
        record([Point(kpi=kpi, subject="orders", at=now, value=value, origin=f"run:{tick}")], now=now)
        watching.watch_rules(now=now)
    routing.route(now=now)
    routing.compose(now=now)
    delivering.deliver(clock=lambda: now)
    part = done.with_suffix(".part")
    part.write_text(str(tick + 1))
    part.replace(done)
"""

START, SWUNG = "2026-03-02T12:00:00+00:00", 720 + 120
"""An hour of five-second ticks in which it swings, and ten minutes in which it is good."""


class Box:
    """A database of its own, and processes on it."""

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        self.folder, self.receiver = folder, receiver
        self.engine: subprocess.Popen[bytes] | None = None
        left_out = {"REDIS_URL", "TEST_REDIS_URL", "PRODUCTION", "PROBE_ALLOW"}
        self.env = {key: value for key, value in os.environ.items() if key not in left_out} | {
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "MILEPOST_VAR": str(folder),
            "CHANNEL_ALLOW": "127.0.0.0/8",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
        }

    def start(self, code: str, *words: object) -> subprocess.Popen[bytes]:
        whole = "import sys\nimport django\ndjango.setup()\n" + textwrap.dedent(code)
        return subprocess.Popen([sys.executable, "-c", whole, *map(str, words)], env=self.env, cwd=ROOT)

    def run(self, code: str, *words: object) -> None:
        assert self.start(code, *words).wait(120) == 0

    def start_engine(self) -> None:
        with (self.folder / "engine.log").open("ab") as log:
            command = [sys.executable, "manage.py", "engine", "--concurrency", "2"]
            self.engine = subprocess.Popen(command, env=self.env, cwd=ROOT, stdout=log, stderr=log)

    def kill_engine(self) -> None:
        if self.engine is not None:
            self.engine.kill()
            self.engine.wait(10)
            self.engine = None

    def until_told(self, title: str, most_s: float) -> None:
        end = time.monotonic() + most_s
        while title not in self.receiver.titles and time.monotonic() < end:
            time.sleep(0.1)

    @property
    def told(self) -> list[str]:
        """Titles by key: one that was sent again with its key is the same message to a receiver."""
        by_key = {headers["webhook-id"]: str(event["title"]) for headers, event in self.receiver.taken}
        return list(by_key.values())


@pytest.fixture
def box(tmp_path: Path, receiver: Receiver) -> Iterator[Callable[[int], Box]]:
    made = Box(tmp_path, receiver)

    def ready(kpis: int) -> Box:
        made.run(SETUP, receiver.url, kpis)
        return made

    yield ready
    made.kill_engine()


@pytest.mark.timeout(400)
def test_engine_killed_between_deciding_and_sending_loses_and_repeats_nothing(box: Callable[[int], Box]) -> None:
    """The engine is killed at any moment from the breach to the message, and started again."""
    draw, found = random.Random(11), box(6)
    for number in range(6):
        found.start_engine()
        time.sleep(draw.uniform(2, 5))
        found.run(RECORD, f"kpi-{number}", 120)
        time.sleep(draw.uniform(0, 10))
        found.kill_engine()
    found.start_engine()
    for number in range(6):
        found.until_told(f"Firing: KPI {number} above 100 (orders)", 120)
    time.sleep(12)  # two more ticks: what would be told twice is told now
    assert sorted(found.told) == [f"Firing: KPI {number} above 100 (orders)" for number in range(6)]


def test_two_hundred_together_are_one_digest_of_the_running_engine(box: Callable[[int], Box]) -> None:
    found = box(200)
    found.start_engine()
    time.sleep(5)
    found.run(RECORD, "all", 120)
    found.until_told("200 alerts: 200 firing", 60)
    time.sleep(12)
    assert found.told == ["200 alerts: 200 firing"]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_swinging_for_an_hour_is_two_messages_however_often_the_engine_is_killed(
    box: Callable[[int], Box], tmp_path: Path, seed: int
) -> None:
    draw, found, done = random.Random(seed), box(1), tmp_path / "done"
    done.write_text("0")
    words = (done, START, SWUNG)
    for tick in sorted(draw.sample(range(SWUNG - 50), 6)):
        child = found.start(HOUR, *words)
        while int(done.read_text()) < tick and child.poll() is None:
            time.sleep(0.002)
        time.sleep(draw.uniform(0, 0.01))  # in the middle of one
        child.kill()
        assert child.wait(10) == -signal.SIGKILL
    found.run(HOUR, *words)
    assert [title.partition(":")[0] for title in found.told] == ["Firing", "Resolved"]


def test_clock_stepped_back_tells_nothing_twice_and_goes_on(box: Callable[[int], Box], tmp_path: Path) -> None:
    found, done = box(1), tmp_path / "done"
    for start, ticks in ((START, 30), ("2026-03-02T11:00:00+00:00", 240), (START, SWUNG)):
        done.write_text("0")
        found.run(HOUR, done, start, ticks)
    assert [title.partition(":")[0] for title in found.told] == ["Firing", "Resolved"]


def test_channel_down_for_ten_minutes_is_told_once_and_in_order(box: Callable[[int], Box], tmp_path: Path) -> None:
    found, done = box(1), tmp_path / "done"
    done.write_text("0")
    found.receiver.status = 503
    found.run(HOUR, done, START, 120)
    assert (found.told, found.receiver.asked > 1) == ([], True)
    found.receiver.status = 204
    found.run(HOUR, done, START, SWUNG)
    assert [title.partition(":")[0] for title in found.told] == ["Firing", "Resolved"]
    assert len(found.receiver.taken) == 2
