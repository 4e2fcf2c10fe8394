"""Edit forms, conflicts, and the import of a file."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from roadmap.models import Roadmap
from tests.roadmap.factories import (
    FIXTURES,
    load_source,
    make_benefit,
    make_cost,
    make_impact,
    make_kpi,
    make_phase,
    make_risk,
    make_task,
)

pytestmark = pytest.mark.django_db


def text_of(response: Any) -> str:
    return response.content.decode()


def task_fields(task: Any, **fields: Any) -> dict[str, Any]:
    return {"title": task.title, "parameters": "[]", "version": task.version, **fields}


def test_task_is_edited(as_manager: Client) -> None:
    task = make_task(make_phase())
    url = reverse("roadmap:task-edit", args=[task.pk])
    answer = as_manager.post(url, task_fields(task, title="Add indexes", effort_planned_h="12"))
    assert answer["Location"] == f"/roadmaps/{task.phase.roadmap.slug}/phases/1/#task-{task.pk}"
    task.refresh_from_db()
    assert (task.title, task.effort_planned_h, task.version) == ("Add indexes", Decimal(12), 2)


def test_second_editor_sees_both_and_loses_nothing(as_manager: Client) -> None:
    task = make_task(make_phase())
    url = reverse("roadmap:task-edit", args=[task.pk])
    as_manager.post(url, task_fields(task, title="First"))
    answer = as_manager.post(url, task_fields(task, title="Second"))
    told = text_of(answer)
    assert answer.status_code == 409
    assert "Somebody else changed this meanwhile" in told
    assert '<td class="mid">First</td><td><b>Second</b></td>' in told
    assert 'name="version" value="2"' in told
    as_manager.post(url, task_fields(task, title="Second", version=2))
    task.refresh_from_db()
    assert (task.title, task.version) == ("Second", 3)


def test_wrong_input_is_told_below_its_field(as_manager: Client) -> None:
    risk = make_risk()
    fields = {"title": "R", "likelihood": "6", "impact": "4", "status": "open", "version": "1"}
    told = text_of(as_manager.post(reverse("roadmap:risk-edit", args=[risk.pk]), fields))
    assert "less than or equal to 5" in told


def test_risk_listens_to_kpis(as_manager: Client) -> None:
    risk = make_risk()
    kpi = make_kpi(risk.roadmap.scorecard)
    fields = {"title": "R", "likelihood": "5", "impact": "4", "status": "open", "version": "1", "triggers": [kpi.pk]}
    assert as_manager.post(reverse("roadmap:risk-edit", args=[risk.pk]), fields).status_code == 302
    assert [trigger.kpi for trigger in risk.triggers.all()] == [kpi]


def test_benefit_rests_on_kpis(as_manager: Client) -> None:
    benefit = make_benefit()
    make_kpi(benefit.roadmap.scorecard, key="uptime")
    url = reverse("roadmap:benefit-edit", args=[benefit.pk])
    fields = {"name": "Revenue", "monthly_amount": "8000", "version": "1"}
    assert "No KPI of the scorecard has the key" in text_of(as_manager.post(url, {**fields, "rests_on": "nothing = 1"}))
    assert as_manager.post(url, {**fields, "rests_on": "uptime = 30"}).status_code == 302
    assert [(link.kpi.key, link.weight) for link in benefit.links.all()] == [("uptime", Decimal(30))]


def test_cost_is_booked(as_manager: Client) -> None:
    cost = make_cost()
    as_manager.post(reverse("roadmap:cost-book", args=[cost.pk]), {"booked_on": "2026-10-03", "amount": "70", "note": "October"})
    assert [(entry.amount, entry.note) for entry in cost.entries.all()] == [(Decimal(70), "October")]


def test_impact_without_a_kpi_is_confirmed(as_manager: Client) -> None:
    impact = make_impact(make_phase())
    as_manager.post(reverse("roadmap:impact-confirm", args=[impact.pk]), {"evidence": "Seen in the logs"})
    impact.refresh_from_db()
    assert (impact.evidence, impact.confirmed_by.username if impact.confirmed_by else "") == ("Seen in the logs", "manager")


def upload(client: Client, content: bytes) -> Any:
    return client.post(reverse("roadmap:roadmap-import"), {"file": SimpleUploadedFile("plan.yaml", content), "starts_on": ""})


def test_import_previews_then_applies(as_manager: Client) -> None:
    content = (FIXTURES / "roadmap.yaml").read_bytes()
    preview = upload(as_manager, content)
    assert "What it would do" in text_of(preview)
    assert not Roadmap.objects.exists()
    fields = {"apply": "yes", "text": preview.context["text"], "starts_on": "2026-09-28"}
    answer = as_manager.post(reverse("roadmap:roadmap-import"), fields)
    assert answer["Location"] == "/roadmaps/fastapi-easy-performance/"
    assert Roadmap.objects.get().phases.count() == 6


@pytest.mark.parametrize("content", [b"format: other/1", b"\xff\xfe", b"- [", b"phases: 3"])
def test_import_of_something_else_is_told(as_manager: Client, content: bytes) -> None:
    answer = upload(as_manager, content)
    assert answer.status_code == 200
    assert not Roadmap.objects.exists()


def test_import_keeps_what_people_changed(as_manager: Client) -> None:
    roadmap = load_source()
    roadmap.phases.filter(number=1).update(name="Our own name")
    told = text_of(upload(as_manager, (FIXTURES / "roadmap.yaml").read_bytes()))
    assert "Kept as people changed it" in told
