from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from kpis.models import KPI, Scorecard
from tests.factories import People
from tests.kpis.factories import make_kpi, make_scorecard, make_target, record_values

pytestmark = pytest.mark.django_db
API = "/api/v1"
JSON: dict[str, Any] = {"content_type": "application/json"}
NEW = {"scorecard": "plan", "name": "Response time", "unit": "ms", "direction": "lower", "aggregation": "p95", "window_s": 300}
SPEED = f"{API}/kpis/plan/speed/"


@pytest.fixture
def speed() -> KPI:
    return make_kpi("speed", scorecard=make_scorecard("plan"))


def paths(answer: Any) -> list[str]:
    return [error["path"] for error in answer.json()["errors"]]


def test_a_scorecard_and_a_kpi_are_made(as_manager: Client, people: People) -> None:
    card = as_manager.post(f"{API}/scorecards/", {"name": "Plan"}, **JSON)
    assert (card.status_code, card.json()["slug"], card["ETag"]) == (201, "plan", f'"scorecard-{Scorecard.objects.get().pk}-1"')
    made = as_manager.post(f"{API}/kpis/", NEW | {"owner": "engineer"}, **JSON)
    assert (made.status_code, made.json()["key"], made.json()["owner"]) == (201, "response-time", "engineer")
    assert as_manager.get(f"{API}/kpis/plan/response-time/").json()["window_s"] == 300
    assert AuditEntry.objects.get(action="kpi.create").actor == people.manager


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"unit": "furlong"}, "$.unit"),
        ({"direction": "sideways"}, "$.direction"),
        ({"across": "sum"}, "$.across"),
        ({"key": "there"}, "$.key"),
        ({"key": "csv"}, "$.key"),
        ({"key": "No Slug"}, "$.key"),
        ({"scorecard": "nothing"}, "$.scorecard"),
        ({"owner": "nobody"}, "$.owner"),
        ({"colour": "red"}, "$.colour"),
        ({"version": 3}, "$.version"),
        ({"window_s": "soon"}, "$.window_s"),
        ({"reference": 80}, "$.reference_unit"),
    ],
)
def test_the_path_of_what_is_wrong(as_manager: Client, fields: dict[str, Any], path: str) -> None:
    make_kpi("there", scorecard=make_scorecard("plan"))
    answer = as_manager.post(f"{API}/kpis/", NEW | fields, **JSON)
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert path in paths(answer)
    assert KPI.objects.count() == 1


@pytest.mark.parametrize("name", ["window_s", "freshness_s"])
def test_the_schema_says_that_no_time_is_none(as_manager: Client, name: str) -> None:
    make_scorecard("plan")
    assert f"$.{name}" in paths(as_manager.post(f"{API}/kpis/", NEW | {name: 0}, **JSON))
    kpi = SchemaGenerator().get_schema(request=None, public=True)["components"]["schemas"]["KpiRequest"]
    assert kpi["properties"][name]["minimum"] == 1


def test_a_stale_edit_is_refused_with_what_stands(as_manager: Client, speed: KPI) -> None:
    tag = as_manager.get(SPEED)["ETag"]
    done = as_manager.patch(SPEED, {"name": "First"}, headers={"If-Match": tag}, **JSON)
    assert (done.status_code, done.json()["version"]) == (200, 2)
    stale = as_manager.patch(SPEED, {"name": "Second"}, headers={"If-Match": tag}, **JSON)
    assert (stale.status_code, stale.json()["current"]["name"], stale["ETag"]) == (412, "First", done["ETag"])
    again = as_manager.patch(SPEED, {"name": "Second"}, headers={"If-Match": stale["ETag"]}, **JSON)
    assert again.json()["name"] == "Second"


def test_measured_units_stay(as_manager: Client, speed: KPI) -> None:
    record_values(speed, [1.0], until=timezone.now())
    answer = as_manager.patch(SPEED, {"unit": "s", "direction": "higher", "name": "New"}, **JSON)
    assert (answer.status_code, sorted(paths(answer))) == (422, ["$.direction", "$.unit"])
    assert as_manager.delete(SPEED).status_code == 409
    assert KPI.objects.get().name == "speed"


