"""What pages show, from the roadmap that is delivered and from small plans."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from kpis.points import Point
from kpis.recording import record
from roadmap import working
from roadmap.judging import standings_of
from roadmap.models import BenefitKpi, CostEntry, Mitigation, RiskTrigger, Roadmap, Task
from roadmap.reports.money import money
from roadmap.reports.overview import benefit_bars, overview
from roadmap.reports.phases import plan
from roadmap.reports.risks import risks
from roadmap.reports.tasks import task_rows
from tests.kpis.factories import make_target
from tests.roadmap.factories import (
    NOW,
    load_source,
    make_benefit,
    make_cost,
    make_impact,
    make_kpi,
    make_phase,
    make_risk,
    make_roadmap,
    make_task,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    return User.objects.create(username="manager", first_name="Project", last_name="Manager")


def plan_of(roadmap: Roadmap, **options: Any) -> Any:
    return plan(roadmap, standings_of(roadmap, NOW), now=NOW, **options)


def test_task_row_says_who_and_when(person: User) -> None:
    task = make_task(make_phase(), priority="high", assignee=person)
    working.tick(task=task, actor=person, now=NOW)
    [row] = task_rows(Task.objects.all())
    assert (row.state, row.changed_at, row.before, row.version) == ("done", NOW, "to_do", 2)
    assert row.changed_by is not None
    assert (row.changed_by.name, row.changed_by.initials) == ("Project Manager", "PM")


def test_plan_of_the_delivered_roadmap() -> None:
    report = plan_of(load_source())
    assert (len(report.phases), report.progress.total, report.weeks, report.week) == (6, 19, 12, 8)
    assert [len(phase.tasks) for phase in report.phases] == [4, 3, 3, 3, 3, 3]
    assert report.progress.weighted_by == "count"
    assert (report.span.last, report.days_left) == (date(2026, 12, 20), 31)


def test_two_of_four_is_half(person: User) -> None:
    phase = make_phase()
    for task in [make_task(phase) for _ in range(4)][:2]:
        working.tick(task=task, actor=person, now=NOW)
    report = plan_of(phase.roadmap)
    assert report.phases[0].progress.share == Decimal("0.5")
    assert report.phases[0].state == "open"


def test_late_days_are_those_of_the_longest_overdue_phase() -> None:
    roadmap = make_roadmap(starts_on=NOW.date() - timedelta(days=18))
    make_task(make_phase(roadmap))
    make_task(make_phase(roadmap))
    report = plan_of(roadmap)
    assert [phase.slip_days for phase in report.phases] == [5, 0]
    assert report.late_days == 5


def test_gate_lists_its_criteria() -> None:
    phase = make_phase()
    make_task(phase)
    make_impact(phase, kpi=make_kpi(phase.roadmap.scorecard, name="Latency"))
    make_impact(phase, statement="Nobody waits")
    gate = plan_of(phase.roadmap).phases[0].gate
    assert [(row.text, row.word) for row in gate.criteria] == [
        ("Every task is done or dropped", "Failed"),
        ("Latency meets its target", "Not known"),
        ("Nobody waits", "Not known"),
    ]
    assert (gate.state, gate.held) == ("failed", 0)


def test_money_of_the_delivered_roadmap() -> None:
    roadmap = load_source()
    report = money(roadmap, standings_of(roadmap, NOW), now=NOW)
    assert (report.summary.investment, report.summary.returned) == (Decimal(32400), Decimal(192000))
    assert (report.summary.payback_month, report.payback_on) == (2, date(2026, 11, 1))
    assert report.rate.unknown == report.rate.planned == Decimal(16000)
    assert [(row.stated, row.computed, row.agrees) for row in report.stated[:3]] == [
        ("$32,400", "$32,400", True),
        ("$96,000", "$192,000", False),
        ("296 %", "493 %", False),
    ]
    assert report.stated[2].why == ("296 % is 96,000 ÷ 32,400, a return ratio of the stated return; as ROI it would be 196 %")


def test_money_counts_what_was_booked() -> None:
    cost = make_cost()
    CostEntry.objects.create(cost=cost, booked_on=date(2026, 10, 3), amount=Decimal(70))
    CostEntry.objects.create(cost=cost, booked_on=date(2026, 11, 3), amount=Decimal(-20))
    report = money(cost.roadmap, {}, now=NOW)
    assert report.booked == Decimal(50)
    assert [(row.first, row.booked, row.cumulative) for row in report.months] == [
        (date(2026, 10, 1), Decimal(70), Decimal(-70)),
        (date(2026, 11, 1), Decimal(-20), Decimal(-50)),
    ]


def test_money_of_an_empty_plan() -> None:
    report = money(make_roadmap(), {}, now=NOW)
    assert (report.empty, report.summary.roi, report.rate.realisation) == (True, None, None)


def test_risks_of_the_delivered_roadmap() -> None:
    roadmap = load_source()
    report = risks(roadmap, standings_of(roadmap, NOW), now=NOW)
    assert len(report.rows) == 5
    assert sum(row.total for row in report.rows) == 13
    assert report.triggered == ()
    assert sorted(dot.text for dot in report.matrix.dots) == ["R1", "R2", "R3", "R4", "R5"]


def test_triggered_risk_names_the_run_that_triggered_it_until_the_kpi_recovers() -> None:
    roadmap = make_roadmap()
    kpi = make_kpi(roadmap.scorecard, unit="count", aggregation="last", freshness_s=3600)
    make_target(kpi, "<", 50, alert_threshold=100)
    RiskTrigger.objects.create(risk=make_risk(roadmap, residual_likelihood=1, residual_impact=4), kpi=kpi)

    def seen(minute: int, value: float) -> Any:
        at = NOW + timedelta(minutes=minute)
        record([Point(kpi=kpi, subject="orders", at=at, value=value, origin=f"run:{minute}")], now=at)
        return risks(roadmap, standings_of(roadmap, at), now=at).rows[0].judged

    assert seen(1, 80).triggered is False
    assert seen(2, 104).triggered is True
    [hit] = seen(3, 121).triggered_by
    assert (hit.origin, hit.measured, hit.measured_at, hit.actual) == ("run:2", "104", NOW + timedelta(minutes=2), "121")
    assert (seen(4, 80).triggered, seen(5, 80).status) == (False, "open")
    assert [hit.origin for hit in seen(6, 130).triggered_by] == ["run:6"]


def test_risks_overdue_review_and_mitigation() -> None:
    risk = make_risk(review_on=NOW.date() - timedelta(days=5))
    Mitigation.objects.create(risk=risk, key="cap", text="Cap the pool", due_on=NOW.date() - timedelta(days=2))
    [row] = risks(risk.roadmap, {}, now=NOW).rows
    assert (row.overdue_days, row.mitigations[0].late_days, row.done, row.total) == (5, 2, 0, 1)


def test_overview_says_what_the_figures_disagree_on() -> None:
    report = overview(load_source(), now=NOW)
    assert report.headline == "39 days behind plan, and 17 KPIs wait for their first measurement."
    assert report.agree[0].text == "Return, 12 months: stated $96,000, computed $192,000"
    assert (len(report.standings), report.met) == (17, 0)


def test_benefit_columns_are_as_high_as_their_share_and_their_amounts_as_wide_as_they() -> None:
    roadmap = make_roadmap()
    make_benefit(roadmap, monthly_amount=Decimal(1_234_567))
    [*_, rate] = benefit_bars(money(roadmap, {}, now=NOW))
    assert (rate.planned, rate.realised) == ("of $1.23M", "$0")
    assert (rate.planned_y, rate.unknown_y, rate.realised_y) == (44, 44, 190)


def filled(rows: int) -> Roadmap:
    roadmap = make_roadmap()
    for _ in range(rows):
        kpi = make_kpi(roadmap.scorecard)
        phase = make_phase(roadmap)
        make_impact(phase, kpi=kpi)
        make_task(phase)
        make_cost(roadmap)
        BenefitKpi.objects.create(benefit=make_benefit(roadmap), kpi=kpi)
        RiskTrigger.objects.create(risk=make_risk(roadmap), kpi=kpi)
    return roadmap


@pytest.mark.parametrize("rows", [1, 30])
def test_overview_asks_the_same_number_of_queries(rows: int) -> None:
    roadmap = filled(rows)
    with CaptureQueriesContext(connection) as queries:
        overview(roadmap, now=NOW)
    assert len(queries) == 25
