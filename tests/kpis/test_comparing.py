from datetime import UTC, datetime, timedelta

import pytest

from kpis.comparing import Comparison, compare
from kpis.evaluation import Goal
from kpis.history import HistoryPoint

START = datetime(2026, 3, 2, tzinfo=UTC)
GOAL = Goal(comparator="<", value=500, lower_is_better=True)


def course(*values: float) -> list[HistoryPoint]:
    """A point an hour, each shaken by up to one in fifty."""
    shaken = [value * (1 + 0.02 * ((index * 7) % 5 - 2) / 2) for index, value in enumerate(values)]
    return [HistoryPoint(START + timedelta(hours=i), value, 10, value, value) for i, value in enumerate(shaken)]


def compared(values: list[float], *, at: int | None = None, lower: bool = True, goal: Goal | None = GOAL) -> Comparison:
    chosen = START + timedelta(hours=at) if at is not None else None
    return compare(course(*values), goal, lower_is_better=lower, at=chosen)


@pytest.mark.parametrize(
    ("values", "lower", "word"),
    [
        ([800] * 12 + [600] * 12, True, "Lower, better"),
        ([800] * 12 + [600] * 12, False, "Lower, worse"),
        ([600] * 12 + [800] * 12, True, "Higher, worse"),
        ([600] * 12 + [800] * 12, False, "Higher, better"),
        ([800] * 24, True, "No clear change"),
        ([800, 600], True, "Too early to tell"),
        ([800], True, "Too early to tell"),
        ([], True, ""),
    ],
)
def test_a_change_is_told_in_words(values: list[float], lower: bool, word: str) -> None:
    assert compared(values, lower=lower).word == word


def test_halves_are_those_of_the_measured_time() -> None:
    found = compared([800] * 12 + [600] * 12)
    assert found.change is not None
    assert (found.split, found.chosen) == (START + timedelta(hours=11.5), False)
    assert (found.change.runs_before, found.change.runs_after) == (12, 12)
    assert found.change.relative == pytest.approx(-0.25, abs=0.01)
    assert found.change.low is not None
    assert found.change.low < -0.25 < (found.change.high or 0)


@pytest.mark.parametrize(
    ("at", "counts", "reason"),
    [(18, (18, 6), ""), (3, (3, 21), "fewer than 5 runs on a side"), (99, (24, 0), "no runs on one side")],
)
def test_a_chosen_time_parts_before_from_after(at: int, counts: tuple[int, int], reason: str) -> None:
    found = compared([800] * 12 + [600] * 12, at=at)
    assert found.change is not None
    assert found.chosen
    assert (found.change.runs_before, found.change.runs_after, found.change.reason) == (*counts, reason)


def test_a_change_point_is_named_by_its_time() -> None:
    (shift,) = compared([800] * 15 + [600] * 15).shifts
    assert shift.at == START + timedelta(hours=15)
    assert shift.relative == pytest.approx(-0.25, abs=0.01)


def test_a_level_that_was_nothing_has_no_relative_change() -> None:
    (shift,) = compared([0] * 15 + [600] * 15).shifts
    assert (shift.before, shift.relative) == (0, None)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([800.0 - 5 * i for i in range(30)], ""),
        ([800.0 + 5 * i for i in range(30)], "the trend does not lead to the target"),
        ([300.0] * 30, "the target is reached"),
        ([800.0] * 5, "too few points for a trend"),
    ],
)
def test_a_forecast_promises_nothing_that_the_trend_does_not(values: list[float], reason: str) -> None:
    found = compared(values)
    assert found.forecast is not None
    assert found.forecast.reason == reason
    last = START + timedelta(hours=len(values) - 1)
    assert (found.expected_at is not None and found.expected_at > last) == (reason == "")


def test_years_away_is_never() -> None:
    assert compared([800 - 0.0001 * i for i in range(200)]).expected_at is None


def test_without_a_target_nothing_is_forecast() -> None:
    assert compared([800] * 24, goal=None).forecast is None
