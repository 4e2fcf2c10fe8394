import numpy as np
import pytest

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
