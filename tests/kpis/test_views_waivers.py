from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from kpis import waivers
from kpis.models import KPI, Waiver
from tests.factories import People
from tests.kpis.factories import make_kpi, make_scorecard, make_target, record_values

pytestmark = pytest.mark.django_db


@pytest.fixture
def kpi() -> KPI:
    found = make_kpi("latency", name="Latency", scorecard=make_scorecard("main"))
    make_target(found, "<", 500)
    record_values(found, [600], until=timezone.now())
    return found


def running(kpi: KPI, people: People, **fields: Any) -> Waiver:
    now = timezone.now()
    asked = {"reason": "rebuilt", "expires_at": now + timedelta(days=9), "actor": people.engineer} | fields
    row = waivers.request_waiver(kpi=kpi, now=now, **asked)
    return waivers.approve_waiver(waiver=row, actor=people.approver, now=now)


def form(row: KPI, **fields: Any) -> dict[str, Any]:
    day = timezone.now().date() + timedelta(days=3)
    return {"kpi": row.pk, "subject": "", "last_day": day.isoformat(), "reason": "The cache is rebuilt"} | fields


def test_request_waits_for_somebody_else(kpi: KPI, as_engineer: Client, people: People) -> None:
    answer = as_engineer.post("/waivers/new/", form(kpi))
    row = Waiver.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/approvals/#waiver-{row.pk}")
    assert (row.requested_by, row.decision, f"{row.expires_at:%H:%M:%S}") == (people.engineer, "proposed", "00:00:00")
    assert f"{row.expires_at - timedelta(days=1):%Y-%m-%d}" == form(kpi)["last_day"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"subject": "nowhere"}, "It is measured on: orders."),
        ({"last_day": "2020-01-01"}, "A waiver ends in the future."),
        ({"last_day": "9999-12-31"}, "A waiver lasts at most 366 days"),
        ({"reason": ""}, "This field is required."),
        ({"kpi": 999_999}, "Select a valid choice."),
    ],
)
def test_what_is_wrong_stands_beside_its_field(kpi: KPI, as_engineer: Client, wrong: dict[str, Any], said: str) -> None:
    answer = as_engineer.post("/waivers/new/", form(kpi, **wrong))
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Waiver.objects.exists()


def test_extension_is_a_new_request(kpi: KPI, people: People, as_engineer: Client) -> None:
    old = running(kpi, people)
    page = as_engineer.get(f"/waivers/new/?extends={old.pk}").content.decode()
    assert "Extend the waiver of Latency" in page
    as_engineer.post(f"/waivers/new/?extends={old.pk}", form(kpi))
    old.refresh_from_db()
    assert (Waiver.objects.count(), old.decision) == (2, "approved")


def test_ended_early_it_counts_again_and_is_no_lapse(kpi: KPI, people: People, as_approver: Client) -> None:
    row = running(kpi, people)
    assert "End now" in as_approver.get("/waivers/").content.decode()
    told = as_approver.post(f"/waivers/{row.pk}/decide/", {"decision": "end"}, follow=True).content.decode()
    assert "the waiver is ended." in told
    assert "Ended early" in told
    assert (list(waivers.in_force(timezone.now())), list(waivers.lapsed(timezone.now()))) == ([], [])


def test_lapse_is_loud_until_another_one_follows(kpi: KPI, people: People, as_viewer: Client) -> None:
    row = running(kpi, people)
    Waiver.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(hours=1))
    for url in ("/approvals/", "/scorecards/main/"):
        assert "has lapsed" in as_viewer.get(url).content.decode(), url
    assert "1 waiver lapsed this week" in as_viewer.get("/waivers/").content.decode()
    running(kpi, people)
    for url in ("/approvals/", "/scorecards/main/"):
        assert "has lapsed" not in as_viewer.get(url).content.decode(), url


@pytest.mark.parametrize(("hours", "said"), [(71, True), (73, False)])
def test_three_days_before_its_end_it_is_called_to_mind(
    kpi: KPI, people: People, as_viewer: Client, hours: int, said: bool
) -> None:
    running(kpi, people, expires_at=timezone.now() + timedelta(hours=hours))
    for url in ("/approvals/", "/scorecards/main/"):
        assert ("</a> ends</b>" in as_viewer.get(url).content.decode()) is said, url


@pytest.mark.parametrize(
    ("query", "found"), [("", 1), ("?state=running", 1), ("?state=over", 0), ("?q=rebuilt", 1), ("?q=else", 0), ("?q=%00", 0)]
)
def test_list_is_picked_by_its_address(kpi: KPI, people: People, as_viewer: Client, query: str, found: int) -> None:
    running(kpi, people)
    assert as_viewer.get(f"/waivers/{query}").content.decode().count('<tr id="waiver-') == found


@pytest.mark.parametrize("how_many", [1, 30])
def test_list_queries_do_not_grow(how_many: int, people: People, as_viewer: Client, django_assert_num_queries: Any) -> None:
    for _ in range(how_many):
        kpi = make_kpi()
        record_values(kpi, [700])
        running(kpi, people)
    with django_assert_num_queries(8):
        as_viewer.get("/waivers/")
