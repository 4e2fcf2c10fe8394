"""The change between two samples of runs, with its uncertainty.

A run is the unit that is drawn again: requests of one run are not independent of each other, so an interval drawn
over requests would be far too narrow (block bootstrap; Efron & Tibshirani, *An Introduction to the Bootstrap*, 1993).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from kpis.stats.histogram import Histogram

DRAWS = 2000
CONFIDENCE = 0.95
FEWEST_RUNS = 5
"""With fewer runs on a side no interval is worth showing."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """One run: its value, how many samples stand behind it, and their histogram where there is one."""

    value: float
    count: int = 1
    histogram: Histogram | None = None


class Verdict(StrEnum):
    TOO_EARLY = "too_early"
    LOWER = "lower"
    HIGHER = "higher"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Change:
    """Relative change from before to after: −0.2 is 20 % less. Null where it cannot be told, and `reason` says why."""

    verdict: Verdict
    before: float | None
    after: float | None
    relative: float | None
    low: float | None
    high: float | None
    runs_before: int
    runs_after: int
    reason: str = ""


def change(before: Sequence[Block], after: Sequence[Block], *, percentile: float | None = None, seed: int = 0) -> Change:
    """Compare two groups of runs: by the percentile of their merged histograms, or by the count-weighted mean.

    The interval is the 2.5 … 97.5 % range of the relative change over `DRAWS` draws of runs, the same for the same seed.
    `unchanged` means that the interval holds 0, not that nothing changed.
    """
    counts = (len(before), len(after))
    if percentile is not None and any(block.histogram is None for block in (*before, *after)):
        return _none(counts, "a percentile is compared over histograms only")
    if not before or not after:
        return _none(counts, "no runs on one side")
    draw = np.random.default_rng(seed)
    old, old_draws = _statistic(before, percentile, draw)
    new, new_draws = _statistic(after, percentile, draw)
    if old == 0:
        return _none(counts, "before is 0: no relative change exists", old, new)
    relative = (new - old) / abs(old)
    if min(counts) < FEWEST_RUNS:
        return Change(Verdict.TOO_EARLY, old, new, relative, None, None, *counts, f"fewer than {FEWEST_RUNS} runs on a side")
    usable = old_draws != 0
    tail = (1 - CONFIDENCE) / 2
    drawn = (new_draws[usable] - old_draws[usable]) / np.abs(old_draws[usable])
    low, high = np.quantile(drawn, [tail, 1 - tail])
    verdict = Verdict.LOWER if high < 0 else Verdict.HIGHER if low > 0 else Verdict.UNCHANGED
    return Change(verdict, old, new, relative, float(low), float(high), *counts)


def _none(counts: tuple[int, int], reason: str, before: float | None = None, after: float | None = None) -> Change:
    return Change(Verdict.TOO_EARLY, before, after, None, None, None, *counts, reason)


def _statistic(blocks: Sequence[Block], percentile: float | None, draw: np.random.Generator) -> tuple[float, Floats]:
    """The figure of all runs together, and the figure of each draw of as many runs with replacement."""
    size = len(blocks)
    weights = draw.multinomial(size, np.full(size, 1 / size), size=DRAWS).astype(np.float64)
    if percentile is None:
        values = np.array([block.value for block in blocks])
        counts = np.array([block.count for block in blocks], dtype=np.float64)
        totals = weights @ counts
        return float(values @ counts / counts.sum()), (weights @ (values * counts)) / totals
    histograms = [block.histogram for block in blocks if block.histogram is not None]
    matrix, midpoints = _dense(histograms)
    merged = Histogram.merge(histograms)
    return merged.percentile(percentile), _percentiles(weights, matrix, midpoints, percentile)


def _dense(histograms: Sequence[Histogram]) -> tuple[Floats, Floats]:
    """Counts per run (rows) and bucket midpoint (columns)."""
    parts = [histogram.as_counts() for histogram in histograms]
    midpoints = np.unique(np.concatenate([np.asarray(values) for values, _ in parts]))
    matrix = np.zeros((len(parts), len(midpoints)))
    for row, (values, counts) in zip(matrix, parts, strict=True):
        row[np.searchsorted(midpoints, values)] = counts
    return matrix, midpoints


def _percentiles(weights: Floats, matrix: Floats, midpoints: Floats, percentile: float) -> Floats:
    """The percentile of each draw: a binary search over the buckets, all draws at once, in place of summing every bucket."""
    cumulated = np.ascontiguousarray(np.cumsum(matrix, axis=1).T)  # buckets × runs
    ranks = np.maximum(1, np.ceil(percentile / 100 * (weights @ cumulated[-1]) - 1e-9))
    low, high = np.zeros(len(weights), dtype=np.int64), np.full(len(weights), len(midpoints) - 1)
    while (low < high).any():
        middle = (low + high) // 2
        reached = np.einsum("dr,dr->d", weights, cumulated[middle]) >= ranks
        low, high = np.where(reached, low, middle + 1), np.where(reached, middle, high)
    return midpoints[low]
