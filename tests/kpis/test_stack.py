"""Histograms merged by group."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.stats import stack
from kpis.stats.histogram import Histogram
from kpis.stats.stack import Stack
from tests.kpis.test_histogram import samples


@pytest.mark.parametrize("dense", [0, 2**40], ids=["sorted", "counted"])
@given(st.lists(st.lists(samples, max_size=4), max_size=5), st.sampled_from([0, 50, 95, 99.9, 100]))
def test_a_stack_says_of_each_group_what_the_merged_histogram_says(
    dense: int, sent: list[list[list[float]]], percent: float
) -> None:
    groups = [[Histogram.from_values(values) for values in group] for group in sent]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack, "DENSE", dense)
        many = Stack([[one.to_bytes() for one in group] for group in groups])
    found, counts = many.percentiles(percent)
    for number, group in enumerate(groups):
        merged = Histogram.merge(group)
        assert (many.histogram(number), counts[number]) == (merged, merged.count)
        assert found[number] == merged.percentile(percent) if merged.count else np.isnan(found[number])
