from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from roadmap import closing
from roadmap.models import Gate, GateWaiver
from tests.factories import People
from tests.roadmap.factories import load_source

pytestmark = pytest.mark.django_db


@pytest.fixture
def gate() -> Gate:
    load_source()
    return Gate.objects.select_related("phase__roadmap").order_by("pk")[0]


def ask(gate: Gate, people: People, actor: Any = None) -> GateWaiver:
    now = timezone.now()
    return closing.request_waiver(
        gate=gate, actor=actor or people.manager, reason="no data yet", expires_at=now + timedelta(days=9), now=now
    )


def test_what_waits_at_the_gates_is_decided_in_place(gate: Gate, people: People, as_approver: Client) -> None:
    row = ask(gate, people)
    assert "1 decision waits for you." in as_approver.get("/approvals/").content.decode()
    part = {"HX-Request": "true", "HX-Target": "gate-waivers"}
    before = as_approver.get("/gate-waivers/", headers=part).content.decode()
    assert before.lstrip().startswith('<div id="gate-waivers">')
    assert "not done" in before  # what is missing at the gate
    form = {"decision": "approve", "note": "agreed", "next": "/gate-waivers/"}
    after = as_approver.post(f"/gate-waivers/{row.pk}/decide/", form, headers=part, follow=True).content.decode()
    assert "The waiver is approved." in after
    assert "“agreed”" in after
    assert 'value="approve"' not in after


def test_page_works_without_scripts(gate: Gate, people: People, as_approver: Client) -> None:
    ask(gate, people)
    assert "1 gate waits for you." in as_approver.get("/gate-waivers/").content.decode()
    assert 'href="/gate-waivers/"' in as_approver.get("/approvals/").content.decode()


def test_own_request_waits_for_others(gate: Gate, people: People, as_approver: Client) -> None:
    ask(gate, people, actor=people.approver)
    page = as_approver.get("/gate-waivers/").content.decode()
    assert "An approver other than you decides." in page
    assert "Nothing waits for your decision." in as_approver.get("/approvals/").content.decode()


@pytest.mark.parametrize(("hours", "said"), [(-1, "has lapsed"), (71, "</a> ends</b>"), (73, "")])
def test_end_and_lapse_are_told(gate: Gate, people: People, as_viewer: Client, hours: int, said: str) -> None:
    row = closing.approve_waiver(waiver=ask(gate, people), actor=people.approver, now=timezone.now())
    GateWaiver.objects.filter(pk=row.pk).update(expires_at=timezone.now() + timedelta(hours=hours))
    page = as_viewer.get("/gate-waivers/").content.decode()
    assert [word for word in ("has lapsed", "</a> ends</b>") if word in page] == ([said] if said else [])


@pytest.mark.parametrize("how_many", [1, 30])
def test_queries_do_not_grow(
    how_many: int, gate: Gate, people: People, as_approver: Client, django_assert_num_queries: Any
) -> None:
    for _ in range(how_many):
        ask(gate, people)
    with django_assert_num_queries(19):
        as_approver.get("/gate-waivers/", headers={"HX-Request": "true", "HX-Target": "gate-waivers"})
