from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from kpis import targets, waivers
from kpis.models import KPI, Decision
from tests.factories import People
from tests.kpis.factories import make_kpi, make_target, record_values

pytestmark = [pytest.mark.django_db, pytest.mark.databases]


@pytest.fixture
def kpi() -> KPI:
    found = make_kpi("latency", name="Latency")
    make_target(found, "<", 500, baseline=850)
    record_values(found, [480], until=timezone.now())
    return found


def propose(kpi: KPI, people: People, **fields: Any) -> Any:
    asked = {"comparator": "<", "value": 450, "baseline": 850, "rationale": "tighter", "actor": people.engineer} | fields
    return targets.propose(kpi=kpi, **asked)


def ask(kpi: KPI, people: People, **fields: Any) -> Any:
    now = timezone.now()
    asked = {"reason": "cache is rebuilt", "expires_at": now + timedelta(days=9), "actor": people.engineer} | fields
    return waivers.request_waiver(kpi=kpi, now=now, **asked)


def test_what_waits_stands_beside_what_is_in_force(kpi: KPI, people: People, as_approver: Client) -> None:
    propose(kpi, people)
    ask(kpi, people)
    page = as_approver.get("/approvals/").content.decode()
    assert "2 decisions wait for you." in page
    assert '<span class="n hot" id="nav-approvals">2' in page
    for said in ("&lt; 500", "&lt; 450", "tighter", "cache is rebuilt", "everywhere", "and by this target"):
        assert said in page


def test_decision_in_place_answers_with_the_part_alone(kpi: KPI, people: People, as_approver: Client) -> None:
    row = propose(kpi, people)
    form = {"decision": "approve", "note": "agreed", "next": "/approvals/"}
    part = as_approver.post(
        f"/targets/{row.pk}/decide/", form, headers={"HX-Target": "approvals", "HX-Request": "true"}, follow=True
    )
    told = part.content.decode()
    assert told.lstrip().startswith('<div id="approvals">')
    assert "is approved." in told
    assert "Nothing waits for your decision." in told
    assert "“agreed”" in told


def test_one_that_was_decided_meanwhile_is_told(kpi: KPI, people: People, as_approver: Client, as_admin: Client) -> None:
    row = ask(kpi, people)
    form = {"decision": "approve", "next": "/approvals/"}
    as_admin.post(f"/waivers/{row.pk}/decide/", form)
    told = as_approver.post(f"/waivers/{row.pk}/decide/", form | {"decision": "reject"}, follow=True).content.decode()
    assert "Administrator was first: this waiver is already approved." in told
    row.refresh_from_db()
    assert (row.decision, row.decided_by) == (Decision.APPROVED, people.administrator)


def test_own_proposal_waits_for_others_and_can_be_withdrawn(kpi: KPI, people: People, as_approver: Client) -> None:
    row = propose(kpi, people, actor=people.approver)
    page = as_approver.get("/approvals/").content.decode()
    assert "Nothing waits for your decision." in page
    assert "Yours, for somebody else to decide" in page
    assert 'value="approve"' not in page
    as_approver.post(f"/targets/{row.pk}/decide/", {"decision": "withdraw", "next": "/approvals/"})
    row.refresh_from_db()
    assert row.decision == Decision.WITHDRAWN


def test_the_count_in_the_navigation_is_there_to_be_renewed_where_nothing_waits(as_approver: Client) -> None:
    assert '<span class="n hot" id="nav-approvals"></span>' in as_approver.get("/approvals/").content.decode()
    renewed = as_approver.get("/approvals/", headers={"HX-Request": "true", "HX-Target": "approvals"}).content.decode()
    assert '<span class="n hot" id="nav-approvals" hx-swap-oob="true"></span>' in renewed


def test_viewer_reads_and_finds_no_buttons(kpi: KPI, people: People, as_viewer: Client) -> None:
    propose(kpi, people)
    page = as_viewer.get("/approvals/").content.decode()
    assert "1 proposal waits for an approver." in page
    assert 'name="decision"' not in page
    assert "nav-approvals" not in page


def test_self_approval_offers_ones_own(kpi: KPI, people: People, as_approver: Client, settings: Any) -> None:
    settings.ALLOW_SELF_APPROVAL = True
    propose(kpi, people, actor=people.approver)
    page = as_approver.get("/approvals/").content.decode()
    assert "1 decision waits for you." in page
    assert "Your own: the history will show it." in page


def test_proposal_of_an_archived_kpi_waits_for_nobody(kpi: KPI, people: People, as_approver: Client) -> None:
    propose(kpi, people)
    KPI.objects.update(archived_at=timezone.now())
    assert "Nothing waits for your decision." in as_approver.get("/approvals/").content.decode()


def test_empty_page_says_what_will_come(as_approver: Client) -> None:
    assert "Proposed targets and waivers appear here" in as_approver.get("/approvals/").content.decode()


@pytest.mark.parametrize("how_many", [1, 30])
def test_queries_do_not_grow(how_many: int, people: People, as_approver: Client, django_assert_num_queries: Any) -> None:
    for _ in range(how_many):
        kpi = make_kpi()
        make_target(kpi)
        record_values(kpi, [700])
        propose(kpi, people)
        ask(kpi, people)
    with django_assert_num_queries(16):
        as_approver.get("/approvals/")
