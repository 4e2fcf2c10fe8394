from datetime import UTC, datetime, timedelta

import pytest

from kpis.drawing import distribution, segments, spark, way
from kpis.stats.histogram import Histogram

START = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("share", "asked", "expected"),
    [
        (0.0, None, (36, 0, 36, None)),
        (1.0, 0.5, (36, 128, 164, 100)),
        (0.5, 1.0, (36, 64, 100, 164)),
        (-0.25, None, (4, 32, 4, None)),
        (-9, None, (3, 33, 3, None)),
        (9, None, (36, 161, 197, None)),
    ],
)
def test_a_way_bar_has_baseline_and_target_at_fixed_places(share: float, asked: float | None, expected: tuple) -> None:
    drawn = way(share, asked)
    assert (drawn.fill_x, drawn.fill_width, drawn.mark_x, drawn.ask_x) == expected


def test_a_sparkline_needs_two_points() -> None:
    assert spark([(START, 1.0)], None) is None


def test_a_sparkline_holds_its_target() -> None:
    drawn = spark([(START, 10.0), (START + timedelta(days=1), 20.0)], 0.0)
    assert drawn is not None
    assert (drawn.path, drawn.last_x, drawn.last_y, drawn.target_y) == ("M0.0 13.0 L100.0 3.0", 100.0, 3.0, 23.0)


def test_a_level_sparkline_is_a_level_line() -> None:
    drawn = spark([(START, 5.0), (START + timedelta(days=1), 5.0)], None)
    assert drawn is not None
    assert drawn.path == "M0.0 23.0 L100.0 23.0"


@pytest.mark.parametrize(
    ("minute", "path"),
    [
        (30, "M0.0 13.0 L66.7 3.0 L100.0 23.0"),  # measured since the last bucket began
        (20, "M0.0 3.0 L100.0 23.0"),  # in its first moment
        (10, "M0.0 3.0 L100.0 23.0"),  # another series was measured since
    ],
)
def test_a_sparkline_ends_at_what_is_judged_now(minute: int, path: str) -> None:
    drawn = spark([(START, 60.0), (START + timedelta(minutes=20), 110.0)], 50.0, (START + timedelta(minutes=minute), 10.0))
    assert drawn is not None
    assert (drawn.path, drawn.last_y) == (path, 23.0)
    assert drawn.target_y is not None
    assert drawn.last_y > drawn.target_y


def test_segments_leave_out_what_is_not_there() -> None:
    found = segments({"met": 1, "behind": 3, "stale": 0})
    assert [(one.name, one.x, one.width, one.count) for one in found] == [("met", 2, 246, 1), ("behind", 252, 746, 3)]


def test_a_distribution_counts_every_sample_and_marks_what_is_past_the_target() -> None:
    drawn = distribution(Histogram.from_values([10.0] * 90 + [100.0] * 10), 50)
    assert sum(column.count for column in drawn.columns) == 100
    assert {column.past for column in drawn.columns if column.low >= 50} == {True}
    assert [(label.name, round(label.value)) for label in drawn.labels] == [("p50", 10), ("p95", 100), ("p99", 100)]


@pytest.mark.parametrize(
    ("values", "labels", "top"),
    [
        ([10.0] * 90 + [100.0] * 10, [(-6, "start"), (-6, "end"), (-30, "end")], -50),
        ([100.0] * 100, [(-6, "end"), (-30, "end"), (-54, "end")], -74),
        ([10.0] * 90 + [60.0] * 8 + [100.0] * 2, [(-6, "start"), (-6, "middle"), (-6, "end")], -26),
    ],
)
def test_labels_that_would_touch_stand_above_each_other(values: list[float], labels: list, top: float) -> None:
    drawn = distribution(Histogram.from_values(values), None)
    assert [(label.y, label.anchor) for label in drawn.labels] == labels
    assert drawn.top == top


def test_a_lone_sample_among_thousands_is_seen() -> None:
    drawn = distribution(Histogram.from_values([10.0] * 5000 + [15.0] * 40 + [60.0]), None)
    assert [column.height for column in drawn.columns if column.count][-1] == 2
