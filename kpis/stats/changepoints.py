"""Where a series changed its level: E-divisive with means (Matteson & James 2014), as used for continuous benchmarks.

Windows keep one old change from hiding a new one; a candidate counts only when Welch's t-test between its neighbouring
segments is significant (as in MongoDB's and Apache Otava's practice).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kpis.stats.student import t_two_sided_p

WINDOW = 50
FEWEST_ON_A_SIDE = 10
SIGNIFICANT = 0.001
MOST_POINTS = 2000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ChangePoint:
    """The series changed at `index` (the first point of the new level), from mean `before` to mean `after`."""

    index: int
    before: float
    after: float
    p: float


def change_points(values: Sequence[float]) -> list[ChangePoint]:
    """Find the significant changes of level, in order. At most the newest `MOST_POINTS` values are looked at."""
    offset = max(0, len(values) - MOST_POINTS)
    array = np.asarray(values[offset:], dtype=np.float64)
    cuts: set[int] = set()
    for start in range(0, max(1, len(array) - WINDOW // 2), WINDOW // 2):
        cuts |= _split(array, start, min(len(array), start + WINDOW))
    return [ChangePoint(point.index + offset, point.before, point.after, point.p) for point in _merge(array, sorted(cuts))]


def _split(array: Floats, start: int, end: int) -> set[int]:
    """Cut a stretch at its best place when that is significant, then both parts again."""
    if end - start < 2 * FEWEST_ON_A_SIDE:
        return set()
    best = start + _best_cut(array[start:end])
    if _p(array[start:best], array[best:end]) >= SIGNIFICANT:
        return set()
    return {best} | _split(array, start, best) | _split(array, best, end)


def _best_cut(values: Floats) -> int:
    """Index that maximises the E-divisive statistic q = nm/(n+m) · (2·between − within − within), distances |x − y|."""
    size = len(values)
    distance = np.abs(values[:, None] - values[None, :])
    table = np.zeros((size + 1, size + 1))
    table[1:, 1:] = distance.cumsum(0).cumsum(1)
    best, at = -1.0, FEWEST_ON_A_SIDE
    for cut in range(FEWEST_ON_A_SIDE, size - FEWEST_ON_A_SIDE + 1):
        n, m = cut, size - cut
        left = table[cut, cut]
        between = table[cut, size] - left
        right = table[size, size] - left - 2 * between
        q = n * m / (n + m) * (2 * between / (n * m) - left / (n * n) - right / (m * m))
        if q > best:
            best, at = q, cut
    return at


def _p(one: Floats, other: Floats) -> float:
    """Two-sided p of Welch's t-test; two constant stretches differ surely or not at all."""
    variances = one.var(ddof=1) / len(one), other.var(ddof=1) / len(other)
    total = sum(variances)
    difference = float(one.mean() - other.mean())
    if total <= 1e-24 * max(1.0, abs(float(one.mean()))):
        return 1.0 if math.isclose(difference, 0, abs_tol=1e-12) else 0.0
    freedom = total**2 / (variances[0] ** 2 / (len(one) - 1) + variances[1] ** 2 / (len(other) - 1))
    return t_two_sided_p(difference / math.sqrt(total), float(freedom))


def _merge(array: Floats, cuts: list[int]) -> list[ChangePoint]:
    """Drop the least certain cut again and again until every one is significant between its neighbours."""
    while cuts:
        edges = [0, *cuts, len(array)]
        found = []
        for before, cut, after in zip(edges, edges[1:], edges[2:], strict=False):
            left, right = array[before:cut], array[cut:after]
            p = _p(left, right) if min(len(left), len(right)) >= FEWEST_ON_A_SIDE else 1.0
            found.append(ChangePoint(cut, float(left.mean()), float(right.mean()), p))
        worst = max(found, key=lambda point: (point.p, -point.index))
        if worst.p < SIGNIFICANT:
            return found
        cuts.remove(worst.index)
    return []
