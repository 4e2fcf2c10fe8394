"""Dates and numbers that no page can be drawn of are refused where they come in, by every way."""

from __future__ import annotations

from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from roadmap import document, loading
from roadmap.document import Malformed
from roadmap.models import Benefit, Cost, Impact, Mitigation, Risk, Roadmap, Task
from tests.roadmap.factories import FIXTURES, NOW, load_source, source

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}
PLAN = "roadmaps/fastapi-easy-performance/"
DAYS = ("0001-01-01", "0026-10-05", "1999-12-31", "2100-01-01", "9999-12-31")
WRONG = [
    *((PLAN, name, day) for name in ("starts_on", "review_on") for day in DAYS),
    *((PLAN, "discount_rate", rate) for rate in ("-1", "-0.0001", "10.0001", "NaN")),
    *((f"{PLAN}phases/1/", name, day) for name in ("started_on", "finished_on") for day in DAYS),
    *((f"{PLAN}phases/1/", name, week) for name in ("week_from", "week_to") for week in (0, 521, 10**15)),
    *((f"{PLAN}phases/1/", "number", number) for number in (-1, 1_001, 10**15)),
    *(("tasks/{task}/", "due_on", day) for day in DAYS),
    *(("tasks/{task}/", "position", place) for place in (-1, 32_768, 10**20)),
    *(("impacts/{impact}/", "to_value", value) for value in ("NaN", "Infinity", "-1e101")),
    *(("mitigations/{mitigation}/", "due_on", day) for day in DAYS),
    *(("risks/{risk}/", "review_on", day) for day in DAYS),
    *(("costs/{cost}/", name, "-1") for name in ("hours", "rate", "amount")),
    ("benefits/{benefit}/", "monthly_amount", "-0.01"),
    *(("tasks/{task}/", "parameters", shape) for shape in ("x", {}, [1], [{"from": 1}], [{"name": "a", "other": 1}])),
    *((PLAN, "next_steps", shape) for shape in ("x", {}, [1])),
    *(("tasks/{task}/", name, "-1") for name in ("effort_planned_h", "effort_spent_h")),
    *(("risks/{risk}/", "likelihood", level) for level in (0, 6)),
]


@pytest.fixture
def plan() -> Roadmap:
    return load_source()


def address(where: str) -> str:
    rows = {"task": Task, "impact": Impact, "cost": Cost, "benefit": Benefit, "risk": Risk, "mitigation": Mitigation}
    first = {name: model._default_manager.order_by("pk").values_list("pk", flat=True)[0] for name, model in rows.items()}
    return f"/api/v1/{where.format(**first)}"


def test_what_lies_outside_is_refused_by_its_field(as_manager: Client, plan: Roadmap) -> None:
    for where, field, value in WRONG:
        answer = as_manager.patch(address(where), {field: value}, **JSON)
        assert (answer.status_code, [one["path"] for one in answer.json()["errors"]]) == (422, [f"$.{field}"]), (field, value)


def test_a_plan_whose_lists_were_emptied_is_exported(as_manager: Client, plan: Roadmap) -> None:
    Task.objects.update(parameters={})
    Roadmap.objects.update(next_steps="")
    assert as_manager.get(address(f"{PLAN}export/")).status_code == 200


@pytest.mark.parametrize("day", DAYS)
def test_a_booking_lies_within_the_calendar_too(as_manager: Client, plan: Roadmap, day: str) -> None:
    answer = as_manager.post(address("costs/{cost}/entries/"), {"booked_on": day, "amount": "1"}, **JSON)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "$.booked_on")


@pytest.mark.parametrize(
    "fields",
    [
        {"starts_on": "2000-01-01", "discount_rate": "0"},
        {"starts_on": "2099-12-31", "discount_rate": "10"},
    ],
)
def test_pages_stand_at_both_ends(as_manager: Client, plan: Roadmap, fields: dict[str, str]) -> None:
    assert as_manager.patch(address(PLAN), fields, **JSON).status_code == 200
    assert as_manager.patch(address(f"{PLAN}phases/6/"), {"week_to": 520}, **JSON).status_code == 200
    pages = [reverse("roadmap:overview"), *(f"/roadmaps/{plan.slug}/{part}" for part in ("", "roi/", "risks/", "phases/6/"))]
    found = [*pages, *(address(f"{PLAN}{part}") for part in ("", "roi/", "findings/", "export/"))]
    assert {url: as_manager.get(url).status_code for url in found} == dict.fromkeys(found, 200)


@pytest.mark.parametrize(("field", "value"), [("starts_on", "0026-10-05"), ("review_on", "9999-12-31"), ("discount_rate", "-1")])
def test_the_form_says_it_beside_the_field(as_manager: Client, plan: Roadmap, field: str, value: str) -> None:
    fields = {"name": "P", "starts_on": "2026-10-05", "currency": "USD", "version": plan.version, field: value}
    answer = as_manager.post(reverse("roadmap:roadmap-edit", args=[plan.slug]), fields)
    assert (answer.status_code, list(answer.context["form"].errors)) == (200, [field])


def changed(path: str, value: Any) -> dict[str, Any]:
    """The delivered file with one value changed, by its path."""
    data: Any = document.msgspec.to_builtins(source())
    at, *way = path.replace("[", ".").replace("]", "").split(".")[1:]
    here, name = data, at
    for step in way:
        here, name = here[int(name) if name.isdigit() else name], step
    here[name] = value
    return dict(data)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("$.roadmap.starts_on", date(1, 1, 1), "$.roadmap.starts_on"),
        ("$.roadmap.state_changed_at", "0001-01-01T00:00:00+14:00", "$.roadmap.state_changed_at"),
        ("$.roadmap.discount_rate", "-1", "roadmap"),
        ("$.roadmap.discount_rate", "NaN", "roadmap"),
        ("$.phases[0].week_to", 10**12, "$.phases[0].week_to"),
        ("$.phases[0].tasks[1].due_on", date(26, 1, 1), "$.phases[0].tasks[1].due_on"),
        ("$.phases[0].impacts[0].to_value", float("nan"), "impact 1/query-time"),
        ("$.costs[0].entries", [{"booked_on": date(9999, 1, 1), "amount": 1}], "$.costs[0].entries[0].booked_on"),
        ("$.costs[0].entries", [{"booked_on": date(2026, 1, 1), "amount": "1e30"}], "cost development: entries"),
        ("$.benefits[0].kpis", [{"kpi": "error-rate", "weight": "0.0001"}], "benefit server-costs: kpis"),
        ("$.risks[0].review_on", date(2100, 1, 1), "$.risks[0].review_on"),
        ("$.load_profiles[0].cooldown_s", -1, "load profile step-50"),
    ],
)
def test_a_file_is_refused_by_its_place(path: str, value: Any, told: str) -> None:
    with pytest.raises(Malformed) as refused:
        loading.load(document.parse(changed(path, value)), now=NOW)
    assert refused.value.path == told
    assert not Roadmap.objects.exists()


@pytest.mark.parametrize("day", ["0026-10-05", "9999-12-31"])
def test_a_start_beside_the_file_is_held_to_the_same(day: str) -> None:
    with pytest.raises(CommandError, match="starts_on: a day from 2000-01-01 to 2099-12-31"):
        call_command("load_roadmap", str(Path(FIXTURES) / "roadmap.yaml"), "--start", day, stdout=StringIO())
