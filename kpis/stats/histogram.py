"""Mergeable log-linear histograms: integer counts in buckets at most 0.4 % wide, so the midpoint errs by at most 0.2 %."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

SUBBUCKETS = 256
ZERO = -(2**31)
"""Index of the bucket that holds exactly 0."""

RELATIVE_ERROR = 1 / (2 * SUBBUCKETS)
"""Largest relative error of a percentile read from a bucket's midpoint."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def _indices(values: Floats) -> Ints:
    """Bucket of each value: exponent × 256 + the linear position of the mantissa in its octave."""
    mantissa, exponent = np.frexp(values)
    position = np.minimum((mantissa * 2 - 1) * SUBBUCKETS, SUBBUCKETS - 1).astype(np.int64)
    return np.where(values == 0, ZERO, exponent.astype(np.int64) * SUBBUCKETS + position)


def _bounds(indices: Ints) -> tuple[Floats, Floats]:
    exponent, position = np.divmod(indices, SUBBUCKETS)
    scale = np.ldexp(0.5, exponent)
    low = scale * (1 + position / SUBBUCKETS)
    high = scale * (1 + (position + 1) / SUBBUCKETS)
    zero = indices == ZERO
    return np.where(zero, 0.0, low), np.where(zero, 0.0, high)


def _midpoint(index: int) -> float:
    """The same of one bucket, as `Histogram._midpoints` has it."""
    if index == ZERO:
        return 0.0
    exponent, position = divmod(index, SUBBUCKETS)
    scale = math.ldexp(0.5, exponent)
    return (scale * (1 + position / SUBBUCKETS) + scale * (1 + (position + 1) / SUBBUCKETS)) / 2


class Histogram:
    """Sparse counts by bucket. Values are finite and not negative; merging adds counts, in any order, exactly."""

    __slots__ = ("_counts", "_indices")

    def __init__(self, indices: Ints, counts: Ints) -> None:
        """Take ascending unique bucket indices and their positive counts; use the `from_…` constructors."""
        self._indices = indices
        self._counts = counts

    @classmethod
    def from_values(cls, values: Iterable[float]) -> Histogram:
        return cls.from_counts(list(values))

    @classmethod
    def from_counts(cls, values: Sequence[float] | Floats, counts: Sequence[int] | Ints | None = None) -> Histogram:
        """Build from values and how often each occurred (once, when no counts are given).

        Raises ValueError for a value that is negative or not finite, or a count that is negative.
        """
        array = np.asarray(values, dtype=np.float64)
        weights = np.ones(len(array), dtype=np.int64) if counts is None else np.asarray(counts, dtype=np.int64)
        if array.shape != weights.shape:
            raise ValueError("a histogram needs as many counts as values")
        if not np.all(np.isfinite(array)) or np.any(array < 0):
            raise ValueError("a histogram takes finite values that are not negative")
        if np.any(weights < 0):
            raise ValueError("a histogram takes counts that are not negative")
        return cls._summed(_indices(array), weights)

    @classmethod
    def merge(cls, histograms: Iterable[Histogram]) -> Histogram:
        parts = list(histograms)
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls(np.empty(0, np.int64), np.empty(0, np.int64))
        return cls._summed(np.concatenate([part._indices for part in parts]), np.concatenate([part._counts for part in parts]))

    def without(self, other: Histogram) -> Histogram:
        """What is left when the samples of `other`, which are all in here, are taken out. Raises ValueError where one is not."""
        left = self._counts.copy()
        places = np.minimum(np.searchsorted(self._indices, other._indices), max(len(left) - 1, 0))
        if len(other._indices) and not (len(left) and np.array_equal(self._indices[places], other._indices)):
            raise ValueError("a sample to take out is not in the histogram")
        left[places] -= other._counts
        if np.any(left < 0):
            raise ValueError("more samples are to be taken out than the histogram holds")
        return Histogram(self._indices[left > 0], left[left > 0])

    def at_an_end(self, percent: float) -> bool:
        """Whether a percentile lies in the lowest or the highest bucket, where the extremes may lie on either side of it."""
        rank = self._rank(percent)
        return rank <= int(self._counts[0]) or rank > self.count - int(self._counts[-1])

    @classmethod
    def _summed(cls, indices: Ints, counts: Ints) -> Histogram:
        unique, inverse = np.unique(indices, return_inverse=True)
        summed = np.zeros(len(unique), dtype=np.int64)
        np.add.at(summed, inverse, counts)
        kept = summed > 0
        return cls(unique[kept], summed[kept])

    @property
    def count(self) -> int:
        return int(self._counts.sum())

    @property
    def ends(self) -> tuple[float, float]:
        """Midpoints of the buckets of the lowest and the highest sample: percentiles 0 and 100. Raises IndexError when empty."""
        return _midpoint(int(self._indices[0])), _midpoint(int(self._indices[-1]))

    def spans(self, value: float) -> bool:
        """Whether a figure of the samples can be `value`: it lies from the lowest to the highest, within a bucket's width."""
        low, high = self.ends
        return low * (1 - 2 * RELATIVE_ERROR) <= value <= high * (1 + 2 * RELATIVE_ERROR)

    def mean(self) -> float:
        """Mean of the bucket midpoints. Raises ValueError when empty."""
        if not len(self._counts):
            raise ValueError("an empty histogram has no mean")
        return float(np.average(self._midpoints(), weights=self._counts))

    def percentile(self, percent: float) -> float:
        """Midpoint of the bucket that holds the nearest-rank percentile, within `RELATIVE_ERROR` of the sample there.

        Raises ValueError when empty or when `percent` is outside 0…100.
        """
        if not 0 <= percent <= 100:
            raise ValueError("a percentile lies between 0 and 100")
        if not len(self._counts):
            raise ValueError("an empty histogram has no percentiles")
        return _midpoint(int(self._indices[np.searchsorted(np.cumsum(self._counts), self._rank(percent))]))

    def _rank(self, percent: float) -> int:
        """Which sample, counted from 1, is the nearest-rank percentile."""
        return max(1, int(np.ceil(percent / 100 * self.count - 1e-9)))

    def share_above(self, value: float) -> float:
        """Share of the samples in buckets that lie above the bucket of `value`."""
        above = self._indices > _indices(np.asarray([value], dtype=np.float64))[0]
        return float(self._counts[above].sum() / self._counts.sum()) if len(self._counts) else 0.0

    def scaled(self, factor: float) -> Histogram:
        """The same samples in another unit; adds at most one bucket's error."""
        return self if factor == 1 else Histogram.from_counts(self._midpoints() * factor, self._counts)

    def buckets(self) -> list[tuple[float, float, int]]:
        """Low bound, high bound and count of every bucket that holds a sample, ascending."""
        low, high = _bounds(self._indices)
        return list(zip(low.tolist(), high.tolist(), self._counts.tolist(), strict=True))

    def as_counts(self) -> tuple[list[float], list[int]]:
        """Bucket midpoints and counts: what the API shows."""
        return self._midpoints().tolist(), self._counts.tolist()

    def _midpoints(self) -> Floats:
        low, high = _bounds(self._indices)
        return (low + high) / 2

    def to_bytes(self) -> bytes:
        """Compact form: delta-coded indices and counts as little-endian int64, deflated."""
        deltas = np.diff(self._indices, prepend=np.int64(0))
        return zlib.compress(np.concatenate([deltas, self._counts]).astype("<i8").tobytes(), 1)

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> Histogram:
        flat = np.frombuffer(zlib.decompress(bytes(data)), dtype="<i8").astype(np.int64)
        half = len(flat) // 2
        return cls(np.cumsum(flat[:half]), flat[half:].copy())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return np.array_equal(self._indices, other._indices) and np.array_equal(self._counts, other._counts)

    def __hash__(self) -> int:
        return hash(self.to_bytes())

    def __repr__(self) -> str:
        return f"<Histogram of {self.count} samples>"


