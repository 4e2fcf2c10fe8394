from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from kpis.buckets import HistoryPoint
from kpis.comparing import Compared, compare, halves, look
from kpis.evaluation import Goal
from kpis.stats.histogram import Histogram

START = datetime(2026, 3, 2, tzinfo=UTC)
UNCLEAR = "whether the target is reached cannot be told, as no direction is clear"
GOAL = Goal(comparator="<", value=500, lower_is_better=True)


def course(*values: float) -> list[HistoryPoint]:
    """A point an hour, each shaken by up to one in fifty."""
    shaken = [value * (1 + 0.02 * ((index * 7) % 5 - 2) / 2) for index, value in enumerate(values)]
    return [HistoryPoint(START + timedelta(hours=i), value, 10, value, value) for i, value in enumerate(shaken)]


def compared(values: list[float], *, at: int | None = None, lower: bool = True, aggregation: str = "mean") -> Compared:
    chosen = START + timedelta(hours=at) if at is not None else None
    _, before, after = halves(course(*values), chosen)
    return compare(before, after, aggregation=aggregation, lower_is_better=lower)


@pytest.mark.parametrize(
    ("values", "lower", "word"),
    [
        ([800] * 12 + [600] * 12, True, "Lower, better"),
        ([800] * 12 + [600] * 12, False, "Lower, worse"),
        ([600] * 12 + [800] * 12, True, "Higher, worse"),
        ([600] * 12 + [800] * 12, False, "Higher, better"),
        ([-600] * 12 + [-300] * 12, False, "Higher, better"),
        ([800] * 24, True, "No clear change"),
        ([800, 600], True, "Too early to tell"),
        ([800], True, "Too early to tell"),
    ],
)
def test_a_change_is_told_in_words(values: list[float], lower: bool, word: str) -> None:
    assert compared(values, lower=lower).word == word


def test_halves_are_those_of_the_measured_time() -> None:
    split, before, after = halves(course(*[800] * 12 + [600] * 12))
    assert (split, len(before), len(after)) == (START + timedelta(hours=11.5), 12, 12)
    found = compared([800] * 12 + [600] * 12).change
    assert found.relative == pytest.approx(-0.25, abs=0.01)
    assert found.low is not None
    assert found.low < -0.25 < (found.high or 0)


def test_the_same_question_gets_the_same_answer() -> None:
    assert compared([800, 640, 720] * 8) == compared([800, 640, 720] * 8)


@pytest.mark.parametrize(
    ("at", "counts", "reason"),
    [
        (13, (13, 11), ""),
        (18, (18, 6), "the runs follow each other too closely: like 1 independent one"),  # before has two levels
        (3, (3, 21), "fewer than 5 runs on a side"),
        (99, (24, 0), "no runs on one side"),
    ],
)
def test_a_chosen_time_parts_before_from_after(at: int, counts: tuple[int, int], reason: str) -> None:
    found = compared([800] * 12 + [600] * 12, at=at).change
    assert (found.runs_before, found.runs_after, found.reason) == (*counts, reason)


def run(index: int, samples: list[float], source: str = "") -> HistoryPoint:
    merged = Histogram.from_values(samples)
    at = START + timedelta(hours=index)
    return HistoryPoint(at, merged.percentile(95), len(samples), min(samples), max(samples), source, histogram=merged)


def test_percentiles_are_compared_by_merged_samples_not_by_their_mean() -> None:
    """One run of a thousand slow requests among nine small fast ones: their p95 is slow, the mean of their p95s is not."""
    fast = [run(index, [100.0] * 10) for index in range(9)]
    told = compare([*fast, run(9, [900.0] * 1000)], fast, aggregation="p95", lower_is_better=True)
    assert (told.change.before, told.change.after) == (pytest.approx(900, rel=0.002), pytest.approx(100, rel=0.002))
    assert told.by == "p95 of the merged samples"


def test_what_one_run_measured_twice_is_drawn_as_one() -> None:
    twice = [run(index, [100.0, 110.0], f"run:{index // 2}") for index in range(12)]
    sent = [run(index, [100.0, 110.0], "api:token") for index in range(12)]
    told = compare(twice, sent, aggregation="p95", lower_is_better=True).change
    assert (told.runs_before, told.runs_after) == (6, 12)


