"""The change between two samples of runs, with its uncertainty.

A run is the unit that is drawn again: requests of one run are not independent of each other, so an interval drawn
over requests would be far too narrow (block bootstrap; Efron & Tibshirani, *An Introduction to the Bootstrap*, 1993). Nor are
runs always independent: where they follow each other they are drawn in blocks of neighbours, the last run beside the first
(circular block bootstrap; Politis & Romano 1992), as long as their own autocorrelation asks for; see `dependence`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from kpis.stats.dependence import Dependence, dependence
from kpis.stats.histogram import Histogram
from kpis.stats.student import t_quantile

DRAWS = 2000
CONFIDENCE = 0.95
FEWEST_RUNS = 5
"""With fewer runs on a side, or runs worth fewer independent ones, no interval is worth showing."""

FEWEST_BLOCKS = 3
FROM_NOTHING = "before is 0: no relative change exists"
TOO_CLOSE = "the runs follow each other too closely"
OWN_RUNS = 20
"""From so many runs on, a side may follow more closely than both do together; fewer show their own too poorly."""

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
    """Relative change from before to after: −0.2 is 20 % less. Null where it cannot be told, and `reason` says why.

    `effective_…` is how many independent runs those of a side are worth, `block` how many were drawn together (1: each alone).
    """

    verdict: Verdict
    before: float | None
    after: float | None
    relative: float | None
    low: float | None
    high: float | None
    runs_before: int
    runs_after: int
    reason: str = ""
    effective_before: float | None = None
    effective_after: float | None = None
    block: int | None = None

    @property
    def worth(self) -> tuple[int, int] | None:
        """How many independent runs both sides are like, in whole ones, where their runs follow each other."""
        if self.effective_before is None or self.effective_after is None:
            return None
        worth = max(1, int(self.effective_before)), max(1, int(self.effective_after))
        return worth if worth != (self.runs_before, self.runs_after) else None


@dataclass(frozen=True)
class _Side:
    """One group: its figure, how far each run pulls it, and the figures of drawn weights (draws × runs)."""

    figure: float
    pulls: Floats
    figures: Callable[[Floats], Floats]


def change(before: Sequence[Block], after: Sequence[Block], *, percentile: float | None = None, seed: int = 0) -> Change:
    """Compare two groups of runs in the order of time: by the percentile of merged histograms, or the count-weighted mean.

    The interval is the 2.5 … 97.5 % range of the relative change over `DRAWS` draws of runs, the same for the same seed.
    `unchanged` means that the interval holds 0, not that nothing changed.
    """
    counts = (len(before), len(after))
    if percentile is not None and any(block.histogram is None for block in (*before, *after)):
        return _none(counts, "a percentile is compared over histograms only")
    if not before or not after:
        return _none(counts, "no runs on one side")
    sides = [_side(before, percentile), _side(after, percentile)]
    old, new = (side.figure for side in sides)
    relative = (new - old) / abs(old) if old else None
    if min(counts) < FEWEST_RUNS:
        return Change(Verdict.TOO_EARLY, old, new, relative, None, None, *counts, f"fewer than {FEWEST_RUNS} runs on a side")
    ties = _ties(sides)
    effective = (counts[0] / ties[0].growth, counts[1] / ties[1].growth)
    blocks = [tie.block(size) for size, tie in zip(counts, ties, strict=True)]
    if reason := _too_close(counts, effective, blocks):
        return Change(Verdict.TOO_EARLY, old, new, relative, None, None, *counts, reason, *effective, block=max(blocks))
    wider = _wider(counts, effective, max(tie.missed(block) for tie, block in zip(ties, blocks, strict=True)))
    middle = new - old if relative is None else relative
    low, high = (middle + wider * (end - middle) for end in _range(sides, blocks, seed, relative=relative is not None))
    verdict = Verdict.LOWER if high < 0 else Verdict.HIGHER if low > 0 else Verdict.UNCHANGED
    if relative is None:
        return Change(verdict, old, new, None, None, None, *counts, FROM_NOTHING, *effective, block=max(blocks))
    return Change(verdict, old, new, relative, low, high, *counts, "", *effective, block=max(blocks))


def _none(counts: tuple[int, int], reason: str, before: float | None = None, after: float | None = None) -> Change:
    return Change(Verdict.TOO_EARLY, before, after, None, None, None, *counts, reason)


def _side(blocks: Sequence[Block], percentile: float | None) -> _Side:
    """The pull on a mean is how far a run lies off it, that on a percentile how many of its samples lie too far below or above
    (influence functions; Hampel 1974): what is correlated there, and only that, makes the figure less certain."""
    if percentile is None:
        values = np.array([block.value for block in blocks])
        counts = np.array([block.count for block in blocks], dtype=np.float64)
        figure = float(values @ counts / counts.sum())
        return _Side(figure, counts * (values - figure), lambda weights: (weights @ (values * counts)) / (weights @ counts))
    histograms = [block.histogram for block in blocks if block.histogram is not None]
    matrix, midpoints = _dense(histograms)
    figure = Histogram.merge(histograms).percentile(percentile)
    below = matrix[:, midpoints < figure].sum(axis=1) + matrix[:, midpoints == figure].sum(axis=1) / 2
    pulls = percentile / 100 * matrix.sum(axis=1) - below
    return _Side(figure, pulls, lambda weights: _percentiles(weights, matrix, midpoints, percentile))


def _ties(sides: Sequence[_Side]) -> list[Dependence]:
    """Of each side: as both follow together, which shows most surely, or more closely where its own runs do."""
    both = dependence([side.pulls for side in sides])
    own = [dependence([side.pulls]) if len(side.pulls) >= OWN_RUNS else both for side in sides]
    return [max(both, one, key=lambda tie: tie.growth) for one in own]


def _too_close(counts: Sequence[int], effective: Sequence[float], blocks: Sequence[int]) -> str:
    fewest = min(effective)
    if fewest < FEWEST_RUNS:
        return f"{TOO_CLOSE}: like {max(1, int(fewest))} independent one{'s' if fewest >= 2 else ''}"
    if any(block * FEWEST_BLOCKS > size for size, block in zip(counts, blocks, strict=True) if block > 1):
        return (
            f"the runs follow each other too closely: {max(blocks)} at a time, which leaves fewer than {FEWEST_BLOCKS} such times"
        )
    return ""


def _wider(counts: Sequence[int], effective: Sequence[float], missed: float) -> float:
    """How much wider than the draws the interval is: by what blocks miss, and by Student's t for so few independent runs.

    1 where runs are independent.
    """
    upper = (1 + CONFIDENCE) / 2
    few, all_runs = (sum(sizes) - len(sizes) for sizes in (effective, counts))
    return math.sqrt(missed) * t_quantile(upper, few) / t_quantile(upper, all_runs) if few < all_runs else 1.0


def _range(sides: Sequence[_Side], blocks: Sequence[int], seed: int, *, relative: bool) -> tuple[float, float]:
    """The middle 95 % of the drawn changes, relative to what was before or in the unit of the figures."""
    draw = np.random.default_rng(seed)
    old, new = (side.figures(_weights(len(side.pulls), block, draw)) for side, block in zip(sides, blocks, strict=True))
    usable = old != 0 if relative else np.ones(len(old), dtype=bool)
    drawn = new[usable] - old[usable]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn / np.abs(old[usable]) if relative else drawn, [tail, 1 - tail])
    return float(low), float(high)


def _weights(size: int, block: int, draw: np.random.Generator) -> Floats:
    """How often each run is drawn (draws × runs), as many as there are: whole blocks from anywhere, and a shorter last one."""
    drawn = np.zeros((DRAWS, size))
    for length, times in ((block, size // block), (size % block, 1)):
        if length:
            starts = draw.multinomial(times, np.full(size, 1 / size), size=DRAWS).astype(np.float64)
            drawn += _spread(starts, length)
    return drawn


def _spread(starts: Floats, length: int) -> Floats:
    """Each start covers the runs behind it as well, from the last on to the first again."""
    if length == 1:
        return starts
    sums = np.cumsum(np.concatenate([np.zeros((len(starts), 1)), starts[:, 1 - length :], starts], axis=1), axis=1)
    return np.asarray(sums[:, length:] - sums[:, :-length])


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
