"""Where a series changed its level: E-divisive with means (Matteson & James 2014), as used for continuous benchmarks.

Windows keep one old change from hiding a new one; a candidate counts only when Welch's t-test between its neighbouring
segments is significant (as in MongoDB's and Apache Otava's practice).

A slope looks like many small steps to a search that knows levels only. So the same search is made once more on what a
slope under all steps leaves over (fitted within the segments, as in an analysis of covariance), and steps are fitted together
with the slope, since one against it hides in both. Of the three readings the one counts that explains most for what it
assumes: by Schwarz's criterion, in which a step costs as much as three parameters, since its place was searched for (Zhang &
Siegmund 2007), and the slope one.

Values that follow each other wander, and what wanders looks like steps too. So wherever steps were found, the search is made
again on what a value does not keep of the one before it (first-order autoregression; Chakar, Lebarbier, Lévy-Leduc & Robin
2017): by how alike neighbours are around one level, around one line, and around the steps found, so that neither a true step is
taken for likeness nor likeness for steps. Again the criterion decides (as Shi, Gallagher, Lund & Killick 2022 compare).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from kpis.stats.dependence import likeness
from kpis.stats.student import t_two_sided_p

WINDOW = 50
WIDEST = 200
"""Of the windows where values follow each other, which are as much longer as those are worth less."""

FEWEST_ON_A_SIDE = 10
SIGNIFICANT = 0.001
MOST_POINTS = 2000

STEP_WORTH = 2.25
"""Parameters that a step costs against likeness: between its place and size, and the three of Zhang & Siegmund."""

FAR = 4.0
"""Standard deviations, by the median, that an error counts as at most."""

MOST_STEPS = 20
"""That are looked for together with a slope."""

FITS = 2
"""Rounds in which steps and the likeness of neighbours are fitted to each other."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ChangePoint:
    """The series changed at `index` (the first point of the new level), from level `before` to `after`.

    Without a slope these are means of the segments; with one, where the line stood and where it went on.
    """

    index: int
    before: float
    after: float
    p: float


@dataclass(frozen=True)
class Slope:
    """One slope under all steps, and its squared standard error with the degrees of freedom behind that."""

    value: float
    variance: float
    freedom: int


NO_SLOPE = Slope(0.0, 0.0, 1)
Sloping = Callable[[Floats, Floats, Sequence[int]], Slope]


@dataclass(frozen=True)
class _Reading:
    """Steps, with a slope or not, and how much of its distance from the level a value keeps of the one before it."""

    points: tuple[ChangePoint, ...]
    sloping: Sloping
    phi: float


def change_points(values: Sequence[float], times: Sequence[float] | None = None) -> list[ChangePoint]:
    """Find the significant changes of level, in order. At most the newest `MOST_POINTS` values are looked at.

    `times` say how far apart the values stand, in any unit; without them they are evenly spaced.
    """
    offset = max(0, len(values) - MOST_POINTS)
    array = np.asarray(values[offset:], dtype=np.float64)
    t = np.asarray(range(len(values)) if times is None else times, dtype=np.float64)[offset:]
    best = _read(array, t)
    for _ in range(FITS if best.points else 0):
        known = (best, _Reading((), _flat, 0.0), _Reading((), _common_slope, 0.0))
        phis = {_likeness(array, t, reading) for reading in known} - {0.0, best.phi}
        best = min([best, *(_read(array, t, phi) for phi in sorted(phis))], key=lambda one: _burden(array, t, one))
    levels = _levels(array, t, best)
    return [ChangePoint(one.index + offset, *level, one.p) for one, level in zip(best.points, levels, strict=True)]


