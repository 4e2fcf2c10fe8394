from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from kpis.models import KPI, Waiver
from tests.factories import People
from tests.kpis.factories import make_kpi, make_scorecard, record_values

pytestmark = pytest.mark.django_db
URL = "/api/v1/waivers/"


@pytest.fixture
def kpi() -> KPI:
    found = make_kpi("latency", scorecard=make_scorecard("shop"))
    record_values(found, [700])
    return found


def asked(**fields: Any) -> dict[str, Any]:
    until = (timezone.now() + timedelta(days=3)).isoformat()
    return {"kpi": "shop/latency", "reason": "rebuilt", "expires_at": until} | fields


def ask(client: Any, **fields: Any) -> Any:
    return client.post(URL, asked(**fields), content_type="application/json")


def test_asked_for_by_a_token_and_approved_by_a_person_only(
    kpi: KPI, people: People, api: Callable[[str], APIClient], make_token: Callable[..., str], as_approver: Client
) -> None:
    robot = api(make_token(people.approver, ["read", "targets:propose"]))
    made = robot.post(URL, asked(), format="json")
    assert (made.status_code, made.json()["decision"]) == (201, "proposed")
    one = f"{URL}{made.json()['id']}/"
    assert robot.post(f"{one}approve/").status_code == 403
    assert as_approver.post(f"{one}approve/").status_code == 409  # the token acts for the approver: it is their own


def test_its_whole_life(kpi: KPI, as_engineer: Client, as_approver: Client, as_manager: Client) -> None:
    one = f"{URL}{ask(as_engineer).json()['id']}/"
    assert as_approver.post(f"{one}approve/", {"note": "fine"}).json()["decision_note"] == "fine"
    assert as_manager.post(f"{one}reject/").status_code == 403
    told = as_approver.post(f"{one}reject/")
    assert (told.status_code, told.json()["detail"]) == (409, "Approver was first: this waiver is already approved.")
    assert as_manager.post(f"{one}end/").status_code == 403  # neither asked for it nor may approve
    assert as_engineer.post(f"{one}end/").json()["ended_by"] == "Engineer"
    assert as_engineer.get(one).json()["ended_by"] == "Engineer"


@pytest.mark.parametrize(
    ("query", "found"),
    [("", 1), ("?state=waiting", 1), ("?state=running", 0), ("?kpi=latency", 1), ("?kpi=shop/latency&state=refused", 0)],
)
def test_list_is_picked(kpi: KPI, as_engineer: Client, query: str, found: int) -> None:
    ask(as_engineer)
    assert len(as_engineer.get(f"{URL}{query}").json()["results"]) == found


@pytest.mark.parametrize(("query", "path"), [("?state=odd", "state"), ("?kpi=nowhere", "kpi")])
def test_list_says_what_it_does_not_know(kpi: KPI, as_engineer: Client, query: str, path: str) -> None:
    answer = as_engineer.get(f"{URL}{query}")
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, path)


def test_other_scorecards_do_not_exist_for_a_restricted_token(
    kpi: KPI, people: People, as_engineer: Client, api: Callable[[str], APIClient], make_token: Callable[..., str]
) -> None:
    pk = ask(as_engineer).json()["id"]
    robot = api(make_token(people.engineer, ["read", "targets:propose"], scorecards=[make_scorecard("other").slug]))
    assert robot.get(URL).json()["results"] == []
    assert [robot.get(f"{URL}{pk}/").status_code, robot.post(f"{URL}{pk}/withdraw/").status_code] == [404, 404]
    assert Waiver.objects.get().decision == "proposed"


@pytest.mark.parametrize(
    ("wrong", "path"), [({"subject": "nowhere"}, "$.subject"), ({"expires_at": "2020-01-01T00:00:00Z"}, "$.expires_at")]
)
def test_what_is_wrong_stands_at_its_field(kpi: KPI, as_engineer: Client, wrong: dict[str, str], path: str) -> None:
    answer = ask(as_engineer, **wrong)
    assert (answer.status_code, [one["path"] for one in answer.json()["errors"]]) == (422, [path])
    assert not Waiver.objects.exists()
