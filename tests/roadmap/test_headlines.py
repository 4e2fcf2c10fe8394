"""Each page's sentence, from facts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from roadmap import headlines

PLAN = {"week": 8, "weeks": 12, "days_to_start": -52, "days_left": 31, "late_days": 0, "behind": 0.0, "done": 11, "total": 19}


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({}, "on plan in week 8 of 12"),
        ({"late_days": 4}, "four days behind plan"),
        ({"behind": -0.2}, "on plan in week 8 of 12"),
        ({"behind": 0.083}, "the work is 8.3 points behind plan in week 8 of 12"),
        ({"behind": 0.041}, "the work is 4.1 points behind plan in week 8 of 12, within the 5 that count as on plan"),
        ({"done": 19}, "all work of the plan is done"),
        ({"total": 0, "done": 0}, "the plan has no tasks yet"),
        ({"days_to_start": 3}, "the plan starts in 3 days"),
        ({"days_left": -2}, "the plan ended 2 days ago with eight tasks open"),
    ],
)
def test_plan_state(facts: dict[str, int], text: str) -> None:
    assert headlines.plan_state(**(PLAN | facts)) == text


@pytest.mark.parametrize(
    ("needs", "text"),
    [
        ({}, "On plan; nothing waits for you."),
        ({"breach": 1}, "On plan, and one KPI is breached."),
        ({"risk": 1, "breach": 2}, "On plan, and two KPIs are breached and one risk has come true."),
        ({"review": 1}, "On plan, and one review is overdue."),
        ({"decision": 2, "blocked": 1}, "On plan, and one task is blocked and two proposals wait for approval."),
        ({"breach": 1, "blocked": 1}, "On plan, and one KPI is breached."),
        ({"unmeasured": 17}, "On plan, and 17 KPIs wait for their first measurement."),
        ({"late": 1, "waived": 1, "ending": 1}, "On plan, and one waiver ends soon and one task is past its due date."),
    ],
)
def test_overview(needs: dict[headlines.Need, int], text: str) -> None:
    assert headlines.overview("on plan", needs) == text


NO_KPI = "no KPI with a current figure, a baseline and a target stands behind it yet."


@pytest.mark.parametrize(
    ("realised", "unknown", "text"),
    [
        ("0.62", "0", "Benefits run at 62 % of their planned monthly rate."),
        (
            "0.004",
            "0.988",
            f"Of the planned monthly benefit 1.2 % can be judged, and 0.4 % is realised; the rest is unknown: {NO_KPI}",
        ),
        (
            "0",
            "1",
            f"None of the planned monthly benefit can be judged: {NO_KPI}",
        ),
    ],
)
def test_benefit_that_cannot_be_judged_is_not_told_as_missed(realised: str, unknown: str, text: str) -> None:
    told = headlines.overview_lede(phase="", phase_end="", met=1, kpis=2, realised=Decimal(realised), unknown=Decimal(unknown))
    assert told == f"No phase is in hand. 1 of 2 KPIs meets its target. {text}"


@pytest.mark.parametrize(
    ("gate", "days", "text"),
    [
        ("waived", 11, "Caching rests on a waiver that ends in 11 days."),
        ("passed", None, "Caching passes its exit gate."),
        ("failed", None, "Caching fails its exit gate: 2 of 4 criteria hold."),
        ("open", None, "Caching has 1 of 3 tasks done and 2 of 4 gate criteria met."),
    ],
)
def test_phase(gate: str, days: int | None, text: str) -> None:
    assert headlines.phase("Caching", done=1, total=3, gate=gate, held=2, criteria=4, waived_days=days) == text


def test_roi() -> None:
    told = headlines.roi(payback=2, payback_date="Nov 2026", ratio=Decimal("5.926"), months=12, empty=False)
    assert told == "Planned to pay back in month 2, Nov 2026, and returns 5.93 times its cost in 12 months."
    assert headlines.roi(payback=None, payback_date="", ratio=None, months=12, empty=False) == (
        "The plan does not pay back within 12 months."
    )


@pytest.mark.parametrize(
    ("triggered", "overdue", "text"),
    [
        ([], 0, "None of the five risks has come true."),
        ([], 1, "None of the five risks has come true, but one review is overdue."),
        (["Memory leak"], 1, "One risk has come true: Memory leak."),
        (["A", "B"], 0, "Two risks have come true: A and B."),
    ],
)
def test_risks(triggered: list[str], overdue: int, text: str) -> None:
    assert headlines.risks(triggered, total=5, overdue=overdue) == text
