"""Many histograms merged by group at once: what a chart of several series needs of thousands of rollups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kpis.stats.histogram import ZERO, Floats, Histogram, midpoint
from kpis.stats.packed import Ints, unpack_all

DENSE = 16
"""Groups × buckets between the lowest and the highest may be so many times what there is, and counting them all is quicker
than sorting."""

EXACT = 2**53
"""Below this a double counts every whole number."""


class Stack:
    """Many histograms merged by group, in flat arrays: what `Histogram.merge` says of each group, for thousands at once."""

    __slots__ = ("_counts", "_ends", "_indices")

    def __init__(self, groups: Sequence[Sequence[bytes]]) -> None:
        """Merge the histograms of each group, given as `Histogram.to_bytes` made them."""
        indices, counts, sizes = unpack_all([data for group in groups for data in group])
        numbers = np.repeat(np.repeat(np.arange(len(groups)), [len(group) for group in groups]), sizes)
        lowest = int(np.where(indices == ZERO, -ZERO, indices).min(initial=-ZERO)) - 1
        places = np.maximum(indices, lowest) - lowest  # that of zero is the one below all others
        span = int(places.max(initial=0)) + 1
        keys, self._counts = counted(numbers * span + places, counts, len(groups) * span)
        found = keys % span
        self._indices = np.where(found == 0, ZERO, found + lowest)
        self._ends = np.searchsorted(keys, np.arange(1, len(groups) + 1) * span)

    def percentiles(self, percent: float) -> tuple[Floats, Ints]:
        """`Histogram.percentile` and `Histogram.count` of every group; not a number where a group is empty."""
        summed = np.concatenate([[0], np.cumsum(self._counts)])
        until = summed[self._ends]
        before = np.concatenate([[0], until[:-1]])
        counts = until - before
        ranks = np.maximum(1, np.ceil(percent / 100 * counts - 1e-9)).astype(np.int64)
        there = counts > 0
        found = np.full(len(counts), np.nan)
        chosen = self._indices[np.searchsorted(summed[1:], (before + ranks)[there])]
        found[there] = [midpoint(index) for index in chosen.tolist()]
        return found, counts

    def histogram(self, group: int) -> Histogram:
        start, end = self._ends[group - 1] if group else 0, self._ends[group]
        return Histogram(self._indices[start:end].tolist(), self._counts[start:end].tolist())


def counted(keys: Ints, counts: Ints, most: int) -> tuple[Ints, Ints]:
    """The keys, which are below `most`, in their order, each once, with the sum of its counts."""
    if most <= DENSE * len(keys) and counts.sum() < EXACT:
        summed = np.bincount(keys, counts, most)
        there = np.flatnonzero(summed)
        return there, summed[there].astype(np.int64)
    order = np.argsort(keys, kind="stable")
    firsts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    return keys[order][firsts], np.add.reduceat(counts[order], firsts) if len(firsts) else counts
