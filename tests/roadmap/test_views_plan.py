"""Pages of the plan: who sees what, and what a plain form or htmx does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from roadmap.models import Roadmap, Task
from tests.roadmap.factories import load_source, make_benefit, make_cost, make_phase, make_risk, make_roadmap, make_task

pytestmark = pytest.mark.django_db


def text_of(response: Any) -> str:
    return response.content.decode()


def filled(rows: int) -> Roadmap:
    roadmap = make_roadmap(state="active")
    for _ in range(rows):
        make_task(make_phase(roadmap))
        make_cost(roadmap)
        make_benefit(roadmap)
        make_risk(roadmap)
    return roadmap


def test_overview_without_a_roadmap_says_what_to_do(as_manager: Client, as_viewer: Client) -> None:
    assert "Import a roadmap" in text_of(as_manager.get("/"))
    assert "Ask a manager" in text_of(as_viewer.get("/"))


def test_overview_shows_the_delivered_roadmap(as_viewer: Client) -> None:
    load_source()
    told = text_of(as_viewer.get("/"))
    for expected in ("Database optimisation", "0 of 19 tasks", "stated $96,000, computed $192,000", "never measured"):
        assert expected in told


def test_overview_renews_itself_only_when_something_changed(as_viewer: Client) -> None:
    load_source()
    first = as_viewer.get("/", headers={"HX-Request": "true", "HX-Target": "overview"})
    assert text_of(first).lstrip().startswith('<div id="overview"')
    again = as_viewer.get("/", headers={"HX-Request": "true", "HX-Target": "overview", "If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    make_task(Roadmap.objects.get().phases.all()[0])
    changed = as_viewer.get("/", headers={"HX-Request": "true", "HX-Target": "overview", "If-None-Match": first["ETag"]})
    assert changed.status_code == 200


@pytest.mark.parametrize(
    ("name", "queries"), [("overview", 23), ("roadmap-detail", 11), ("roi", 10), ("risks", 9), ("roadmap-list", 5)]
)
@pytest.mark.parametrize("rows", [1, 30])
def test_pages_ask_the_same_number_of_queries(as_manager: Client, name: str, queries: int, rows: int) -> None:
    roadmap = filled(rows)
    url = reverse(f"roadmap:{name}", args=[] if name in ("overview", "roadmap-list") else [roadmap.slug])
    with CaptureQueriesContext(connection) as asked:
        assert as_manager.get(url).status_code == 200
    assert len(asked) == queries


def test_roadmap_opens_the_phase_that_is_asked_for(as_viewer: Client) -> None:
    roadmap = load_source()
    told = text_of(as_viewer.get(reverse("roadmap:roadmap-detail", args=[roadmap.slug]), {"open": "3"}))
    assert 'id="phase-3" open>' in told
    assert 'id="phase-1">' in told


def test_roadmap_answers_one_phase_to_htmx(as_viewer: Client) -> None:
    roadmap = load_source()
    url = reverse("roadmap:roadmap-detail", args=[roadmap.slug])
    told = text_of(as_viewer.get(url, headers={"HX-Request": "true", "HX-Target": "phase-2"}))
    assert told.count('<details class="ph"') == 1
    assert 'hx-swap-oob="true"' in told


def test_viewer_sees_no_buttons(as_viewer: Client, as_manager: Client) -> None:
    roadmap = load_source()
    url = reverse("roadmap:roadmap-detail", args=[roadmap.slug])
    assert "formaction" not in text_of(as_viewer.get(url))
    assert "formaction" in text_of(as_manager.get(url))


@pytest.mark.parametrize("name", ["task-state", "task-edit", "risk-edit", "cost-edit", "benefit-edit"])
def test_viewer_may_not_write(as_viewer: Client, name: str) -> None:
    make_task()
    make_risk()
    make_cost()
    make_benefit()
    assert as_viewer.post(reverse(f"roadmap:{name}", args=[1])).status_code == 403


def test_tick_goes_back_to_the_task(as_manager: Client, people: Any) -> None:
    task = make_task(make_phase())
    here = reverse("roadmap:roadmap-detail", args=[task.phase.roadmap.slug])
    answer = as_manager.post(reverse("roadmap:task-state", args=[task.pk]), {"move": "done.1", "next": f"{here}?open=1"})
    assert (answer.status_code, answer["Location"]) == (302, f"{here}?open=1#task-{task.pk}")
    task.refresh_from_db()
    assert (task.state, task.state_changed_by) == ("done", people.manager)


@pytest.mark.parametrize("away", ["https://example.com/", "//example.com/", "javascript:alert(1)"])
def test_tick_goes_nowhere_else(as_manager: Client, away: str) -> None:
    task = make_task(make_phase())
    answer = as_manager.post(reverse("roadmap:task-state", args=[task.pk]), {"move": "done.1", "next": away})
    assert answer["Location"].startswith(f"/roadmaps/{task.phase.roadmap.slug}/")


def test_two_of_four_shows_half(as_manager: Client) -> None:
    phase = make_phase()
    for task in [make_task(phase) for _ in range(4)][:2]:
        as_manager.post(reverse("roadmap:task-state", args=[task.pk]), {"move": "done.1"})
    told = text_of(as_manager.get(reverse("roadmap:phase-detail", args=[phase.roadmap.slug, 1])))
    assert "50 %, weighted by count" in told


def test_undo_and_a_stale_move(as_manager: Client) -> None:
    task = make_task(make_phase())
    url = reverse("roadmap:task-state", args=[task.pk])
    as_manager.post(url, {"move": "blocked.1"})
    stale = as_manager.post(url, {"move": "dropped.1"}, follow=True)
    assert "Somebody else changed this meanwhile" in text_of(stale)
    as_manager.post(url, {"move": "undo.2"})
    assert Task.objects.get().state == "to_do"


def test_phase_shows_what_its_tasks_say(as_viewer: Client) -> None:
    roadmap = load_source()
    told = text_of(as_viewer.get(reverse("roadmap:phase-detail", args=[roadmap.slug, 1])))
    for expected in ("pool_size", "Exit gate", "not stated", "It cannot be closed"):
        assert (expected in told) == (expected != "It cannot be closed")


def test_phase_closes_at_a_passed_gate(as_manager: Client) -> None:
    phase = make_phase()
    make_task(phase, state="done")
    url = reverse("roadmap:phase-close", args=[phase.roadmap.slug, 1])
    assert "is closed" in text_of(as_manager.post(url, {"version": "1"}, follow=True))
    phase.refresh_from_db()
    assert phase.finished_on is not None


def test_phase_waiver_is_asked_for_and_approved(as_manager: Client, as_approver: Client) -> None:
    phase = make_phase()
    make_task(phase)
    url = reverse("roadmap:waiver-request", args=[phase.roadmap.slug, 1])
    as_manager.post(url, {"reason": "Not needed yet", "expires_on": "2099-01-31"})
    assert not phase.gate.waivers.exists()  # at most a year
    as_manager.post(url, {"reason": "Not needed yet", "expires_on": f"{timezone.now() + timedelta(days=30):%Y-%m-%d}"})
    waiver = phase.gate.waivers.get()
    assert as_manager.post(reverse("roadmap:waiver-decide", args=[waiver.pk]), {"decision": "approve"}).status_code == 403
    told = text_of(as_approver.post(reverse("roadmap:waiver-decide", args=[waiver.pk]), {"decision": "approve"}, follow=True))
    assert "rests on a waiver" in told


def test_export_is_a_file(as_viewer: Client) -> None:
    roadmap = load_source()
    answer = as_viewer.get(reverse("roadmap:roadmap-export", args=[roadmap.slug]))
    assert answer["Content-Disposition"] == 'attachment; filename="fastapi-easy-performance.yaml"'
    assert text_of(answer).startswith("format: milepost-roadmap/1")
