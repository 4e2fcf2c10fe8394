import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.stats.histogram import MANY, RELATIVE_ERROR, Histogram

samples = st.lists(st.floats(0, 1e9, allow_subnormal=False), max_size=50)


@given(samples, samples)
def test_merge_is_commutative(one: list[float], other: list[float]) -> None:
    a, b = Histogram.from_values(one), Histogram.from_values(other)
    assert Histogram.merge([a, b]) == Histogram.merge([b, a]) == Histogram.from_values(one + other)


@given(samples, samples, samples)
def test_merge_is_associative(one: list[float], other: list[float], third: list[float]) -> None:
    a, b, c = (Histogram.from_values(values) for values in (one, other, third))
    assert Histogram.merge([Histogram.merge([a, b]), c]) == Histogram.merge([a, Histogram.merge([b, c])])


@given(samples.filter(bool), st.sampled_from([0, 50, 90, 95, 99, 100]))
def test_percentile_lies_within_the_stated_error(values: list[float], percent: float) -> None:
    exact = float(np.percentile(values, percent, method="inverted_cdf"))
    assert Histogram.from_values(values).percentile(percent) == pytest.approx(exact, rel=RELATIVE_ERROR * 1.0001)


@given(st.lists(st.tuples(st.floats(0, 1e9), st.integers(0, 10**12)), max_size=50))
def test_few_values_fall_into_the_same_buckets_as_many(pairs: list[tuple[float, int]]) -> None:
    values, counts = [value for value, _ in pairs], [count for _, count in pairs]
    nothing = [0] * MANY  # makes many of them, and counts for nothing
    assert Histogram.from_counts(values + nothing, counts + nothing) == Histogram.from_counts(values, counts)


@given(samples)
def test_bytes_round_trip(values: list[float]) -> None:
    made = Histogram.from_values(values)
    assert Histogram.from_bytes(made.to_bytes()) == made


def test_error_is_at_most_a_fifth_of_a_percent() -> None:
    assert RELATIVE_ERROR <= 0.002


@pytest.mark.parametrize("values", [[-1.0], [float("nan")], [1.0, float("nan")], [float("nan"), 1.0], [1.0, float("inf")]])
def test_what_is_no_measurable_amount_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="not negative"):
        Histogram.from_values(values)


def test_ten_thousand_latencies_stay_small() -> None:
    latencies = np.random.default_rng(1).lognormal(3, 0.5, 10_000)
    assert len(Histogram.from_values(latencies).to_bytes()) < 4000


@given(samples, samples)
def test_what_was_merged_can_be_taken_out_again(one: list[float], other: list[float]) -> None:
    mine, theirs = Histogram.from_values(one), Histogram.from_values(other)
    assert Histogram.merge([mine, theirs]).without(theirs) == mine


def test_what_is_not_there_cannot_be_taken_out() -> None:
    for missing in ([1.0, 1.0], [2.0], [1.0, 2.0]):
        with pytest.raises(ValueError, match="take"):
            Histogram.from_values([1.0]).without(Histogram.from_values(missing))


@given(samples.filter(bool), st.sampled_from([0, 50, 90, 95, 99, 100]))
def test_only_at_an_end_can_the_extremes_bound_a_percentile(values: list[float], percent: float) -> None:
    made = Histogram.from_values(values)
    if not made.at_an_end(percent):
        assert min(values) < made.percentile(percent) < max(values)
