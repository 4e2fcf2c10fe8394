"""The delivered file holds everything that the document states, and nothing that it does not."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest
import yaml

from roadmap import risk
from roadmap.document import Document
from tests.roadmap.factories import FIXTURES, source

PLAN: Document = source()
KPIS: dict[str, dict[str, Any]] = {kpi["key"]: kpi for kpi in PLAN.scorecard["kpis"]}
TASKS = [task for phase in PLAN.phases for task in phase.tasks]


def test_phases_and_tasks() -> None:
    assert [(phase.number, phase.week_from, phase.week_to) for phase in PLAN.phases] == [
        (1, 1, 2), (2, 3, 4), (3, 5, 6), (4, 7, 8), (5, 9, 10), (6, 11, 12)
    ]  # fmt: skip
    assert [len(phase.tasks) for phase in PLAN.phases] == [4, 3, 3, 3, 3, 3]
    assert len(TASKS) == 19
    assert [task.title for task in TASKS if task.title.startswith("Expected")] == []


def test_every_task_names_its_section() -> None:
    assert [task.title for task in TASKS if not task.section] == []


def test_counts() -> None:
    assert len(KPIS) == 17
    assert sum("baseline" not in kpi["target"] for kpi in KPIS.values()) == 9
    assert sum("alert_threshold" not in kpi["target"] for kpi in KPIS.values()) == 11
    assert (len(PLAN.costs), len(PLAN.benefits), len(PLAN.load_profiles), len(PLAN.alert_rules)) == (3, 4, 8, 1)
    assert [item.stated_level for item in PLAN.risks] == ["high"] * 3 + ["medium"] * 2
    assert [len(item.mitigations) for item in PLAN.risks] == [3, 3, 3, 2, 2]


@pytest.mark.parametrize(
    ("key", "target", "baseline", "alert", "unit"),
    [
        ("response-time-p95", "<500", 800, 1000, "ms"),
        ("error-rate", "<0.1", 0.8, 1.0, "%"),
        ("cache-hit-rate", ">90", 70, 70, "%"),
        ("memory-usage", "<200", 250, 500, "MB"),
        ("cpu-usage", "<70", 85, 90, "%"),
        ("database-connections", "<50", 80, 100, "count"),
        ("database-query-time", "<20", 50, None, "ms"),
        ("concurrent-users", ">=500", 50, None, "count"),
        ("throughput", ">=1000", None, None, "1/s"),
        ("uptime", ">=99.9", None, None, "%"),
        ("mttr", "<5", None, None, "min"),
        ("page-load-time", "<2", None, None, "s"),
        ("user-satisfaction", ">4.5", None, None, "score"),
        ("bounce-rate-reduction", ">=25", None, None, "%"),
        ("support-ticket-reduction", ">=30", None, None, "%"),
        ("server-cost-reduction", ">=40", None, None, "%"),
        ("developer-productivity", ">=50", None, None, "%"),
    ],
)
def test_kpi(key: str, target: str, baseline: float | None, alert: float | None, unit: str) -> None:
    kpi, stated = KPIS[key], KPIS[key]["target"]
    assert f"{stated['comparator']}{stated['value']}" == target
    assert (stated.get("baseline"), stated.get("alert_threshold"), kpi["unit"]) == (baseline, alert, unit)
    assert kpi["direction"] == ("lower" if "<" in target else "higher")


@pytest.mark.parametrize(
    ("key", "stated"),
    [
        ("error-rate", "below 1 % (current performance baseline)"),
        ("cache-hit-rate", "65-75 % (current performance baseline)"),
        ("memory-usage", "150-250 MB (current performance baseline)"),
        ("concurrent-users", "50 users at most (current performance baseline)"),
    ],
)
def test_baseline_stated_in_two_ways_is_kept_in_both(key: str, stated: str) -> None:
    assert KPIS[key]["target"]["baseline_stated"] == stated


@pytest.mark.parametrize(
    ("phase", "impact", "kpi", "change"),
    [
        (1, "query-time", "database-query-time", "-60"),
        (1, "optimised-queries", None, "-70"),
        (1, "connection-handling", None, "40"),
        (1, "bulk-operations", None, "-90"),
        (2, "database-load", None, "-60"),
        (2, "response-time", "response-time-p95", "-40"),
        (3, "memory", "memory-usage", "-20"),
        (4, "response-time", "response-time-p95", "-40"),
        (4, "cpu", "cpu-usage", "-50"),
    ],
)
def test_promised_change(phase: int, impact: str, kpi: str | None, change: str) -> None:
    found = {item.key: item for item in PLAN.phases[phase - 1].impacts}[impact]
    assert (found.kpi, found.change_pct) == (kpi, D(change))


def test_other_promises() -> None:
    impacts = {(phase.number, item.key): item for phase in PLAN.phases for item in phase.impacts}
    assert len(impacts) == 16
    filtered = impacts[1, "filtered-queries"]
    assert (filtered.change_pct, filtered.change_pct_to) == (-50, -80)
    assert impacts[2, "hit-rate"].to_value == 95
    assert impacts[4, "capacity"].factor == impacts[5, "capacity"].factor == 10
    assert {key for key, item in impacts.items() if not item.kpi and item.change_pct is None} == {
        (3, "leaks"), (3, "predictable"), (6, "visibility")
    }  # fmt: skip


def test_parameters() -> None:
    pool = {task.key: task for task in TASKS}["connection-pool"]
    assert [(item.name, item.from_, item.to) for item in pool.parameters] == [
        ("pool_size", 10, 25), ("max_overflow", 20, 50), ("pool_timeout", 30, 10), ("pool_recycle", None, 3600)
    ]  # fmt: skip


def test_money() -> None:
    assert [(c.kind, c.amount, c.hours, c.stated_total, c.priority) for c in PLAN.costs] == [
        ("one_off", 24000, 240, 24000, "high"), ("monthly", 500, None, 6000, "medium"), ("monthly", 200, None, 2400, "medium")
    ]  # fmt: skip
    assert [(b.monthly_amount, b.stated_roi_pct) for b in PLAN.benefits] == [(2000, 74), (5000, 185), (1000, 37), (8000, 296)]
    stated = PLAN.roadmap.stated
    assert (stated["investment"], stated["annual_return"], stated["annual_roi_pct"]) == ("32400", "96000", "296")


def test_risks_are_placed_inside_their_stated_level() -> None:
    for item in PLAN.risks:
        place = risk.placement(item.likelihood, item.impact)
        assert place.level == item.stated_level
        assert item.placement_note


def test_load_profiles() -> None:
    assert [(p.key, [(s.users, s.hold_s) for s in p.stages], p.cooldown_s) for p in PLAN.load_profiles] == [
        ("step-50", [(50, 300)], 60), ("step-100", [(100, 300)], 60), ("step-500", [(500, 300)], 60),
        ("step-1000", [(1000, 300)], 60), ("baseline", [(100, 600)], None), ("peak", [(500, 300)], None),
        ("stress", [(1000, 120)], None), ("spike", [(100, None), (500, None)], None),
    ]  # fmt: skip
    aims = {p.key: [(a.metric, a.comparator, a.value, a.unit) for a in p.targets] for p in PLAN.load_profiles if p.targets}
    assert aims == {
        "step-500": [("latency", "<", 1, "s")],
        "step-1000": [("latency", "<", 2, "s")],
        "peak": [("availability", ">=", 99.9, "%")],
    }


def test_alert_rule_version_and_next_steps() -> None:
    rule = PLAN.alert_rules[0]
    assert (rule.kpi, rule.comparator, rule.value, rule.severity) == ("response-time-p95", ">", 1000, "high")
    head = PLAN.roadmap
    assert (head.source_version, head.source_updated, head.review_stated) == ("1.0", "December 2025", "January 2026")
    assert len(head.next_steps) == 4


def test_what_is_not_stated_stays_empty() -> None:
    assert PLAN.roadmap.discount_rate is None
    assert {task.effort_planned_h for task in TASKS} == {task.assignee for task in TASKS} == {None}
    assert [task.key for task in TASKS if task.priority] == ["query-optimisation"]
    assert not any(benefit.kpis for benefit in PLAN.benefits)
    assert not any(item.triggers or item.owner or item.treatment for item in PLAN.risks)


def test_demo_file_names_only_what_the_plan_has() -> None:
    demo = yaml.safe_load((FIXTURES / "demo.yaml").read_text(encoding="utf-8"))
    tasks = {f"{phase.number}/{task.key}" for phase in PLAN.phases for task in phase.tasks}
    assert {row["task"] for row in demo["ticks"] + demo["assignees"]} <= tasks
    assert {key for row in demo["benefits"] for key in row["kpis"]} <= set(KPIS)
    feeds = [feed["kpi"] for service in demo["services"] for probe in service["probes"] for feed in probe["feeds"]]
    assert len(feeds) == 8
    assert set(feeds) <= set(KPIS)
