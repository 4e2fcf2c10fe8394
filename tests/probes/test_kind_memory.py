"""How resident memory grows: told of one process over enough time, with its interval."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outgoing.addresses import AddressPolicy
from outgoing.http import Unreachable
from probes.kinds import memory
from probes.kinds.base import Measured, Page, Target, Tools

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Process:
    """A process as its metrics show it, read once a minute."""

    def __init__(self) -> None:
        self.at, self.memory, self.start = NOW, {}, 1000

    def __call__(self, resident: float, *, minutes: float = 1, away: bool = False, **params: Any) -> Measured:
        self.at += timedelta(minutes=minutes)

        async def scrape() -> Page:
            if away:
                raise Unreachable("connection refused")
            text = f"process_resident_memory_bytes {resident}\nprocess_start_time_seconds {self.start}\n"
            return Page(200, text, "text/plain", self.at)

        tools = Tools(AddressPolicy.of(()), scrape, lambda: self.at, self.memory)
        measured: Measured = asyncio.run(memory.measure(Target("a", "http://a.example"), memory.Params(**params), tools))
        self.memory = measured.memory
        return measured


@pytest.fixture
def process() -> Iterator[Process]:
    return Process()


def growth(measured: Measured) -> Any:
    return next((one for one in measured.readings if one.metric == "memory_growth"), None)


def test_a_leak_is_told_in_bytes_an_hour_with_its_interval(process: Process) -> None:
    noise = random.Random(7)
    for minute in range(60):
        one = process(200e6 + minute * 100e3 + noise.gauss(0, 20e3))
    found = growth(one)
    assert (found.unit, found.count) == ("bytes/h", 60)
    assert found.low < 6e6 < found.high
    assert found.value == pytest.approx(6e6, rel=0.02)
    assert found.high - found.low < 0.5e6
    assert found.note.startswith("95 % interval 5.")


def test_steady_memory_has_an_interval_that_holds_zero(process: Process) -> None:
    noise = random.Random(7)
    found = growth([process(200e6 + noise.gauss(0, 1e6)) for _ in range(40)][-1])
    assert found.low < 0 < found.high


def test_a_step_up_and_a_collected_peak_are_no_leak(process: Process) -> None:
    values = [150e6] * 3 + [200e6] * 20 + [900e6] + [200e6] * 20
    assert growth([process(value) for value in values][-1]).value == 0


def test_too_little_time_or_too_few_points_tell_no_growth(process: Process) -> None:
    runs = [process(200e6 + minute * 1e6) for minute in range(11)]
    assert [growth(one) is None for one in runs] == [True] * 10 + [False]
    assert "10 minutes" in runs[-2].details["memory_growth"]
    sparse = Process()
    assert growth([sparse(200e6, minutes=20) for _ in range(9)][-1]) is None


def test_growth_begins_anew_with_the_process_and_outlives_an_absence(process: Process) -> None:
    for _ in range(20):
        process(200e6)
    process(0, away=True)
    assert growth(process(200e6)) is not None
    process.start = 2000
    assert process(50e6).reason == "restarted"
    assert growth(process(50e6)) is None
    assert len(process.memory["resident"]) == 1


def test_only_the_asked_time_is_looked_at_and_little_is_kept(process: Process) -> None:
    for minute in range(100):
        process(200e6 + minute * 1e6, growth_h=0.5)
    for _ in range(31):
        one = process(300e6, growth_h=0.5)
    assert growth(one).value == 0
    fast = Process()
    for _ in range(1500):
        fast(200e6, minutes=1 / 30, growth_h=0.25)
    assert len(fast.memory["resident"]) <= memory.MOST_POINTS
    assert fast.memory["resident"][-1][0] == fast.at.timestamp()


@pytest.mark.parametrize("stored", [{}, {"resident": None}, {"resident": [[1]]}, {"resident": ["a"]}])
def test_what_cannot_be_understood_any_more_is_forgotten(stored: dict[str, Any]) -> None:
    assert memory.kept(stored) == []