class Stack:
    """Many histograms merged by group, in flat arrays: what `Histogram.merge` says of each group, for thousands at once."""

    __slots__ = ("_counts", "_ends", "_indices")

    def __init__(self, groups: Sequence[Sequence[bytes]]) -> None:
        """Merge the histograms of each group, given as `Histogram.to_bytes` made them."""
        indices, counts, sizes = _unpacked([data for group in groups for data in group])
        numbers = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        keys = np.repeat(numbers, sizes) * _SPAN + (indices - ZERO)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        firsts = np.flatnonzero(np.diff(keys, prepend=-1))
        keys = keys[firsts]
        self._indices = keys % _SPAN + ZERO
        self._counts = np.add.reduceat(counts[order], firsts) if len(firsts) else counts
        self._ends = np.searchsorted(keys, np.arange(1, len(groups) + 1) * _SPAN)

    def percentiles(self, percent: float) -> tuple[Floats, Ints]:
        """`Histogram.percentile` and `Histogram.count` of every group; not a number where a group is empty."""
        summed = np.concatenate([[0], np.cumsum(self._counts)])
        until = summed[self._ends]
        before = np.concatenate([[0], until[:-1]])
        counts = until - before
        ranks = np.maximum(1, np.ceil(percent / 100 * counts - 1e-9)).astype(np.int64)
        there = counts > 0
        found = np.full(len(counts), np.nan)
        low, high = _bounds(self._indices[np.searchsorted(summed[1:], (before + ranks)[there])])
        found[there] = (low + high) / 2
        return found, counts

    def histogram(self, group: int) -> Histogram:
        start, end = self._ends[group - 1] if group else 0, self._ends[group]
        return Histogram(self._indices[start:end], self._counts[start:end])


_SPAN = 2**33
"""More than there are indices of buckets, so that those of all groups stand in one order."""


def _unpacked(data: Sequence[bytes]) -> tuple[Ints, Ints, Ints]:
    """Indices and counts of histograms one after the other, and how many buckets each has."""
    parts = [zlib.decompress(part) for part in data]
    sizes = np.fromiter(map(len, parts), np.int64, len(parts)) // 16
    flat = np.frombuffer(b"".join(parts), "<i8").astype(np.int64, copy=False)
    starts = np.cumsum(sizes) - sizes
    deltas = np.repeat(starts, sizes) + np.arange(sizes.sum())  # each histogram's deltas stand before its counts
    summed = np.cumsum(flat[deltas])
    before = np.concatenate([[0], summed])[starts]
    return summed - np.repeat(before, sizes), flat[deltas + np.repeat(sizes, sizes)], sizes


class Recorder:
    """Counts many samples a second in one flat array; values are held to 2⁻¹¹ … 2²¹ (in ms: half a µs to 35 minutes)."""

    __slots__ = ("_counts",)
    _LOW, _HIGH = -10 * SUBBUCKETS, 22 * SUBBUCKETS - 1

    def __init__(self) -> None:
        self._counts = np.zeros(self._HIGH - self._LOW + 1, np.int64)

    def add(self, values: Floats) -> None:
        held = np.clip(_indices(np.maximum(values, 0.0)), self._LOW, self._HIGH)
        self._counts += np.bincount(held - self._LOW, minlength=len(self._counts))

    def histogram(self) -> Histogram:
        there = np.flatnonzero(self._counts)
        return Histogram(there + self._LOW, self._counts[there])

    def clear(self) -> None:
        self._counts[:] = 0
