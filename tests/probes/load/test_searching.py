"""The capacity search against a service that bears a known number of users."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from kpis.stats.histogram import Histogram
from probes.load import searching
from probes.load.judging import Limits
from probes.load.merging import Result
from probes.load.profile import Profile, Stage
from probes.load.report import Gauge, Row, Total

PROFILE = Profile(stages=(Stage(seconds=20, users=25),))


def bearing(most: int, *, limited_from: int = 10_000) -> Callable[[Profile, Callable[[Row], None]], object]:
    """A service that answers in 100 ms up to so many users, and in 2 s beyond."""

    async def carry(profile: Profile, see: Callable[[Row], None]) -> Result:
        users = profile.stages[0].users
        times = Histogram.from_values([100.0 if users <= most else 2000.0] * 100)
        gauge = Gauge(cpu=0.9 if users >= limited_from else 0.1)
        total = Total(
            stage=0, label=f"{users} users", users=users, rate=0, seconds=10, statuses={200: 100}, response=times.to_bytes(),
            gauge=gauge,
        )  # fmt: skip
        return Result(totals=[total], shards=1)

    return carry


def search(**known: int) -> tuple[int, tuple[int, bool] | None]:
    results, found = asyncio.run(searching.users(PROFILE, Limits(1000, 0.01), bearing(**known), lambda row: None))  # type: ignore[arg-type]
    return len(results), found


@pytest.mark.parametrize("most", [1, 24, 25, 100, 333, 500, 999])
def test_the_highest_number_that_holds_is_found(most: int) -> None:
    steps, found = search(most=most)
    assert found is not None
    assert (found[0] <= most, found[0] >= most * 0.88 - 1, found[1]) == (True, True, True)
    assert steps <= searching.MOST_STEPS + 1


def test_it_ends_at_the_cap() -> None:
    assert search(most=5000)[1] == (1000, False)


def test_it_says_nothing_when_the_generator_was_the_bottleneck_or_nothing_holds() -> None:
    assert search(most=5000, limited_from=100)[1] is None
    assert search(most=0)[1] is None
