"""Numbers for SVG attributes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from roadmap import drawing
from roadmap.drawing import Bar, Cell, Mark, Placed

START = date(2026, 9, 28)
LEVELS = ((4, "low"), (9, "medium"), (16, "high"), (25, "critical"))


def test_axis_of_twelve_weeks() -> None:
    ruler = drawing.axis(START, 12, today=date(2026, 11, 19))
    assert (ruler.days, len(ruler.weeks), ruler.plan_end) == (84, 12, 100.0)
    assert ruler.today == 62.5
    assert [mark.text for mark in ruler.weeks if mark.now] == ["W8"]
    assert [mark.text for mark in ruler.months] == ["October", "November", "December"]


@pytest.mark.parametrize(
    ("today", "weeks", "shown"),
    [
        (date(2026, 9, 1), 12, False),
        (date(2026, 12, 20), 12, True),
        (date(2026, 12, 22), 13, True),
        (date(2028, 1, 1), 12, False),
    ],
)
def test_axis_grows_with_a_late_plan_and_not_with_an_old_one(today: date, weeks: int, shown: bool) -> None:
    ruler = drawing.axis(START, 12, today=today)
    assert (len(ruler.weeks), ruler.today is not None) == (weeks, shown)


def test_axis_of_many_weeks_names_every_nth() -> None:
    assert [mark.text for mark in drawing.axis(START, 100, today=START).weeks][:3] == ["W1", "W8", "W15"]


@pytest.mark.parametrize(
    ("first", "weeks", "names"),
    [
        (date(2026, 10, 5), 12, [(0.0, "October"), (32.143, "November"), (67.857, "December")]),
        (date(2026, 9, 28), 12, [(3.571, "October"), (40.476, "November"), (76.19, "December")]),
        (date(2026, 10, 5), 13, [(0.0, "October"), (29.67, "November"), (62.637, "December")]),
        (date(2026, 10, 5), 14, [(0.0, "October"), (27.551, "November"), (58.163, "December"), (89.796, "Jan")]),
    ],
)
def test_every_month_that_has_room_is_named_where_it_begins(first: date, weeks: int, names: list[tuple[float, str]]) -> None:
    assert [(mark.x, mark.text) for mark in drawing.axis(first, weeks, today=first).months] == names


@pytest.mark.parametrize(
    ("weeks", "names"),
    [
        (52, ["Oct", "Nov", "Dec", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep"]),
        (104, ["Nov", "Jan", "Mar", "May", "Jul", "Sep", "Nov", "Jan", "Mar", "May", "Jul"]),
    ],
)
def test_months_of_a_long_plan_are_short_or_fewer(weeks: int, names: list[str]) -> None:
    assert [mark.text for mark in drawing.axis(date(2026, 10, 1), weeks, today=date(2026, 10, 1)).months] == names


@pytest.mark.parametrize(
    ("today", "raised"),
    [(date(2026, 11, 19), False), (date(2026, 11, 28), True), (date(2026, 12, 8), True), (date(2028, 1, 1), False)],
)
def test_the_flag_of_today_stands_above_where_a_name_would_lie_under_it(today: date, raised: bool) -> None:
    ruler = drawing.axis(START, 12, today=today)
    assert (ruler.raised, [mark.text for mark in ruler.months]) == (raised, ["October", "November", "December"])


def test_phase_bars_of_a_late_phase() -> None:
    today = date(2026, 11, 19)
    bars = drawing.phase_bars(
        drawing.axis(START, 12, today=today),
        planned_first=START,
        planned_last=date(2026, 10, 11),
        started_on=START,
        finished_on=date(2026, 10, 13),
        today=today,
    )
    assert bars.planned == Bar(0.0, 16.667)
    assert bars.actual == Bar(0.0, 19.048)
    assert (bars.planned_gate, bars.gate, bars.closed) == (16.667, 19.048, True)


def test_phase_bars_before_the_start_have_no_actual() -> None:
    bars = drawing.phase_bars(
        drawing.axis(START, 12, today=START),
        planned_first=date(2026, 10, 12),
        planned_last=date(2026, 10, 25),
        started_on=None,
        finished_on=None,
        today=START,
    )
    assert (bars.actual, bars.gate) == (None, 33.333)


def test_matrix_has_25_cells_by_level() -> None:
    cells = drawing.matrix([], LEVELS).cells
    assert len(cells) == 25
    assert cells[0] == Cell(35, 257, 1, "low")
    assert {cell.score: cell.level for cell in cells if cell.score in (4, 5, 9, 10, 16, 20)} == {
        4: "low", 5: "medium", 9: "medium", 10: "high", 16: "high", 20: "critical",
    }  # fmt: skip


def test_matrix_moves_a_triggered_risk() -> None:
    drawn = drawing.matrix([Placed(text="R4", inherent=(3, 4), current=(5, 4), triggered=True)], LEVELS)
    assert [(dot.text, dot.kind, dot.x, dot.y) for dot in drawn.dots] == [
        ("R4", "inherent", 254.0, 107.0),
        ("R4", "triggered", 430.0, 107.0),
    ]
    assert (drawn.arrows[0].x1, drawn.arrows[0].x2, drawn.arrows[0].kind) == (266.0, 412.0, "triggered")


def test_matrix_keeps_a_risk_that_did_not_move_as_one_dot() -> None:
    drawn = drawing.matrix([Placed(text="R1", inherent=(3, 4), current=(3, 4))], LEVELS)
    assert ([dot.kind for dot in drawn.dots], drawn.arrows) == (["current"], ())


def test_matrix_sets_dots_of_one_cell_apart() -> None:
    risks = [Placed(text=f"R{n}", inherent=None, current=(2, 2)) for n in range(5)]
    xs = [dot.x for dot in drawing.matrix(risks, LEVELS).dots]
    assert len(set(xs)) == 5
    assert (min(xs), max(xs)) == (137.0, 195.0)


def test_flow_chart_of_the_plan() -> None:
    flows = [Decimal(-24000) + 15300 * month for month in range(13)]
    chart = drawing.flow_chart(flows, crossing=Decimal("1.5686"), symbol="$")
    assert [tick.text for tick in chart.ticks] == ["−$40k", "$0", "$40k", "$80k", "$120k", "$160k"]
    assert chart.path.startswith("M66.0 218.2 L96.2 201.3 ")
    assert (chart.zero, chart.crossing, len(chart.months)) == (191.6, 113.3, 13)


@pytest.mark.parametrize(("month", "late"), [(None, False), ("1.5", False), ("10.5", True)])
def test_flow_chart_has_no_room_right_of_a_late_crossing(month: str | None, late: bool) -> None:
    chart = drawing.flow_chart([Decimal(0)] * 13, crossing=Decimal(month) if month else None)
    assert chart.late == late


def test_flow_chart_of_nothing_is_a_flat_line() -> None:
    chart = drawing.flow_chart([Decimal(0)] * 13, crossing=Decimal(0))
    assert {part.split()[1] for part in chart.path.replace("M", "L").split("L")[1:]} == {str(chart.zero)}


@pytest.mark.parametrize(("amount", "text"), [(0, "$0"), (-40000, "−$40k"), (1_500_000, "$1.5M"), (250, "$250")])
def test_short_money(amount: float, text: str) -> None:
    assert drawing.short_money(amount, "$") == text


def test_week_marks_are_centred() -> None:
    assert drawing.axis(START, 2, today=date(2020, 1, 1)).weeks == (Mark(25.0, "W1"), Mark(75.0, "W2"))
