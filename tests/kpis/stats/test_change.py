import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kpis.stats.change import DRAWS, FROM_NOTHING, Block, Verdict, change
from kpis.stats.histogram import Histogram


def runs(mean: float, how_many: int, seed: int) -> list[Block]:
    draw = np.random.default_rng(seed)
    samples = [draw.lognormal(np.log(mean), 0.3, 200) for _ in range(how_many)]
    return [Block(float(part.mean()), len(part), Histogram.from_values(part)) for part in samples]


@pytest.mark.parametrize("percentile", [None, 95])
@pytest.mark.parametrize(("after", "verdict"), [(50.0, Verdict.LOWER), (200.0, Verdict.HIGHER)])
def test_change_that_is_there_is_found(percentile: float | None, after: float, verdict: Verdict) -> None:
    found = change(runs(100, 8, 1), runs(after, 9, 2), percentile=percentile)
    assert found.verdict == verdict
    assert found.low is not None
    assert found.high is not None
    assert found.low < after / 100 - 1 < found.high
    assert (found.runs_before, found.runs_after) == (8, 9)


def test_same_runs_are_unchanged_and_the_same_seed_gives_the_same_interval() -> None:
    found = change(runs(100, 10, 1), runs(100, 10, 1))
    assert found.verdict == Verdict.UNCHANGED
    assert found == change(runs(100, 10, 1), runs(100, 10, 1))


def test_interval_grows_with_the_spread_between_runs_not_with_requests() -> None:
    """Runs that differ among themselves leave the change open, however many requests each made."""
    before = [Block(value, 100_000) for value in (50, 80, 120, 150, 100)]
    after = [Block(value, 100_000) for value in (45, 75, 110, 140, 95)]
    assert change(before, after).verdict == Verdict.UNCHANGED


def test_what_begins_at_nothing_is_judged_without_a_relative_change() -> None:
    nothing, more = [Block(0.0)] * 20, runs(5, 20, 1)
    for before, after, verdict in ((nothing, more, Verdict.HIGHER), (nothing, nothing, Verdict.UNCHANGED)):
        found = change(before, after)
        assert (found.verdict, found.relative, found.low, found.reason) == (verdict, None, None, FROM_NOTHING)


def test_few_runs_are_too_early() -> None:
    found = change(runs(100, 4, 1), runs(50, 9, 2))
    assert (found.verdict, found.low, found.high) == (Verdict.TOO_EARLY, None, None)
    assert found.relative == pytest.approx(-0.5, abs=0.1)


@pytest.mark.parametrize(
    ("before", "after", "percentile", "reason"),
    [
        ([], [Block(1)], None, "no runs on one side"),
        ([Block(1)], [Block(1)], 95, "a percentile is compared over histograms only"),
    ],
)
def test_what_cannot_be_told_says_why(before: list[Block], after: list[Block], percentile: float | None, reason: str) -> None:
    found = change(before, after, percentile=percentile)
    assert (found.relative, found.reason) == (None, reason)


@given(st.lists(st.floats(1, 1e6), min_size=5, max_size=20), st.floats(0.1, 10))
def test_interval_of_a_scaled_sample_holds_the_factor(values: list[float], factor: float) -> None:
    found = change([Block(value) for value in values], [Block(value * factor) for value in values])
    assume(found.verdict != Verdict.TOO_EARLY)  # values that follow each other
    assert found.low is not None
    assert found.high is not None
    assert found.low <= factor - 1 + 1e-9
    assert found.high >= factor - 1 - 1e-9
    assert DRAWS >= 1000
