"""The robust trend of a series, and when it reaches its target.

Slope and interval after Theil (1950) and Sen (1968): the median of the slopes of all pairs, and the pair slopes at the
ranks that Kendall's S gives for 95 %. Where what the line leaves over follows from point to point, S varies more by as much as a
mean does, and the ranks lie as much further apart (variance correction; Yue & Wang 2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from kpis.stats.dependence import dependence

FEWEST_POINTS = 10
MOST_POINTS = 500
"""All pairs are compared, so more points than these are thinned evenly first."""


@dataclass(frozen=True)
class Trend:
    """A line through (t, value): slope per unit of t, its 95 % interval, and the value at the last t."""

    slope: float
    low: float
    high: float
    last_t: float
    last_value: float

    @property
    def clear(self) -> bool:
        """Whether the direction is certain: the interval leaves out 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Forecast:
    """When the target is reached, in units of t after the last point: from `earliest` to `latest`, which may be never."""

    reached: bool
    expected: float | None
    earliest: float | None
    latest: float | None
    reason: str = ""


def trend(points: Sequence[tuple[float, float]]) -> Trend | None:
    """Fit points (t, value); None with fewer than `FEWEST_POINTS` points or fewer than two distinct times."""
    if len(points) < FEWEST_POINTS:
        return None
    step = -(-len(points) // MOST_POINTS)
    array = np.asarray(sorted(points)[::-1][::step][::-1], dtype=np.float64)
    t, values = array[:, 0], array[:, 1]
    later, earlier = np.tril_indices(len(t), -1)
    apart = t[later] != t[earlier]
    if not apart.any():
        return None
    slopes = np.sort((values[later] - values[earlier])[apart] / (t[later] - t[earlier])[apart])
    size = len(t)
    slope = float(np.median(slopes))
    growth = dependence([values - slope * (t - t[-1])]).growth
    spread = NormalDist().inv_cdf(0.975) * np.sqrt(growth * size * (size - 1) * (2 * size + 5) / 18)
    low = slopes[max(0, int(np.floor((len(slopes) - spread) / 2)) - 1)]
    high = slopes[min(len(slopes) - 1, int(np.ceil((len(slopes) + spread) / 2)))]
    return Trend(slope, float(low), float(high), float(t[-1]), float(np.median(values - slope * (t - t[-1]))))


def forecast(line: Trend | None, target: float, *, lower_is_better: bool, met: bool) -> Forecast:
    """Extend the trend to the target. Nothing is promised from a direction that is not clear.

    `met` is what the judge says of the trend's level at its last point.
    """
    if line is None:
        return Forecast(False, None, None, None, "too few points for a trend")
    sign = -1.0 if lower_is_better else 1.0
    distance = sign * (target - line.last_value)
    if met:
        return Forecast(True, 0.0, 0.0, 0.0, "the trend’s level meets the target already")
    slopes = sorted(sign * slope for slope in (line.low, line.high))
    if not line.clear:
        return Forecast(False, None, None, None, "whether the target is reached cannot be told, as no direction is clear")
    if sign * line.slope <= 0:
        return Forecast(False, None, None, None, "the trend leads away from the target")
    return Forecast(True, distance / (sign * line.slope), distance / slopes[1], distance / slopes[0])
