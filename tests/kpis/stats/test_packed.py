"""Histograms as bytes."""

import struct
import zlib
from itertools import accumulate, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kpis.stats.packed import DEFLATED, SQUEEZED, pack, unpack, unpack_all

steps = st.sampled_from([1, 2, 255, 256, 65_535, 65_536, 2**31 + 5_000])
counts = st.sampled_from([1, 3, 255, 256, 65_536, 2**32, 10**15])
kept = st.builds(
    lambda first, buckets: (
        (list(accumulate([first, *(step for step, _ in buckets[1:])])), [count for _, count in buckets]) if buckets else ([], [])
    ),
    st.sampled_from([-(2**31), -700, 0, 4_000]),
    st.lists(st.tuples(steps, counts), max_size=20),
)


def deflated(indices: list[int], counts: list[int]) -> bytes:
    """As it was stored before."""
    steps = indices[:1] + [later - one for one, later in pairwise(indices)]
    return zlib.compress(struct.pack(f"<{2 * len(steps)}q", *steps, *counts), 1)


@given(kept)
def test_what_is_packed_is_unpacked(one: tuple[list[int], list[int]]) -> None:
    assert unpack(pack(*one)) == unpack(memoryview(pack(*one))) == one
    assert pack(*one)[0] != DEFLATED


def test_what_is_many_is_squeezed_and_is_the_same() -> None:
    one = list(range(-700, 2000, 3)), [7**number % 1000 + 1 for number in range(900)]
    assert pack(*one)[0] == SQUEEZED
    assert unpack(pack(*one)) == unpack(deflated(*one)) == one
    indices, numbers, _ = unpack_all([pack([1], [2]), pack(*one), deflated(*one)])
    assert (indices.tolist(), numbers.tolist()) == ([1, *one[0], *one[0]], [2, *one[1], *one[1]])


@given(kept)
def test_what_was_stored_in_the_earlier_form_is_read(one: tuple[list[int], list[int]]) -> None:
    assert unpack(deflated(*one)) == one


@given(st.lists(st.tuples(kept, st.sampled_from([pack, deflated])), max_size=8))
def test_many_at_once_are_what_each_is(sent: list[tuple[tuple[list[int], list[int]], object]]) -> None:
    indices, numbers, sizes = unpack_all([form(*one) for one, form in sent])  # type: ignore[operator]
    assert indices.tolist() == [index for (found, _), _ in sent for index in found]
    assert numbers.tolist() == [count for (_, found), _ in sent for count in found]
    assert np.array_equal(sizes, [len(found) for (found, _), _ in sent])
