from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap import roi
from roadmap.rates import irr


def flows(*amounts: int) -> list[D]:
    return [D(amount) for amount in amounts]


@pytest.mark.parametrize(
    ("amounts", "rate"),
    [
        ((-100, 110), "0.1"),
        ((-100, 0, 121), "0.1"),
        ((-100, 50), "-0.5"),
        ((0, -5, 6), "0.2"),
        ((1, -4, 4), "1"),  # one double root
        ((-1, 3, -3, 1), "0"),  # one triple root
    ],
)
def test_one_rate(amounts: tuple[int, ...], rate: str) -> None:
    assert irr(flows(*amounts)).rate == D(rate)


@pytest.mark.parametrize(
    ("amounts", "reason"),
    [
        ((), "no rate exists: there is cash flow in one direction or month only"),
        ((-5,), "no rate exists: there is cash flow in one direction or month only"),
        ((5, 5), "no rate exists: all cash flows point the same way"),
        ((1, -2, 3), "no rate exists"),
        ((-100, 230, -132), "more than one rate exists: 2"),
    ],
)
def test_no_single_rate_says_why(amounts: tuple[int, ...], reason: str) -> None:
    found = irr(flows(*amounts))
    assert (found.rate, found.reason) == (None, reason)


@given(st.integers(1, 10**6), st.lists(st.integers(1, 10**5), min_size=1, max_size=18))
def test_net_present_value_at_the_rate_is_zero(out: int, back: list[int]) -> None:
    plan = flows(-out, *back)
    rate = irr(plan).rate
    if rate > D("-0.9"):
        assert abs(roi.npv(plan, rate)) < D("0.001") * (out + sum(back))
