"""Histograms merged by group."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kpis.stats.histogram import Histogram
from kpis.stats.stack import DENSE, Stack, counted
from tests.kpis.stats.test_histogram import samples


@given(st.lists(st.lists(samples, max_size=4), max_size=5), st.sampled_from([0, 50, 95, 99.9, 100]))
def test_a_group_is_what_its_merged_histogram_says(sent: list[list[list[float]]], percent: float) -> None:
    groups = [[Histogram.from_values(values) for values in group] for group in sent]
    many = Stack([[one.to_bytes() for one in group] for group in groups])
    found, counts = many.percentiles(percent)
    for number, group in enumerate(groups):
        merged = Histogram.merge(group)
        assert (many.histogram(number), counts[number]) == (merged, merged.count)
        assert found[number] == merged.percentile(percent) if merged.count else np.isnan(found[number])


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 10**6)), min_size=10))
def test_counting_all_keys_and_sorting_them_say_the_same(pairs: list[tuple[int, int]]) -> None:
    keys, counts = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    dense, sparse = counted(keys, counts, 100), counted(keys, counts, DENSE * len(keys) + 1)
    assert [column.tolist() for column in dense] == [column.tolist() for column in sparse]
