"""The course of a load run as a drawing."""

from __future__ import annotations

import pytest

from probes.load_drawing import MOST_POINTS, Span, clock, course, nice, paths, thinned, times


def test_times_are_read_as_minutes_and_seconds() -> None:
    assert (clock(5), clock(134.4), times(240)) == ("0:05", "2:14", ["0:00", "1:00", "2:00", "3:00", "4:00"])


@pytest.mark.parametrize(("value", "top"), [(0, 1), (0.7, 0.8), (10, 10), (10.1, 15), (622, 800), (1340, 1500), (10_000, 10_000)])
def test_an_axis_ends_at_a_round_number(value: float, top: float) -> None:
    assert nice(value) == pytest.approx(top)


def test_a_line_runs_over_its_points_and_breaks_where_nothing_was_told() -> None:
    line, area = paths([(0, 0.0), (1, 10.0), (8, 5.0)], whole=10, top=10)
    assert line == "M50.0 100.0 L150.0 0.0 M850.0 50.0 L850.0 50.0"
    assert area.startswith("M50.0 100 L50.0 100.0 L150.0 0.0 L150.0 100 Z")


def test_a_long_run_keeps_its_peaks() -> None:
    points = [(second, 100.0 if second == 777 else 1.0) for second in range(1800)]
    assert len(thinned(points)) <= MOST_POINTS
    assert (777, 100.0) in thinned(points)


@pytest.mark.parametrize(
    ("highest", "top", "limit_y"), [(300.0, 1000.0, 0.0), (1340.0, 1500.0, 33.3), (0.0, 1000.0, 0.0), (22.0, 30.0, None)]
)
def test_a_limit_is_drawn_unless_it_would_flatten_the_line(highest: float, top: float, limit_y: float | None) -> None:
    found = course("p95", "ms", [(0, highest)], 10, limit=1000)
    assert (found.top, found.limit_y, found.now) == (pytest.approx(top), limit_y, highest)


def test_a_share_never_goes_beyond_a_hundred() -> None:
    assert course("Errors", "%", [(0, 100.0)], 10, most=100).top == 100


def test_a_stage_stands_where_it_was() -> None:
    span = Span("50 users", 30, 60, 120)
    assert (span.x, span.width, span.small) == (25, 25, False)
