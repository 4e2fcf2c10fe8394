"""Mergeable log-linear histograms: integer counts in buckets at most 0.4 % wide, so the midpoint errs by at most 0.2 %.

Most hold few samples, so that plain numbers are quicker than arrays. Many samples are counted by numpy, and many histograms are
merged by `kpis.stats.stack`.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from operator import mul

import numpy as np
import numpy.typing as npt

from kpis.stats.packed import Ints, pack, unpack

SUBBUCKETS = 256
ZERO = -(2**31)
"""Index of the bucket that holds exactly 0."""

RELATIVE_ERROR = 1 / (2 * SUBBUCKETS)
"""Largest relative error of a percentile read from a bucket's midpoint."""

MANY = 64
"""From so many values on numpy is quicker."""

FEW = 8
"""Of so many times as many buckets, those that come are put in one by one."""

Floats = npt.NDArray[np.float64]


def index_of(value: float) -> int:
    """Bucket of a value: exponent × 256 + the linear position of the mantissa in its octave."""
    if value == 0:
        return ZERO
    mantissa, exponent = math.frexp(value)
    return exponent * SUBBUCKETS + int((mantissa * 2 - 1) * SUBBUCKETS)


def indices_of(values: Floats) -> Ints:
    """The same of many."""
    mantissa, exponent = np.frexp(values)
    position = ((mantissa * 2 - 1) * SUBBUCKETS).astype(np.int64)
    return np.where(values == 0, ZERO, exponent.astype(np.int64) * SUBBUCKETS + position)


def bounds(index: int) -> tuple[float, float]:
    """Where a bucket begins and ends."""
    if index == ZERO:
        return 0.0, 0.0
    exponent, position = divmod(index, SUBBUCKETS)
    scale = math.ldexp(0.5, exponent)
    return scale * (1 + position / SUBBUCKETS), scale * (1 + (position + 1) / SUBBUCKETS)


def midpoint(index: int) -> float:
    """Halfway between its bounds; written out, since it is asked for most."""
    if index == ZERO:
        return 0.0
    exponent, position = divmod(index, SUBBUCKETS)
    return math.ldexp(0.5 + (position + 0.5) / (2 * SUBBUCKETS), exponent)