def _read(array: Floats, t: Floats, phi: float = 0.0) -> _Reading:
    """What explains most for what it assumes, if a value keeps `phi` of how far the one before it lay off its level."""
    skipped = 1 if phi else 0
    left, at = (values[skipped:] - phi * values[: len(values) - skipped] for values in (array, t))
    window = min(WIDEST, round(WINDOW * (1 + phi) / (1 - phi)))  # as many independent ones
    cuts = _candidates(left, window)
    readings: list[tuple[list[ChangePoint], Sloping]] = [(_merge(left, at, cuts, _flat), _flat)]
    readings += [
        (_merge(left, at, steps, _common_slope), _common_slope)
        for steps in (_left_over(left, at, cuts, window), _steps(left, at))
    ]
    points, sloping = min(readings, key=lambda one: _cost(left, at, *one))
    return _Reading(tuple(replace(point, index=point.index + skipped) for point in points), sloping, phi)


def _likeness(array: Floats, t: Floats, reading: _Reading) -> float:
    """How much of a value's distance from its level the next one keeps; 0 where that may be chance."""
    cuts = [point.index for point in reading.points]
    return likeness(_segments(array - reading.sloping(array, t, cuts).value * t, cuts))


def _levels(array: Floats, t: Floats, reading: _Reading) -> list[tuple[float, float]]:
    cuts = [point.index for point in reading.points]
    return [(point.before, point.after) for point in _tested(array, t, cuts, reading.sloping(array, t, cuts))]


