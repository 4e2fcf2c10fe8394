"""Runs of the kinds as a worker makes them: what one remembers is what the next one compares with."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

from outgoing.addresses import AddressPolicy
from outgoing.http import TimedOut, Unreachable
from probes.kinds import cache, memory, queries
from probes.kinds.base import Measured, Outcome, Page, Target, Tools
from probes.metrics.reading import left_out

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TARGET = Target("shop", "http://shop.example")
TEXT = "application/openmetrics-text; version=1.0.0"


def test_own_requests_are_known_as_they_are_written_and_whole() -> None:
    target = Target("shop", "http://shop.example/good", metrics_url="/stats/", health_path="/")
    assert left_out(target) == {
        "/metrics", "/healthz", "/readyz", "/stats", "/health", "/good/stats", "/good/health",
    }  # fmt: skip
    assert "" not in left_out(Target("shop", "http://shop.example", metrics_url="", health_path=""))


def exposed(*, start: float = 1000, hits: int = 0, misses: int | None = 0) -> str:
    """OpenMetrics text, in which a counter's family has no `_total`."""
    lines = ["# TYPE cache_requests counter", f'cache_requests_total{{cache_name="a",result="hit"}} {hits}']
    if misses is not None:
        lines.append(f'cache_requests_total{{cache_name="a",result="miss"}} {misses}')
    lines += ["# TYPE process_start_time_seconds gauge", f"process_start_time_seconds {start}"]
    lines += ["# TYPE process_resident_memory_bytes gauge", "process_resident_memory_bytes 2e8", "# EOF"]
    return "\n".join(lines) + "\n"


def run(kind: ModuleType, answer: str | Exception, previous: dict[str, Any], after_s: float = 0) -> Measured:
    async def scrape() -> Page:
        if isinstance(answer, Exception):
            raise answer
        return Page(200, answer, TEXT, NOW + timedelta(seconds=after_s))

    tools = Tools(AddressPolicy.of((), ()), scrape, lambda: NOW, previous)
    measured: Measured = asyncio.run(kind.measure(TARGET, kind.Params(), tools))
    return measured


def values(measured: Measured) -> dict[str, float]:
    return {reading.metric: reading.value for reading in measured.readings}


def test_first_run_reads_what_needs_no_window_and_says_so() -> None:
    first = run(memory, exposed(), {})
    assert (first.outcome, values(first)) == (Outcome.OK, {"resident_memory": 2e8})
    assert first.reason.startswith("no window yet")
    assert first.details["preset"] == "process only"


def test_second_run_tells_the_rate() -> None:
    first = run(cache, exposed(hits=5, misses=5), {})
    second = run(cache, exposed(hits=35, misses=15), first.memory, 10)
    assert (second.outcome, second.reason, values(second)) == (Outcome.OK, "", {"cache_hit_rate": 0.75})
    assert second.details["window_s"] == 10


def test_hits_without_misses_are_no_data_with_the_reason() -> None:
    first = run(cache, exposed(hits=5, misses=None), {})
    second = run(cache, exposed(hits=35, misses=None), first.memory, 10)
    assert (second.outcome, second.readings) == (Outcome.OK, [])
    assert "no misses" in second.reason


def test_restart_is_recorded_and_nothing_else_is_guessed() -> None:
    first = run(memory, exposed(), {})
    second = run(memory, exposed(start=2000), first.memory, 10)
    assert (second.outcome, second.reason, values(second)) == (Outcome.INVALID, "restarted", {"restarts": 1})
    third = run(memory, exposed(start=2000), second.memory, 20)
    assert (third.outcome, values(third)["restarts"]) == (Outcome.OK, 0)


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        (Unreachable("connection refused"), Outcome.FAILED),
        (TimedOut("no answer in time"), Outcome.TIMED_OUT),
        ("<html>starting</html>", Outcome.FAILED),
    ],
)
def test_restart_is_seen_although_the_service_was_away_between(trouble: str | Exception, outcome: Outcome) -> None:
    first = run(memory, exposed(), {})
    away = run(memory, trouble, first.memory, 10)
    assert (away.outcome, away.readings, bool(away.error)) == (outcome, [], True)
    assert run(memory, exposed(start=2000), away.memory, 20).reason == "restarted"


def test_replicas_that_take_turns_are_told_as_such() -> None:
    memory_kept, reasons = run(queries, exposed(start=1000), {}).memory, []
    for number, start in enumerate((2000, 1000, 2000, 1000), 1):
        measured = run(queries, exposed(start=start), memory_kept, 10 * number)
        memory_kept = measured.memory
        reasons.append(measured.reason)
    assert reasons == ["restarted", "replicas", "replicas", "replicas"]