def test_percentiles_that_came_ready_made_are_left_out_and_counted() -> None:
    ready = HistoryPoint(START, 800.0, 50, 800.0, 800.0, reported=True)
    runs = [run(index, [100.0] * 10) for index in range(6)]
    told = compare([ready, *runs], runs, aggregation="p95", lower_is_better=True)
    assert (told.left_out, told.change.runs_before, told.word) == (1, 6, "No clear change")
    only = compare([ready] * 6, runs, aggregation="p95", lower_is_better=True)
    assert (only.left_out, only.change.reason) == (6, "no runs on one side")


def test_a_change_point_is_named_by_its_time() -> None:
    (shift,) = look(course(*[800] * 15 + [600] * 15), GOAL).shifts or []
    assert shift.at == START + timedelta(hours=15)
    assert shift.relative == pytest.approx(-0.25, abs=0.01)


def test_a_level_that_was_nothing_has_no_relative_change() -> None:
    (shift,) = look(course(*[0] * 15 + [600] * 15), GOAL).shifts or []
    assert (shift.before, shift.relative) == (0, None)


@pytest.mark.parametrize(
    ("values", "shifts"),
    [
        ([800] * 10 + [600] * 9, None),  # too few to tell, which is not the same as none
        ([800] * 20, []),
        ([800] * 15 + [9000] + [800] * 15, []),  # an outlier is no change of level
    ],
)
def test_change_points_are_not_made_up(values: list[float], shifts: list[float] | None) -> None:
    exact = [HistoryPoint(START + timedelta(hours=i), value, 1, value, value) for i, value in enumerate(values)]
    assert look(exact, None).shifts == shifts


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([800.0 - 5 * i for i in range(30)], ""),
        ([800.0 + 5 * i for i in range(30)], "the trend leads away from the target"),
        ([300.0] * 30, "the trend’s level meets the target already"),
        ([800.0] * 5, "too few points for a trend"),
        ([800.0] * 30, UNCLEAR),
        ([800.0] * 15 + [600.0] * 15, UNCLEAR),  # a step is no trend
        ([800.0] * 29 + [1.0], UNCLEAR),  # nor is an outlier
    ],
)
def test_a_forecast_promises_nothing_that_the_trend_does_not(values: list[float], reason: str) -> None:
    found = look(course(*values), GOAL)
    assert found.forecast is not None
    assert found.forecast.reason == reason
    last = START + timedelta(hours=len(values) - 1)
    assert (found.expected_at is not None and found.expected_at > last) == (reason == "")


def test_a_level_at_a_strict_target_has_not_reached_it() -> None:
    flat = [HistoryPoint(START + timedelta(hours=i), 500.0, 1, 500.0, 500.0) for i in range(20)]
    found = look(flat, GOAL).forecast
    assert found is not None
    assert (found.reached, found.reason) == (False, UNCLEAR)


@pytest.mark.parametrize(("sd", "days"), [(0.0, 1.0), (10.0, 4.0)])
def test_a_straight_way_has_no_steps_and_a_date(sd: float, days: float) -> None:
    """240 points over 20 days fall by 6 a day, from 300 towards 100: reached after 33.3 days, with and without noise."""
    shaken = np.random.default_rng(4).normal(0, sd, 240)
    values = [300 - 0.5 * i + float(noise) for i, noise in enumerate(shaken)]
    points = [HistoryPoint(START + timedelta(hours=2 * i), value, 1, value, value) for i, value in enumerate(values)]
    found = look(points, Goal(comparator="<", value=100, lower_is_better=True))
    assert (found.shifts, found.forecast and found.forecast.reason) == ([], "")
    assert found.line is not None
    assert found.line.low <= -6 <= found.line.high
    assert found.earliest_at is not None
    assert found.expected_at is not None
    assert found.latest_at is not None
    assert found.earliest_at <= found.expected_at <= found.latest_at
    assert found.expected_at - START == pytest.approx(timedelta(days=33.3), abs=timedelta(days=days))


def test_a_level_that_meets_the_target_says_nothing_against_a_figure_that_does_not() -> None:
    found = look(course(*[300.0] * 30), GOAL, 851).forecast
    assert found is not None
    said = "the trend’s level would meet the target, but the figure as it is now does not"
    assert (found.reached, found.expected, found.reason) == (False, None, said)


def test_years_away_is_never() -> None:
    assert look(course(*[800 - 0.0001 * i for i in range(200)]), GOAL).expected_at is None


def test_without_a_target_or_points_nothing_is_forecast() -> None:
    assert look(course(*[800] * 24), None).forecast is None
    assert look([], GOAL) == look([], None)
