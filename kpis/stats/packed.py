"""Bucket indices and counts as bytes: a byte that says how wide they are, the first index, then steps and counts.

Whole numbers as wide as the largest needs, little-endian: some bytes a bucket, read without inflating anything first. Only where
there are a thousand of them is it deflated. What was stored before this form is deflated int64, begins with another byte, and is
read as well.
"""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate
from operator import sub

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

MARK = 0x80
"""In the first byte; the two widths stand below it. Deflated data never begins so."""

DEFLATED = 0x78
SQUEEZED, SQUEEZE_FROM = 0x90, 1000
"""What the first byte is where so many bytes were deflated: it halves them, and costs more than all the rest."""

HEAD = 5
"""Bytes before the steps: the mark and the first index."""

WIDTHS = "BHIQ"
"""1, 2, 4 and 8 bytes, as `struct` names them."""


def pack(indices: Sequence[int], counts: Sequence[int]) -> bytes:
    """Ascending indices and their positive counts as bytes: the same ones always give the same bytes."""
    plain = _packed(indices, counts)
    return plain if len(plain) < SQUEEZE_FROM else bytes([SQUEEZED]) + zlib.compress(plain, 1)


def _packed(indices: Sequence[int], counts: Sequence[int]) -> bytes:
    if not indices:
        return bytes([MARK])
    steps = list(map(sub, indices[1:], indices))
    try:  # nearly always a byte holds each, and this is how to find out at half the price
        return struct.pack("<Bi", MARK, indices[0]) + bytes(steps) + bytes(counts)
    except ValueError:
        return _packed_wide(indices[0], steps, counts)


def _packed_wide(first: int, steps: Sequence[int], counts: Sequence[int]) -> bytes:
    wide, high = _width(max(steps, default=0)), _width(max(counts))
    form = f"<Bi{len(steps)}{WIDTHS[wide]}{len(counts)}{WIDTHS[high]}"
    return struct.pack(form, MARK | wide << 2 | high, first, *steps, *counts)


def unpack(data: bytes | memoryview) -> tuple[list[int], list[int]]:
    """What `pack` was given."""
    if data[0] == DEFLATED:
        return _inflated(data)
    plain = _plain(data)
    if len(plain) == 1:
        return [], []
    wide, high, size = _shape(plain)
    if plain[0] == MARK:  # a byte each
        first = int.from_bytes(plain[1:HEAD], "little", signed=True)
        return list(accumulate(plain[HEAD : HEAD + size - 1], initial=first)), list(plain[HEAD + size - 1 :])
    _, *numbers = struct.unpack(f"<Bi{size - 1}{WIDTHS[wide]}{size}{WIDTHS[high]}", plain)
    return list(accumulate(numbers[:size])), numbers[size:]


def unpack_all(data: Sequence[bytes]) -> tuple[Ints, Ints, Ints]:
    """Indices and counts of many, one after the other, and how many buckets each has."""
    parts = [_plain(part) for part in data]
    shapes = [_shape(part) if len(part) > 1 else (0, 0, 0) for part in parts]
    sizes = np.fromiter((size for _, _, size in shapes), np.int64, len(parts))
    ends = np.cumsum(sizes)
    flat = np.frombuffer(b"".join(parts), np.uint8)
    starts = np.cumsum([0, *map(len, parts)])[:-1]
    steps, counts = np.zeros(sizes.sum(), np.int64), np.zeros(sizes.sum(), np.int64)
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (wide, high, size) in enumerate(shapes):
        if size:
            alike[wide, high].append(number)
    for (wide, high), chosen in alike.items():
        some = np.asarray(chosen)
        size, begin, place = sizes[some], starts[some] + HEAD, ends[some] - sizes[some]
        steps[place] = _numbers(flat, begin - 4, 4).astype(np.int32)
        steps[_runs(place + 1, size - 1)] = _numbers(flat, _runs(begin, size - 1, 1 << wide), 1 << wide)
        counts[_runs(place, size)] = _numbers(flat, _runs(begin + ((size - 1) << wide), size, 1 << high), 1 << high)
    summed = np.cumsum(steps)
    before = np.concatenate([[0], summed])[ends - sizes]
    return summed - np.repeat(before, sizes), counts, sizes


def _width(most: int) -> int:
    return 0 if most < 1 << 8 else 1 if most < 1 << 16 else 2 if most < 1 << 32 else 3


def _shape(data: bytes | memoryview) -> tuple[int, int, int]:
    """How wide its steps and counts are, as places in WIDTHS, and how many buckets it has."""
    wide, high = data[0] >> 2 & 3, data[0] & 3
    return wide, high, (len(data) - HEAD + (1 << wide)) // ((1 << wide) + (1 << high))


def _plain(data: bytes | memoryview) -> bytes | memoryview:
    """The packed form itself, without anything around it."""
    if data[0] == DEFLATED:
        return _packed(*_inflated(data))
    return zlib.decompress(data[1:]) if data[0] == SQUEEZED else data


def _inflated(data: bytes | memoryview) -> tuple[list[int], list[int]]:
    flat = zlib.decompress(data)
    numbers = struct.unpack(f"<{len(flat) // 8}q", flat)
    half = len(numbers) // 2
    return list(accumulate(numbers[:half])), list(numbers[half:])


def _runs(starts: Ints, sizes: Ints, stride: int = 1) -> Ints:
    """start, start + stride, … of each run, one after the other."""
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.repeat(starts, sizes) + within * stride


def _numbers(flat: npt.NDArray[np.uint8], places: Ints, width: int) -> Ints:
    """The little-endian numbers that begin at these places."""
    found = flat[places].astype(np.int64)
    for byte in range(1, width):
        found |= flat[places + byte].astype(np.int64) << (8 * byte)
    return found
