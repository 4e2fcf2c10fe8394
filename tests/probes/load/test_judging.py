"""Stages in figures: what was answered in time, and whether requests came faster than answers."""

from __future__ import annotations

import msgspec
import pytest

from kpis.stats.histogram import Histogram
from probes.load.judging import Capacity, Limits, capacity, figures
from probes.load.profile import Profile, Stage
from probes.load.report import Total

PROFILE = Profile(stages=(Stage(seconds=1, users=1),))


def total(*, rate: float = 0, users: int = 0, ms: float = 100, left: int = 0, **fields: object) -> Total:
    times = Histogram.from_values([ms] * 1000).to_bytes()
    return Total(stage=0, label="", users=users, rate=rate, seconds=10, statuses={200: 1000}, response=times, left=left, **fields)  # type: ignore[arg-type]


def test_throughput_counts_the_good_answers_that_came_while_it_was_measured() -> None:
    assert figures(total(rate=100, arrived={200: 900, 503: 50}), PROFILE).throughput == 90


@pytest.mark.parametrize(
    ("ms", "left", "growing"), [(100, 10, False), (100, 20, False), (100, 21, True), (500, 70, False), (500, 76, True)]
)
def test_a_backlog_grows_when_more_is_left_than_a_steady_state_explains(ms: float, left: int, growing: bool) -> None:
    one = figures(total(rate=100, ms=ms, left=left), PROFILE)
    assert (one.growing, one.meets(Limits(1000, 0.01))) == (growing, not growing)


@pytest.mark.parametrize(("served", "vain", "meets"), [(1000, 0, True), (500, 500, True), (499, 501, False), (0, 1000, False)])
def test_what_is_mostly_answered_404_meets_no_limit_and_is_no_throughput(served: int, vain: int, meets: bool) -> None:
    statuses = {200: served, 404: vain}
    one = figures(msgspec.structs.replace(total(users=50, arrived=statuses), statuses=statuses), PROFILE)
    assert (one.meets(Limits(1000, 0.01)), one.throughput) == (meets, served / 10)


def test_users_leave_no_backlog() -> None:
    assert not figures(total(users=100, left=100), PROFILE).growing


def test_capacity_is_the_highest_before_the_first_miss() -> None:
    stages = [figures(total(users=users, ms=ms), PROFILE) for users, ms in ((50, 100), (100, 200), (500, 2000), (1000, 100))]
    assert capacity(stages, Limits(1000, 0.01), "users") == Capacity("users", 100, True)
    assert capacity(stages, Limits(1000, 0.01), "rate") is None
