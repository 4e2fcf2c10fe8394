"""The instrument about itself: what it finds in runs that follow each other although nothing changed, and where something did."""

from collections.abc import Iterator

import numpy as np
import pytest

from kpis.stats.change import Block, Change, Verdict, change
from kpis.stats.changepoints import change_points
from kpis.stats.dependence import INDEPENDENT, Floats, dependence
from kpis.stats.histogram import Histogram
from kpis.stats.trend import trend


def following(phi: float, size: int, trials: int, sd: float = 10.0) -> Iterator[Floats]:
    """Courses around 100 that keep `phi` of how far the value before lay off it (first-order autoregression)."""
    draw = np.random.default_rng(size)
    noise = draw.normal(0, sd, (size, trials))
    noise[1:] *= np.sqrt(1 - phi**2)
    for index in range(1, size):
        noise[index] += phi * noise[index - 1]
    return iter(100 + noise.T)


def halved(course: Floats, factor: float = 1.0) -> Change:
    before, after = np.split(course, 2)
    return change([Block(value) for value in before], [Block(value * factor) for value in after])


@pytest.mark.parametrize(("phi", "most"), [(0.0, 0.1), (0.5, 0.1), (0.9, 0.15), (0.97, 0.15)])
@pytest.mark.parametrize("size", [100, 200])
def test_nothing_changed_is_rarely_told_as_a_change(phi: float, most: float, size: int) -> None:
    told = [halved(course).verdict for course in following(phi, size, 60)]
    assert sum(verdict in {Verdict.LOWER, Verdict.HIGHER} for verdict in told) <= most * len(told)


@pytest.mark.parametrize("phi", [0.0, 0.5])
def test_a_change_twice_the_spread_is_found(phi: float) -> None:
    told = [halved(course, 1.1).verdict for course in following(phi, 100, 60, sd=5)]
    assert told.count(Verdict.HIGHER) >= 57


@pytest.mark.parametrize("phi", [0.5, 0.9])
@pytest.mark.parametrize("size", [60, 100, 200])
def test_what_wanders_has_few_steps(phi: float, size: int) -> None:
    assert sum(bool(change_points(course.tolist())) for course in following(phi, size, 40)) <= 4


@pytest.mark.parametrize(("phi", "least"), [(0.0, 39), (0.5, 34)])
def test_a_step_is_found_among_values_that_follow_each_other(phi: float, least: int) -> None:
    stepped = [course + np.repeat([0, 30], 50) for course in following(phi, 100, 40)]
    found = [any(abs(point.index - 50) <= 5 for point in change_points(course.tolist())) for course in stepped]
    assert sum(found) >= least


@pytest.mark.parametrize("phi", [0.5, 0.9])
def test_what_wanders_has_rarely_a_clear_trend(phi: float) -> None:
    lines = [trend(list(enumerate(course))) for course in following(phi, 100, 40)]
    assert sum(line is not None and line.clear for line in lines) <= 8


def test_independent_runs_are_drawn_one_by_one() -> None:
    told = halved(next(following(0.0, 100, 1)))
    assert (told.block, told.effective_before, told.effective_after, told.worth) == (1, 50.0, 50.0, None)


def test_effective_runs_are_about_as_many_as_theory_says() -> None:
    told = [dependence([course]).growth for course in following(0.5, 400, 20)]
    assert np.median(told) == pytest.approx((1 + 0.5) / (1 - 0.5), rel=0.15)


def test_percentiles_of_runs_that_follow_each_other_are_drawn_in_blocks() -> None:
    draw = np.random.default_rng(5)
    samples = [draw.normal(level, 5, 50) for level in next(following(0.7, 200, 1))]
    blocks = [Block(float(part.mean()), 50, Histogram.from_values(part)) for part in samples]
    told = change(blocks[:100], blocks[100:], percentile=95)
    assert told.block is not None
    assert told.block > 1
    assert told.worth is not None
    assert max(told.worth) < 50


def test_a_drift_is_too_early_and_says_why() -> None:
    told = halved(np.arange(100.0, 140.0))
    assert (told.verdict, told.low, told.high) == (Verdict.TOO_EARLY, None, None)
    assert told.reason == "the runs follow each other too closely: like 1 independent one"
    assert told.worth == (1, 1)


@pytest.mark.parametrize("groups", [[], [np.ones(1)], [np.ones(30)], [np.arange(3.0)], [np.array([1.0, 2.0] * 20)]])
def test_constants_alternations_and_too_few_count_as_independent(groups: list[Floats]) -> None:
    assert dependence(groups) == INDEPENDENT
