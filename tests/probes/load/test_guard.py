"""The guard: which figures of the generator make a run void."""

from __future__ import annotations

import pytest

from kpis.stats.histogram import Histogram
from probes.load.guard import checks, limited, more_shards
from probes.load.merging import Result
from probes.load.profile import Profile, Stage
from probes.load.report import Gauge, Row, Total
from probes.load.watch import Watch

TIMES = Histogram.from_values([100.0]).to_bytes()


@pytest.mark.parametrize(
    ("gauge", "failing"),
    [
        (Gauge(cpu=0.7, lag_p95_ms=5, late_p99_ms=5, achieved=0.98, steal=0.03), []),
        (Gauge(cpu=0.71), ["Generator CPU"]),
        (Gauge(lag_p95_ms=5.1), ["Receive lag, p95"]),
        (Gauge(late_p99_ms=5.1), ["Late sends, p99"]),
        (Gauge(achieved=0.979), ["Achieved over asked"]),
        (Gauge(steal=0.031), ["Stolen CPU"]),
    ],
)
def test_each_limit(gauge: Gauge, failing: list[str]) -> None:
    assert [check.name for check in checks(gauge, 100) if not check.holds] == failing


def test_shards_begin_together() -> None:
    assert [check.holds for check in checks(Gauge(), 100, skew_ms=20.1, shards=2)][-1] is False


def test_a_clock_that_was_set_voids_the_run() -> None:
    total = Total(stage=0, label="1 users", users=1, rate=0, statuses={200: 1}, response=TIMES)
    assert limited(Result(totals=[total], shards=1)) == ""
    assert limited(Result(totals=[total], shards=1, stepped=True)) == "the clock was set while it ran"


@pytest.mark.parametrize(
    ("gauge", "shards", "more"),
    [
        (Gauge(), 1, 0),
        (Gauge(cpu=0.9), 1, 2),
        (Gauge(late_p99_ms=9), 2, 4),
        (Gauge(lag_p95_ms=90), 3, 4),
        (Gauge(achieved=0.5), 4, 0),
        (Gauge(steal=0.5), 1, 0),
    ],
)
def test_more_shards_are_proposed_where_they_help_and_are_allowed(gauge: Gauge, shards: int, more: int) -> None:
    total = Total(stage=0, label="1 users", users=1, rate=0, statuses={200: 1}, response=TIMES, gauge=gauge)
    assert more_shards(Result(totals=[total], shards=shards), 4) == more


@pytest.mark.parametrize(("good", "bad", "stops"), [(10, 0, False), (5, 5, False), (4, 6, True), (0, 10, True)])
def test_a_target_that_is_down_ends_the_run(good: int, bad: int, stops: bool) -> None:
    watch = Watch(Profile(stages=(Stage(seconds=60, users=1),)), share=0.5, after_s=3)
    for second in range(3):
        assert watch.reason == ""
        watch.see(Row(second=second, stage=0, warm=False, sent=10, statuses={200: good, 503: bad} if good else {503: bad}))
    assert bool(watch.reason) is stops