class Histogram:
    """Sparse counts by bucket. Values are finite and not negative; merging adds counts, in any order, exactly."""

    __slots__ = ("_count", "_counts", "_indices")

    def __init__(self, indices: Sequence[int], counts: Sequence[int]) -> None:
        """Take ascending unique bucket indices and their positive counts; use the `from_…` constructors."""
        self._indices = indices
        self._counts = counts
        self._count: int | None = None

    @classmethod
    def from_values(cls, values: Iterable[float]) -> Histogram:
        return cls.from_counts(list(values))

    @classmethod
    def from_counts(cls, values: Sequence[float] | Floats, counts: Sequence[int] | Ints | None = None) -> Histogram:
        """Build from values and how often each occurred (once, when no counts are given).

        Raises ValueError for a value that is negative or not finite, or a count that is negative.
        """
        if len(values) < MANY:
            return cls._of_few(values, [1] * len(values) if counts is None else counts)
        array = np.asarray(values, dtype=np.float64)
        weights = np.ones(len(array), dtype=np.int64) if counts is None else np.asarray(counts, dtype=np.int64)
        good = np.isfinite(array) & (array >= 0)
        _check(alike=array.shape == weights.shape, values=bool(np.all(good)), counts=bool(np.all(weights >= 0)))
        unique, inverse = np.unique(indices_of(array), return_inverse=True)
        summed = np.zeros(len(unique), dtype=np.int64)
        np.add.at(summed, inverse, weights)
        return cls(unique[summed > 0].tolist(), summed[summed > 0].tolist())

    @classmethod
    def _of_few(cls, values: Sequence[float] | Floats, counts: Sequence[int] | Ints) -> Histogram:
        _check(
            alike=len(values) == len(counts),
            values=not len(values) or (min(values) >= 0 and max(values) < math.inf and not any(map(math.isnan, values))),
            counts=not len(counts) or min(counts) >= 0,
        )
        summed: dict[int, int] = {}
        for value, count in zip(values, counts, strict=True):
            index = index_of(value)
            summed[index] = summed.get(index, 0) + int(count)
        return cls._summed(summed)

    @classmethod
    def _summed(cls, summed: Mapping[int, int]) -> Histogram:
        """Of counts by bucket; those of nothing are left out."""
        indices = sorted(index for index, count in summed.items() if count)
        return cls(indices, [summed[index] for index in indices])

    @classmethod
    def merge(cls, histograms: Iterable[Histogram]) -> Histogram:
        parts = sorted(histograms, key=lambda part: len(part._indices))
        if len(parts) == 1:
            return parts[0]
        if parts and sum(len(part._indices) for part in parts[:-1]) * FEW <= len(parts[-1]._indices):
            return parts[-1]._with_few(parts[:-1])
        summed: dict[int, int] = {}
        for part in parts:
            for index, count in zip(part._indices, part._counts, strict=True):
                summed[index] = summed.get(index, 0) + count
        return cls._summed(summed)

    def _with_few(self, others: Iterable[Histogram]) -> Histogram:
        """The same with the samples of others, whose buckets are few."""
        indices, counts = list(self._indices), list(self._counts)
        for other in others:
            place = 0
            for index, count in zip(other._indices, other._counts, strict=True):
                place = bisect_left(indices, index, place)
                if indices[place : place + 1] == [index]:
                    counts[place] += count
                else:
                    indices.insert(place, index)
                    counts.insert(place, count)
        return Histogram(indices, counts)

    def without(self, other: Histogram) -> Histogram:
        """What is left when the samples of `other`, which are all in here, are taken out. Raises ValueError where one is not."""
        indices, counts, place = list(self._indices), list(self._counts), 0
        for index, count in zip(other._indices, other._counts, strict=True):
            place = bisect_left(indices, index, place)
            if indices[place : place + 1] != [index]:
                raise ValueError("a sample to take out is not in the histogram")
            counts[place] -= count
            if counts[place] < 0:
                raise ValueError("more samples are to be taken out than the histogram holds")
            if not counts[place]:
                del indices[place], counts[place]
        return Histogram(indices, counts)

    def at_an_end(self, percent: float) -> bool:
        """Whether a percentile lies in the lowest or the highest bucket, where the extremes may lie on either side of it."""
        rank = self._rank(percent)
        return rank <= self._counts[0] or rank > self.count - self._counts[-1]

    @property
    def count(self) -> int:
        if self._count is None:
            self._count = sum(self._counts)
        return self._count

    @property
    def size(self) -> int:
        """How many buckets hold something."""
        return len(self._indices)

    @property
    def ends(self) -> tuple[float, float]:
        """Midpoints of the buckets of the lowest and the highest sample: percentiles 0 and 100. Raises IndexError when empty."""
        return midpoint(self._indices[0]), midpoint(self._indices[-1])

    def spans(self, value: float) -> bool:
        """Whether a figure of the samples can be `value`: it lies from the lowest to the highest, within a bucket's width."""
        low, high = self.ends
        return low * (1 - 2 * RELATIVE_ERROR) <= value <= high * (1 + 2 * RELATIVE_ERROR)

    def mean(self) -> float:
        """Mean of the bucket midpoints. Raises ValueError when empty."""
        if not self._counts:
            raise ValueError("an empty histogram has no mean")
        return sum(map(mul, self._midpoints(), self._counts)) / self.count

    def percentile(self, percent: float) -> float:
        """Midpoint of the bucket that holds the nearest-rank percentile, within `RELATIVE_ERROR` of the sample there.

        Raises ValueError when empty or when `percent` is outside 0…100.
        """
        if not 0 <= percent <= 100:
            raise ValueError("a percentile lies between 0 and 100")
        if not self._counts:
            raise ValueError("an empty histogram has no percentiles")
        return midpoint(self._indices[bisect_left(list(accumulate(self._counts)), self._rank(percent))])

    def _rank(self, percent: float) -> int:
        """Which sample, counted from 1, is the nearest-rank percentile."""
        return max(1, math.ceil(percent / 100 * self.count - 1e-9))

    def scaled(self, factor: float) -> Histogram:
        """The same samples in another unit; adds at most one bucket's error."""
        return self if factor == 1 else Histogram.from_counts([value * factor for value in self._midpoints()], self._counts)

    def buckets(self) -> list[tuple[float, float, int]]:
        """Low bound, high bound and count of every bucket that holds a sample, ascending."""
        return [(*bounds(index), count) for index, count in zip(self._indices, self._counts, strict=True)]

    def as_counts(self) -> tuple[list[float], list[int]]:
        """Bucket midpoints and counts: what the API shows."""
        return self._midpoints(), list(self._counts)

    def _midpoints(self) -> list[float]:
        return [midpoint(index) for index in self._indices]

    def to_bytes(self) -> bytes:
        """Compact form: the same samples always give the same bytes."""
        return pack(self._indices, self._counts)

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> Histogram:
        """Read what `to_bytes` made, now or in an earlier version."""
        return cls(*unpack(data))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return self._indices == other._indices and self._counts == other._counts

    def __hash__(self) -> int:
        return hash(self.to_bytes())

    def __repr__(self) -> str:
        return f"<Histogram of {self.count} samples>"


def _check(*, alike: bool, values: bool, counts: bool) -> None:
    if not alike:
        raise ValueError("a histogram needs as many counts as values")
    if not values:
        raise ValueError("a histogram takes finite values that are not negative")
    if not counts:
        raise ValueError("a histogram takes counts that are not negative")


class Recorder:
    """Counts many samples a second in one flat array; values are held to 2⁻¹¹ … 2²¹ (in ms: half a µs to 35 minutes)."""

    __slots__ = ("_counts",)
    _LOW, _HIGH = -10 * SUBBUCKETS, 22 * SUBBUCKETS - 1

    def __init__(self) -> None:
        self._counts = np.zeros(self._HIGH - self._LOW + 1, np.int64)

    def add(self, values: Floats) -> None:
        held = np.clip(indices_of(np.maximum(values, 0.0)), self._LOW, self._HIGH)
        self._counts += np.bincount(held - self._LOW, minlength=len(self._counts))

    def histogram(self) -> Histogram:
        there = np.flatnonzero(self._counts)
        return Histogram((there + self._LOW).tolist(), self._counts[there].tolist())

    def clear(self) -> None:
        self._counts[:] = 0