def _candidates(array: Floats, window: int) -> list[int]:
    cuts: set[int] = set()
    for start in range(0, max(1, len(array) - window // 2), window // 2):
        cuts |= _split(array, start, min(len(array), start + window))
    return sorted(cuts)


def _left_over(array: Floats, t: Floats, cuts: list[int], window: int) -> list[int]:
    """Where levels change in what one slope leaves over; `cuts` were found without it and part the series for a first fit."""
    first = {*cuts, *_candidates(array - _common_slope(array, t, cuts).value * t, window)}
    kept = [point.index for point in _merge(array, t, sorted(first), _common_slope)]
    return _candidates(array - _common_slope(array, t, kept).value * t, window)


def _steps(array: Floats, t: Floats) -> list[int]:
    """Steps that are fitted together with the slope, one after the other as long as they are significant.

    A step against a slope looks like neither alone, so that no fit of the slope before the step finds it.
    """
    cuts: list[int] = []
    while len(cuts) < MOST_STEPS and (best := _best_step(array, t, cuts)) is not None:
        trial = sorted([*cuts, best])
        tested = _tested(array, t, trial, _common_slope(array, t, trial))
        if next(point.p for point in tested if point.index == best) >= SIGNIFICANT:
            break
        cuts = trial
    return cuts


def _best_step(array: Floats, t: Floats, cuts: Sequence[int]) -> int | None:
    """The place of the one step more that takes most from the squares which steps at `cuts` and a slope leave over."""
    x = np.concatenate([part - part.mean() for part in _segments(t, cuts)])
    left = np.concatenate([part - part.mean() for part in _segments(array - _common_slope(array, t, cuts).value * t, cuts)])
    spread = float(x @ x)
    best, at = 0.0, None
    for start, end in pairwise([0, *cuts, len(array)]):
        places = np.arange(start + FEWEST_ON_A_SIDE, end - FEWEST_ON_A_SIDE + 1)
        if not spread or not len(places):
            continue
        behind, tilt = (values[start:end][::-1].cumsum()[::-1][places - start] for values in (left, x))
        own = (places - start) * (end - places) / (end - start) - tilt**2 / spread  # what of the step is no slope
        gain = np.where(own > 1e-9, behind**2 / np.maximum(own, 1e-9), 0.0)
        if gain.max() > best:
            best, at = float(gain.max()), int(places[gain.argmax()])
    return at


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


def _p(one: Floats, other: Floats, slope: Slope = NO_SLOPE, apart: float = 0.0) -> float:
    """Two-sided p of Welch's t-test; two constant stretches differ surely or not at all.

    Where a slope was taken out of stretches that stand so far `apart`, what is not known of it is a third variance.
    """
    parts = [(one.var(ddof=1) / len(one), len(one) - 1), (other.var(ddof=1) / len(other), len(other) - 1)]
    parts.append((slope.variance * apart**2, slope.freedom))
    total = sum(variance for variance, _ in parts)
    difference = float(one.mean() - other.mean())
    size = max(abs(float(one.mean())), abs(slope.value * apart))
    if total <= 1e-24 * max(1.0, size**2):
        return 1.0 if math.isclose(difference, 0, abs_tol=1e-12 * max(1.0, size)) else 0.0
    freedom = total**2 / sum(variance**2 / known for variance, known in parts)
    return t_two_sided_p(difference / math.sqrt(total), float(freedom))


def _segments(array: Floats, cuts: Sequence[int]) -> list[Floats]:
    return np.split(array, list(cuts))


def _flat(array: Floats, t: Floats, cuts: Sequence[int]) -> Slope:
    return NO_SLOPE


def _common_slope(array: Floats, t: Floats, cuts: Sequence[int]) -> Slope:
    """The least-squares slope within the segments, whatever steps lie between them."""
    x = np.concatenate([part - part.mean() for part in _segments(t, cuts)])
    y = np.concatenate([part - part.mean() for part in _segments(array, cuts)])
    freedom, spread = len(array) - len(cuts) - 2, float(x @ x)
    if freedom < 1 or not spread:
        return NO_SLOPE
    value = float(x @ y) / spread
    left = y - value * x
    return Slope(value, float(left @ left) / freedom / spread, freedom)


def _cost(array: Floats, t: Floats, points: list[ChangePoint], sloping: Sloping) -> float:
    """Schwarz's criterion with absolute errors, which one outlier does not decide."""
    cuts = [point.index for point in points]
    slope = sloping(array, t, cuts).value
    left = np.concatenate([np.abs(part - np.median(part)) for part in _segments(array - slope * t, cuts)])
    floor = 1e-12 * max(1.0, float(np.abs(array).max()))
    parameters = 1 + 3 * len(cuts) + (sloping is not _flat)
    return 2 * len(array) * math.log(float(left.mean()) + floor) + parameters * math.log(len(array))


def _burden(array: Floats, t: Floats, reading: _Reading) -> float:
    """Schwarz's criterion between steps and the likeness of neighbours, on what the latter leaves of the distances from levels.

    Squares, as a step under likeness shows most in the one value that leaps; errors far out are cut, as outliers are.
    """
    cuts = [point.index for point in reading.points]
    slope = reading.sloping(array, t, cuts).value
    off = np.concatenate([part - np.median(part) for part in _segments(array - slope * t, cuts)])
    left = np.abs(off[1:] - reading.phi * off[:-1])
    if middle := 1.4826 * float(np.median(left)):
        left = np.minimum(left, FAR * middle)
    floor = 1e-24 * max(1.0, float(np.abs(array).max()) ** 2)
    parameters = 1 + STEP_WORTH * len(cuts) + (reading.sloping is not _flat) + (reading.phi > 0)
    return len(array) * math.log(float((left**2).mean()) + floor) + parameters * math.log(len(array))


def _merge(array: Floats, t: Floats, cuts: list[int], sloping: Sloping) -> list[ChangePoint]:
    """Drop the least certain cut again and again until every one is significant between its neighbours."""
    cuts = list(cuts)
    while cuts:
        slope = sloping(array, t, cuts)
        found = _tested(array, t, cuts, slope)
        worst = max(found, key=lambda point: (point.p, -point.index))
        if worst.p < SIGNIFICANT:
            return found
        cuts.remove(worst.index)
    return []


def _tested(array: Floats, t: Floats, cuts: list[int], slope: Slope) -> list[ChangePoint]:
    level = _segments(array - slope.value * t, cuts)
    found = []
    for cut, (left, right), (earlier, later) in zip(cuts, pairwise(level), pairwise(_segments(t, cuts)), strict=True):
        apart = float(later.mean() - earlier.mean())
        p = _p(left, right, slope, apart) if min(len(left), len(right)) >= FEWEST_ON_A_SIDE else 1.0
        there = slope.value * float(t[cut])
        found.append(ChangePoint(cut, float(left.mean()) + there, float(right.mean()) + there, p))
    return found
