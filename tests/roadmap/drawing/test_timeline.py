"""The time line as numbers for SVG attributes."""

from __future__ import annotations

from datetime import date

import pytest
from django.template.loader import render_to_string

from roadmap.drawing import timeline
from roadmap.drawing.timeline import Bar, Mark

START = date(2026, 9, 28)


def test_axis_of_twelve_weeks() -> None:
    ruler = timeline.axis(START, 12, today=date(2026, 11, 19))
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
    ruler = timeline.axis(START, 12, today=today)
    assert (len(ruler.weeks), ruler.today is not None) == (weeks, shown)


def test_axis_of_many_weeks_names_every_nth() -> None:
    ruler = timeline.axis(START, 100, today=START)
    assert [mark.text for mark in ruler.weeks][:3] == ["W1", "W8", "W15"]
    told = render_to_string("roadmap/_axis.html", {"plan": {"axis": ruler, "today": START}})
    assert 'aria-label="Weeks 1 to 100"' in told


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
    assert [(mark.x, mark.text) for mark in timeline.axis(first, weeks, today=first).months] == names


@pytest.mark.parametrize(
    ("weeks", "names"),
    [
        (52, ["Oct", "Nov", "Dec", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep"]),
        (104, ["Nov", "Jan", "Mar", "May", "Jul", "Sep", "Nov", "Jan", "Mar", "May", "Jul"]),
    ],
)
def test_months_of_a_long_plan_are_short_or_fewer(weeks: int, names: list[str]) -> None:
    assert [mark.text for mark in timeline.axis(date(2026, 10, 1), weeks, today=date(2026, 10, 1)).months] == names


@pytest.mark.parametrize(
    ("today", "raised"),
    [(date(2026, 11, 19), False), (date(2026, 11, 28), True), (date(2026, 12, 8), True), (date(2028, 1, 1), False)],
)
def test_the_flag_of_today_stands_above_where_a_name_would_lie_under_it(today: date, raised: bool) -> None:
    ruler = timeline.axis(START, 12, today=today)
    assert (ruler.raised, [mark.text for mark in ruler.months]) == (raised, ["October", "November", "December"])


def test_phase_bars_of_a_late_phase() -> None:
    today = date(2026, 11, 19)
    bars = timeline.phase_bars(
        timeline.axis(START, 12, today=today),
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
    bars = timeline.phase_bars(
        timeline.axis(START, 12, today=START),
        planned_first=date(2026, 10, 12),
        planned_last=date(2026, 10, 25),
        started_on=None,
        finished_on=None,
        today=START,
    )
    assert (bars.actual, bars.gate) == (None, 33.333)


def test_week_marks_are_centred() -> None:
    assert timeline.axis(START, 2, today=date(2020, 1, 1)).weeks == (Mark(25.0, "W1"), Mark(75.0, "W2"))
