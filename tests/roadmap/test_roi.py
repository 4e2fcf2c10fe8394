from decimal import Decimal as D
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap import roi
from roadmap.roi import Part, Plan

SOURCE = Plan(one_off=D(24000), monthly_cost=D(700), monthly_benefit=D(16000), annual_rate=D("0.08"))
AMOUNTS = st.decimals(min_value=0, max_value=10**7, places=2)
SHARES = st.floats(min_value=-2, max_value=3)


def test_source_figures() -> None:
    summary = roi.summarise(SOURCE)
    assert summary.investment == 32400
    assert summary.returned == 192000
    assert summary.net == 159600
    assert round(summary.roi * 100) == 493
    assert round(summary.return_ratio, 2) == D("5.93")
    assert summary.payback_month == 2
    assert round(summary.payback_interpolated_months, 4) == D("1.5686")
    assert summary.payback_discounted_month == 2
    assert round(summary.npv, 2) == D("152146.73")
    assert round(summary.irr_monthly, 4) == D("0.6358")
    assert summary.flows[:3] == (-24000, 15300, 15300)
    assert summary.cumulative[:3] == (-24000, -8700, 6600)
    assert len(summary.flows) == 13


def test_npv_without_rate_says_why() -> None:
    summary = roi.summarise(Plan(one_off=D(1), monthly_cost=D(0), monthly_benefit=D(1)))
    assert (summary.npv, summary.npv_reason) == (None, "no discount rate is stated")
    assert summary.payback_discounted_month is None


def test_nothing_invested_has_no_ratio() -> None:
    summary = roi.summarise(Plan(one_off=D(0), monthly_cost=D(0), monthly_benefit=D(10)))
    assert (summary.roi, summary.return_ratio) == (None, None)
    assert summary.payback_month == 0
    assert summary.irr_reason == "no rate exists: all cash flows point the same way"


def test_never_paid_back() -> None:
    summary = roi.summarise(Plan(one_off=D(1000), monthly_cost=D(0), monthly_benefit=D(1)))
    assert (summary.payback_month, summary.payback_interpolated_months) == (None, None)


def test_monthly_rate_compounds_to_the_annual_one() -> None:
    assert round((1 + roi.monthly_rate(D("0.08"))) ** 12, 20) == D("1.08")


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_cumulative_flow_ends_at_the_net(one_off: D, cost: D, benefit: D) -> None:
    summary = roi.summarise(Plan(one_off=one_off, monthly_cost=cost, monthly_benefit=benefit))
    assert summary.cumulative[-1] == summary.net == summary.returned - summary.investment
    if summary.roi is not None:
        assert summary.return_ratio - summary.roi == pytest.approx(1)


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_payback_is_the_first_month_not_negative(one_off: D, cost: D, benefit: D) -> None:
    flows = roi.cash_flow(Plan(one_off=one_off, monthly_cost=cost, monthly_benefit=benefit))
    month, totals = roi.payback_month(flows), roi.cumulative(flows)
    if month is None:
        assert all(total < 0 for total in totals)
    else:
        assert totals[month] >= 0
        assert all(total < 0 for total in totals[:month])
        assert month - 1 <= roi.payback_interpolated(flows) <= month


@given(st.lists(AMOUNTS, min_size=1, max_size=24))
def test_npv_falls_as_the_rate_rises(inflows: list[D]) -> None:
    flows = [D(-1), *inflows]
    worth = [roi.npv(flows, D(rate) / 100) for rate in (0, 1, 5, 20)]
    assert all(before >= after for before, after in pairwise(worth))


@given(AMOUNTS, st.lists(st.tuples(st.integers(1, 100), st.none() | SHARES, st.integers(0, 30)), max_size=6))
def test_realised_benefit_adds_up(amount: D, rows: list[tuple[int, float | None, int]]) -> None:
    parts = [Part(weight=D(weight), attainment=way, known=D(days) / 30) for weight, way, days in rows]
    done = roi.realise(amount, parts)
    assert abs(done.realised + done.missed + done.unknown - done.planned) < D("1e-15")
    assert min(done.realised, done.missed, done.unknown) >= 0


def test_unknown_is_never_realised() -> None:
    parts = [Part(weight=D(3), attainment=0.5), Part(weight=D(1), attainment=None)]
    done = roi.realise(D(1000), parts)
    assert (done.realised, done.missed, done.unknown) == (375, 375, 250)
    assert done.realisation == D("0.375")


@pytest.mark.parametrize(("way", "realised"), [(1.7, 100), (-0.4, 0), (0.25, 25), (1.0, 100)])
def test_attainment_is_held_between_0_and_1(way: float, realised: int) -> None:
    assert roi.realise(D(100), [Part(weight=D(1), attainment=way)]).realised == realised


def test_benefit_without_kpis_is_unknown() -> None:
    assert roi.realise(D(100), []).unknown == 100


def test_month_pro_rata() -> None:
    assert roi.realise(D(300), [Part(weight=D(1), attainment=1.0)], D("0.5")).planned == 150


def test_days_without_data_are_unknown() -> None:
    part = roi.part_of(D(1), [1.0, 0.5, None, None])
    assert (part.attainment, part.known) == (0.75, D("0.5"))
    done = roi.realise(D(100), [part])
    assert (done.realised, done.unknown) == (D("37.5"), 50)
