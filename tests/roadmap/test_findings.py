from collections import Counter

import msgspec
import pytest

from roadmap import findings
from tests.roadmap.factories import source

FOUND = findings.check(source())


def test_contradictions_of_the_source() -> None:
    told = [(f.code, f.subject, f.stated, f.computed) for f in FOUND if f.kind == "contradiction"]
    assert told == [
        ("annual_return_total", "Annual return", "96,000", "192,000"),
        ("annual_roi", "Annual ROI", "296 %", "493 %"),
        ("goal_change", "Cache hit rate", "+20 %", "+28.6 %"),
        ("goal_change", "Error rate", "-90 %", "-87.5 %"),
        ("goal_change", "Response time (P95)", "-40 %", "-37.5 %"),
    ]


def test_where_the_stated_total_comes_from() -> None:
    text = next(f.text for f in FOUND if f.code == "annual_return_total")
    assert text.endswith("It equals one row alone: Increased revenue, 12 × 8,000.")
    assert "a return ratio; as ROI that would be 196 %" in next(f.text for f in FOUND if f.code == "annual_roi")


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("baseline", 9), ("alert_threshold", 11), ("target", 0), ("benefit_kpis", 4), ("risk_triggers", 5), ("benefit_ratio", 4),
        ("task_effort", 1), ("discount_rate", 1), ("load_duration", 1), ("no_change", 1), ("alert_at_baseline", 1),
        ("promised_twice", 2), ("investment_total", 0),
    ],
)  # fmt: skip
def test_findings_by_code(code: str, count: int) -> None:
    assert Counter(f.code for f in FOUND)[code] == count


def test_cost_whose_total_is_wrong() -> None:
    plan = source()
    plan.costs[1] = msgspec.structs.replace(plan.costs[1], stated_total=5000)
    found = [f for f in findings.check(plan) if f.code == "cost_total"]
    assert [(f.stated, f.computed) for f in found] == [("5,000", "6,000")]


@pytest.mark.parametrize(("baseline", "found"), [(500, 1), (499, 1), (501, 0)])
def test_a_baseline_that_meets_or_equals_the_target_leaves_no_way(baseline: int, found: int) -> None:
    plan = source()
    kpi = next(kpi for kpi in plan.scorecard["kpis"] if kpi.get("target") and kpi["direction"] == "lower")
    kpi["target"] |= {"comparator": "<", "value": 500, "baseline": baseline}
    assert sum(f.code == "met_at_start" and f.subject == kpi["name"] for f in findings.check(plan)) == found
