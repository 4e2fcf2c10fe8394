"""The capacity search against a service that bears a known number of users, or a known rate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from kpis.stats.histogram import Histogram
from probes.load.judging import By, Capacity, Limits
from probes.load.merging import Result
from probes.load.profile import Caps, Profile, Stage
from probes.load.report import Gauge, Total
from probes.load.searching import MOST_STEPS, Carry, Search

LIMITS = Limits(1000, 0.01)
FIRST = {"users": Stage(seconds=20, users=25), "rate": Stage(seconds=20, rate=50)}


def answer(size: float, by: By, *, ms: float, down: str = "", cpu: float = 0.1) -> Result:
    times = Histogram.from_values([ms] * 100).to_bytes()
    total = Total(
        stage=0, label=f"{size:g}", users=int(size) if by == "users" else 0, rate=size if by == "rate" else 0, seconds=10,
        statuses={200: 100}, response=times, gauge=Gauge(cpu=cpu),
    )  # fmt: skip
    return Result(totals=[total], shards=1, down=down, stopped=bool(down))


def bearing(by: By, most: Callable[[int], float], *, limited_from: int = 100_000, down_from: int = 100_000) -> Carry:
    """A service that answers in 100 ms up to so many (`most` is told the number of the step), and in 2 s beyond."""
    steps: list[float] = []

    async def carry(profile: Profile) -> Result:
        size = getattr(profile.stages[0], by)
        steps.append(size)
        down = "gave way" if size >= down_from else ""
        return answer(size, by, ms=100 if size <= most(len(steps)) else 2000, cpu=0.9 if size >= limited_from else 0.1, down=down)

    return carry


def search(by: By = "users", most: float = 1e6, *, caps: Caps | None = None, **known: int) -> Search:
    found = Search(Profile(stages=(FIRST[by],)), LIMITS, by, caps or Caps())
    asyncio.run(found.run(bearing(by, lambda step: most, **known)))
    return found


@pytest.mark.parametrize(("by", "most"), [("users", most) for most in (1, 24, 25, 100, 333, 500, 999)])
def test_the_highest_number_of_users_that_holds_is_found(by: By, most: int) -> None:
    found = search(by, most)
    assert found.capacity is not None
    assert (found.capacity.most <= most, found.capacity.most >= most * 0.88 - 1, found.capacity.missed) == (True, True, True)
    assert len(found.results) <= MOST_STEPS


@pytest.mark.parametrize("most", [7, 50, 777, 5_000, 9_900])
def test_the_highest_rate_that_holds_is_found(most: int) -> None:
    found = search("rate", most)
    assert found.capacity is not None
    assert (found.capacity.by, found.capacity.most <= most, found.capacity.most >= most * 0.88 - 1) == ("rate", True, True)
    assert all(total.users == 0 for result in found.results for total in result.totals)


@pytest.mark.parametrize(
    ("by", "caps", "most"), [("users", Caps(), 1000), ("rate", Caps(), 10_000), ("users", Caps(users=60), 60)]
)
def test_it_ends_at_the_cap(by: By, caps: Caps, most: int) -> None:
    assert search(by, caps=caps).capacity == Capacity(by, most, False)


def test_what_is_not_confirmed_is_sought_again_below() -> None:
    found = Search(Profile(stages=(FIRST["users"],)), LIMITS, "users", Caps())
    asyncio.run(found.run(bearing("users", lambda step: 60 if step <= 6 else 40)))
    assert found.capacity == Capacity("users", 40, True)


def test_a_step_that_brings_the_service_down_misses_and_the_search_goes_on_below() -> None:
    found = search(most=1e6, down_from=200)
    assert found.capacity is not None
    assert 175 <= found.capacity.most < 200


def test_it_leaves_a_service_alone_that_stays_down() -> None:
    found = search(down_from=1)
    assert (found.capacity, found.why, len(found.results)) == (None, "gave way", 2)


def test_it_says_nothing_when_the_generator_was_the_bottleneck_or_nothing_holds() -> None:
    assert search(limited_from=100).capacity is None
    assert (search(most=0).capacity, search(most=0).why) == (None, "not even 1 met the limits")


def test_it_lasts_no_longer_than_a_run_may() -> None:
    found = search(caps=Caps(seconds=70))
    assert (len(found.results), found.why) == (3, "nothing was confirmed within 3 steps")