def test_archived_leaves_lists_and_comes_back(as_manager: Client, speed: KPI) -> None:
    make_target(speed)
    gone = as_manager.post(f"{SPEED}archive/", {"why": "replaced"}, **JSON)
    assert (gone.status_code, gone.json()["archived_at"] is not None) == (200, True)
    assert as_manager.get(f"{API}/kpis/").json()["results"] == []
    assert [one["key"] for one in as_manager.get(f"{API}/kpis/?archived=1").json()["results"]] == ["speed"]
    assert as_manager.get(f"{API}/scorecards/plan/").json()["kpis"] == []
    assert as_manager.get(SPEED).json()["archived_at"] == gone.json()["archived_at"]
    assert as_manager.patch(SPEED, {"name": "New"}, **JSON).status_code == 409
    assert as_manager.get("/badges/kpi/plan/speed.svg").status_code == 404
    assert "speed" not in as_manager.get("/metrics").content.decode()
    assert as_manager.post(f"{SPEED}restore/", {}, **JSON).json()["archived_at"] is None
    assert AuditEntry.objects.get(action="kpi.archive").why == "replaced"


def test_an_archived_scorecard_takes_its_kpis_along(as_manager: Client, speed: KPI) -> None:
    assert as_manager.post(f"{API}/scorecards/plan/archive/", {}, **JSON).status_code == 200
    assert as_manager.get(f"{API}/scorecards/").json()["results"] == []
    assert as_manager.get(f"{API}/kpis/").json()["results"] == []
    assert as_manager.post(f"{API}/kpis/", NEW, **JSON).status_code == 422
    restored = as_manager.post(f"{API}/scorecards/plan/restore/", {}, **JSON).json()
    assert (restored["archived_at"], restored["version"]) == (None, 3)


def test_unused_is_deleted(as_manager: Client, speed: KPI) -> None:
    assert as_manager.delete(f"{API}/scorecards/plan/").status_code == 409
    assert as_manager.delete(SPEED).status_code == 204
    assert as_manager.delete(f"{API}/scorecards/plan/").status_code == 204
    assert not Scorecard.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "engineer", "approver", "auditor", "manager", "administrator"])
def test_managers_and_administrators_define(people: People, log_in: Callable[[User], Client], speed: KPI, role: str) -> None:
    client = log_in(getattr(people, role))
    answers = [
        client.post(f"{API}/scorecards/", {}, **JSON),
        client.post(f"{API}/kpis/", {}, **JSON),
        client.patch(f"{API}/scorecards/plan/", {"name": "New"}, **JSON),
        client.patch(SPEED, {"name": "New"}, **JSON),
        *[
            client.post(f"{url}{verb}/", {}, **JSON)
            for url in (SPEED, f"{API}/scorecards/plan/")
            for verb in ("archive", "restore")
        ],
        client.delete(SPEED),
    ]
    assert {answer.status_code == 403 for answer in answers} == {role not in ("manager", "administrator")}


def test_a_token_needs_its_scope_and_stays_with_its_scorecards(
    api: Callable[[str], APIClient], make_token: Callable[..., str], people: People, speed: KPI
) -> None:
    make_scorecard("other")
    assert api(make_token(people.manager, ["read"])).patch(SPEED, {"name": "New"}, format="json").status_code == 403
    client = api(make_token(people.manager, ["read", "plan:write"], scorecards=["other"]))
    assert client.patch(SPEED, {"name": "New"}, format="json").status_code == 404
    assert client.post(f"{API}/kpis/", NEW, format="json").status_code == 422
    assert client.post(f"{API}/scorecards/", {"name": "More"}, format="json").status_code == 403
    assert client.post(f"{API}/kpis/", NEW | {"scorecard": "other"}, format="json").status_code == 201
    assert AuditEntry.objects.get(action="kpi.create").token == "test"


@pytest.mark.parametrize("rows", [1, 30])
@pytest.mark.parametrize(("path", "queries"), [("scorecards/", 9), ("kpis/", 8), ("kpis/?archived=1", 8)])
def test_lists_ask_the_same_number_of_queries(
    as_manager: Client, django_assert_num_queries: Any, rows: int, path: str, queries: int
) -> None:
    for _ in range(rows):
        card = make_scorecard()
        for archived_at in (None, timezone.now()):
            kpi = make_kpi(scorecard=card)
            make_target(kpi)
            record_values(kpi, [1.0], until=timezone.now())
            KPI.objects.filter(pk=kpi.pk).update(archived_at=archived_at)
    as_manager.get(f"{API}/{path}")
    with django_assert_num_queries(queries):
        assert len(as_manager.get(f"{API}/{path}").json()["results"]) == rows
