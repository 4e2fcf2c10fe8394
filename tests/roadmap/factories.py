"""Rows of a plan, as small as a test needs them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from kpis.models import KPI, Scorecard
from roadmap import document, loading
from roadmap.models import Benefit, Cost, Gate, Impact, Phase, Risk, Roadmap, Task

NOW = datetime(2026, 11, 19, 14, 32, tzinfo=UTC)
START = date(2026, 9, 28)
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
numbers = count(1)


def source() -> document.Document:
    """The roadmap file that is delivered."""
    return document.read((FIXTURES / "roadmap.yaml").read_bytes())


def load_source(**options: Any) -> Roadmap:
    loading.load(source(), **{"now": NOW, "starts_on": START, **options})
    return Roadmap.objects.get(slug="fastapi-easy-performance")


def make_kpi(scorecard: Scorecard, **fields: Any) -> KPI:
    key = fields.pop("key", f"kpi-{next(numbers)}")
    return KPI.objects.create(**{"scorecard": scorecard, "key": key, "name": key, "unit": "ms", "direction": "lower", **fields})


def make_roadmap(**fields: Any) -> Roadmap:
    number = next(numbers)
    if "scorecard" not in fields:
        fields["scorecard"] = Scorecard.objects.create(slug=f"card-{number}", name=f"Card {number}")
    return Roadmap.objects.create(**{"slug": f"plan-{number}", "name": f"Plan {number}", "starts_on": START, **fields})


def make_phase(roadmap: Roadmap | None = None, **fields: Any) -> Phase:
    roadmap = roadmap or make_roadmap()
    number = fields.pop("number", roadmap.phases.count() + 1)
    weeks = {"week_from": 2 * number - 1, "week_to": 2 * number}
    phase = Phase.objects.create(**{"roadmap": roadmap, "number": number, "name": f"Phase {number}", **weeks, **fields})
    Gate.objects.create(phase=phase)
    return phase


def make_task(phase: Phase | None = None, **fields: Any) -> Task:
    number = next(numbers)
    return Task.objects.create(**{"phase": phase or make_phase(), "key": f"task-{number}", "title": f"Task {number}", **fields})


def make_impact(phase: Phase, **fields: Any) -> Impact:
    number = next(numbers)
    return Impact.objects.create(**{"phase": phase, "key": f"impact-{number}", "statement": f"Impact {number}", **fields})


def make_cost(roadmap: Roadmap | None = None, **fields: Any) -> Cost:
    number = next(numbers)
    shape = {"key": f"cost-{number}", "name": f"Cost {number}", "kind": "one_off", "amount": Decimal(100)}
    return Cost.objects.create(**{"roadmap": roadmap or make_roadmap(), **shape, **fields})


def make_benefit(roadmap: Roadmap | None = None, **fields: Any) -> Benefit:
    number = next(numbers)
    shape = {"key": f"benefit-{number}", "name": f"Benefit {number}", "monthly_amount": Decimal(100)}
    return Benefit.objects.create(**{"roadmap": roadmap or make_roadmap(), **shape, **fields})


def make_risk(roadmap: Roadmap | None = None, **fields: Any) -> Risk:
    number = next(numbers)
    shape = {"key": f"risk-{number}", "title": f"Risk {number}", "likelihood": 3, "impact": 4}
    return Risk.objects.create(**{"roadmap": roadmap or make_roadmap(), **shape, **fields})
