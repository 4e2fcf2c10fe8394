import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.stats.changepoints import change_points


def noisy(levels: list[tuple[float, int]], seed: int = 3) -> list[float]:
    draw = np.random.default_rng(seed)
    return [float(value) for level, size in levels for value in draw.normal(level, 2.0, size)]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([(100, 60), (80, 60)], [60]),
        ([(100, 30), (80, 30), (95, 40)], [30, 60]),
        ([(100, 200)], []),
        ([(100, 15)], []),
        ([(100, 100), (110, 3)], []),  # too few points behind the last change to be sure
    ],
)
def test_changes_of_level_are_found_where_they_are(levels: list[tuple[float, int]], expected: list[int]) -> None:
    found = [point.index for point in change_points(noisy(levels))]
    assert len(found) == len(expected)
    assert all(abs(at - wanted) <= 1 for at, wanted in zip(found, expected, strict=True))


def test_one_outlier_is_no_change() -> None:
    values = noisy([(100, 80)])
    values[40] = 500.0
    assert change_points(values) == []


def test_constant_levels_change_surely() -> None:
    [point] = change_points([5.0] * 20 + [7.0] * 20)
    assert (point.index, point.before, point.after, point.p) == (20, 5.0, 7.0, 0.0)


def test_noise_gives_few_false_alarms() -> None:
    alarms = sum(bool(change_points(noisy([(100, 100)], seed))) for seed in range(40))
    assert alarms <= 2


def test_long_history_is_bounded_and_indices_stay_right() -> None:
    [point] = change_points(noisy([(100, 2500), (120, 100)]))
    assert abs(point.index - 2500) <= 1


def sloped(slope: float, sd: float, seed: int = 3, size: int = 240, step: float = 0.0, at: int = 120) -> list[float]:
    noise = np.random.default_rng(seed).normal(0, sd, size) if sd else np.zeros(size)
    return [300 + slope * i + (step if i >= at else 0.0) + float(noise[i]) for i in range(size)]


@given(st.floats(-5, 5), st.integers(20, 300))
def test_an_exact_line_has_no_steps(slope: float, size: int) -> None:
    assert change_points(sloped(slope, 0, size=size)) == []


def test_a_noisy_line_gives_few_false_alarms() -> None:
    alarms = sum(bool(change_points(sloped(-0.5, 10, seed))) for seed in range(40))
    assert alarms <= 2


@given(st.sampled_from([-60.0, 60.0]), st.sampled_from([-0.5, 0.5]), st.integers(40, 200), st.integers(0, 9))
def test_a_step_on_top_of_a_trend_is_found(step: float, slope: float, at: int, seed: int) -> None:
    found = change_points(sloped(slope, 5, seed, step=step, at=at))
    [point] = [point for point in found if abs(point.index - at) <= 2]
    assert point.after - point.before == pytest.approx(step, abs=15)
    assert len(found) <= 3  # rarely noise adds one


@given(st.sampled_from([5.0, 10.0]), st.integers(15, 25), st.integers(0, 50))
def test_a_step_that_a_slope_hides_is_found(step: float, at: int, seed: int) -> None:
    found = change_points(sloped(-0.5, 0.8, seed, size=40, step=step, at=at))
    assert any(abs(point.index - at) <= 1 for point in found)


def test_a_gap_in_a_line_is_no_step() -> None:
    times = [*range(60), *range(1000, 1060)]
    draw = np.random.default_rng(1).normal(0, 1, 120)
    values = [300 - 0.1 * t + float(noise) for t, noise in zip(times, draw, strict=True)]
    assert change_points(values, times) == []
