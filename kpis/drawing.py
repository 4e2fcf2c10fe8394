"""Geometry of way bars, sparklines, status bars and distributions as numbers for SVG attributes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kpis.stats.histogram import Histogram

WIDTH, BASELINE_X, TARGET_X = 200.0, 36.0, 164.0
SPARK_WIDTH, SPARK_HEIGHT = 104.0, 26.0


@dataclass(frozen=True)
class Way:
    """A way bar, 200 wide: where the fill begins and how long it is, where the actual and today's ask stand."""

    fill_x: float
    fill_width: float
    mark_x: float
    ask_x: float | None


def way(attainment: float, asked: float | None) -> Way:
    """Baseline at 36, target at 164; ends are clipped."""
    mark = _at(attainment)
    return Way(min(BASELINE_X, mark), abs(mark - BASELINE_X), mark, None if asked is None else _at(asked))


def _at(share: float) -> float:
    return round(min(WIDTH - 3, max(3, BASELINE_X + share * (TARGET_X - BASELINE_X))), 1)


@dataclass(frozen=True)
class Spark:
    path: str
    last_x: float
    last_y: float
    target_y: float | None


def spark(
    points: Sequence[tuple[datetime, float]], target: float | None, current: tuple[datetime, float] | None = None
) -> Spark | None:
    """A line through all points by their time to the `current` one; None with fewer than two points.

    A point is the figure of a whole bucket, which may be past the target although the KPI is met again: the line ends at
    what is judged now, so that it and the status say the same.
    """
    if len(points) < 2:
        return None
    points = _ending_at(current, points) if current else points
    values = [value for _, value in points]
    low, high = min(values), max(values)
    if target is not None:
        low, high = min(low, target), max(high, target)
    bottom, rise = SPARK_HEIGHT - 3, (SPARK_HEIGHT - 6) / ((high - low) or 1.0)
    start = points[0][0]
    run = (SPARK_WIDTH - 4) / ((points[-1][0] - start).total_seconds() or 1.0)
    drawn = [f"{(at - start).total_seconds() * run:.1f} {bottom - (value - low) * rise:.1f}" for at, value in points]
    last_x, last_y = (points[-1][0] - start).total_seconds() * run, bottom - (values[-1] - low) * rise
    target_y = None if target is None else round(bottom - (target - low) * rise, 1)
    return Spark("M" + " L".join(drawn), round(last_x, 1), round(last_y, 1), target_y)


def _ending_at(current: tuple[datetime, float], points: Sequence[tuple[datetime, float]]) -> list[tuple[datetime, float]]:
    """The current point is the last, whichever series was measured since; it stands in place of one of its own moment."""
    at, value = max(current[0], points[-1][0]), current[1]
    return [*[point for point in points if point[0] < at], (at, value)]


@dataclass(frozen=True)
class Segment:
    name: str
    x: float
    width: float
    count: int


def segments(counts: dict[str, int], width: float = 1000.0) -> list[Segment]:
    """A bar of statuses, each as wide as its share, 4 apart."""
    total = sum(counts.values())
    found, x = [], 0.0
    for name, count in counts.items():
        if count:
            size = width * count / total
            found.append(Segment(name, round(x + 2, 1), round(max(size - 4, 1), 1), count))
            x += size
    return found


@dataclass(frozen=True)
class Column:
    x: float
    y: float
    width: float
    height: float
    low: float
    high: float
    count: int
    past: bool


ROW, LABEL_WIDTH = 24.0, 116.0
LEAST = 2.0
"""How high a column is at least: a lone slow answer among thousands is seen."""


@dataclass(frozen=True)
class Label:
    """The text of a mark: `anchor` keeps it inside, `y` above those that it would touch."""

    name: str
    value: float
    x: float
    y: float
    anchor: str


@dataclass(frozen=True)
class Distribution:
    """Columns stand on 120, their labels above 0 in as many rows as they need; `top` is where the drawing begins."""

    columns: list[Column]
    marks: list[tuple[str, float, float]]
    high: float

    @property
    def middle(self) -> float:
        return self.high / 2

    @property
    def labels(self) -> list[Label]:
        found: list[Label] = []
        ends: list[float] = []
        for name, value, x in self.marks:
            anchor = "end" if x > 600 - LABEL_WIDTH / 2 else "start" if x < LABEL_WIDTH / 2 else "middle"
            left = x - LABEL_WIDTH * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
            row = next((row for row, end in enumerate(ends) if end <= left), len(ends))
            ends[row : row + 1] = [left + LABEL_WIDTH]
            found.append(Label(name, value, x, -6 - row * ROW, anchor))
        return found

    @property
    def top(self) -> float:
        return min(label.y for label in self.labels) - ROW + 4

    @property
    def height(self) -> float:
        """With the figures below the columns."""
        return 146 - self.top


def distribution(histogram: Histogram, target: float | None, *, columns: int = 40) -> Distribution:
    """Columns of even width up to the 99.5th percentile, 600 × 120; what lies past the target is marked."""
    high = max(histogram.percentile(99.5) * 1.05, 1e-9)
    step = high / columns
    counts = [0] * columns
    for low_bound, high_bound, count in histogram.buckets():
        counts[min(columns - 1, int((low_bound + high_bound) / 2 / step))] += count
    tallest = max(counts) or 1
    drawn = [
        Column(
            round(i * 600 / columns + 1, 1), round(120 - height, 1), round(600 / columns - 2, 1),
            round(height, 1), i * step, (i + 1) * step, count, target is not None and i * step >= target,
        )
        for i, count in enumerate(counts)
        for height in [max(110 * count / tallest, LEAST) if count else 0.0]
    ]  # fmt: skip
    marks = [(f"p{percent:g}", value, round(min(596, value / high * 600), 1)) for percent in (50, 95, 99)
             for value in [histogram.percentile(percent)]]  # fmt: skip
    return Distribution(drawn, marks, high)
