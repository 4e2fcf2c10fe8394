"""The cash flow as numbers for SVG attributes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from roadmap.drawing.flow import flow_chart, short_money


def test_flow_chart_of_the_plan() -> None:
    flows = [Decimal(-24000) + 15300 * month for month in range(13)]
    chart = flow_chart(flows, crossing=Decimal("1.5686"), symbol="$")
    assert [tick.text for tick in chart.ticks] == ["−$40k", "$0", "$40k", "$80k", "$120k", "$160k"]
    assert chart.path.startswith("M66.0 218.2 L96.2 201.3 ")
    assert (chart.zero, chart.crossing, len(chart.months)) == (191.6, 113.3, 13)


@pytest.mark.parametrize(("month", "late"), [(None, False), ("1.5", False), ("10.5", True)])
def test_flow_chart_has_no_room_right_of_a_late_crossing(month: str | None, late: bool) -> None:
    chart = flow_chart([Decimal(0)] * 13, crossing=Decimal(month) if month else None)
    assert chart.late == late


def test_flow_chart_of_nothing_is_a_flat_line() -> None:
    chart = flow_chart([Decimal(0)] * 13, crossing=Decimal(0))
    assert {part.split()[1] for part in chart.path.replace("M", "L").split("L")[1:]} == {str(chart.zero)}


@pytest.mark.parametrize(("amount", "text"), [(0, "$0"), (-40000, "−$40k"), (1_500_000, "$1.5M"), (250, "$250")])
def test_short_money(amount: float, text: str) -> None:
    assert short_money(amount, "$") == text
