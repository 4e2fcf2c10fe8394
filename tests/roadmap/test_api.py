from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry
from roadmap.models import Benefit, Cost, Gate, Impact, Mitigation, Risk, Roadmap, Task
from tests.roadmap.factories import FIXTURES, START, load_source, make_kpi, make_phase, make_roadmap, make_task

pytestmark = pytest.mark.django_db
API = "/api/v1"
PLAN = f"{API}/roadmaps/fastapi-easy-performance"
JSON = {"content_type": "application/json"}


@pytest.fixture
def plan() -> Roadmap:
    return load_source()


def test_roadmaps_are_listed(as_viewer: Client, plan: Roadmap) -> None:
    found = as_viewer.get(f"{API}/roadmaps/").json()
    assert [row["slug"] for row in found["results"]] == ["fastapi-easy-performance"]
    assert found["next"] is None


def test_roadmap_has_phases_progress_and_gates(as_viewer: Client, plan: Roadmap) -> None:
    found = as_viewer.get(f"{PLAN}/").json()
    assert (found["starts_on"], found["ends_on"], found["weeks"]) == ("2026-09-28", "2026-12-20", 12)
    assert found["progress"]["total"] == 19
    assert found["earned_value"]["reason"] == "planned effort is not stated for every task"
    assert [phase["number"] for phase in found["phases"]] == [1, 2, 3, 4, 5, 6]
    assert found["stated"]["annual_return"] == "96000"
    assert found["phases"][0]["gate"]["criteria"][0]["text"] == "Every task is done or dropped"


def test_two_of_four_ticked_shows_half_with_who_and_when(as_manager: Client, people: Any, plan: Roadmap) -> None:
    for key in ("indexes", "connection-pool"):
        task = Task.objects.get(key=key)
        answer = as_manager.patch(f"{API}/tasks/{task.pk}/", {"status": "done"}, **JSON)
        assert answer.status_code == 200
    assert answer.json()["status_changed_by"] == people.manager.username
    assert answer.json()["status_changed_at"] is not None
    progress = as_manager.get(f"{PLAN}/phases/1/").json()["progress"]
    assert progress == {"done": 2, "total": 4, "dropped": 0, "share": 0.5, "weighted_by": "count"}


def test_second_editor_gets_412_with_what_stands(as_manager: Client, plan: Roadmap) -> None:
    task = Task.objects.get(key="indexes")
    url, tag = f"{API}/tasks/{task.pk}/", as_manager.get(f"{API}/tasks/{task.pk}/")["ETag"]
    first = as_manager.patch(url, {"title": "First"}, headers={"If-Match": tag}, **JSON)
    assert (first.status_code, first["ETag"]) == (200, f'"task-{task.pk}-2"')
    second = as_manager.patch(url, {"title": "Second"}, headers={"If-Match": tag}, **JSON)
    assert (second.status_code, second["Content-Type"]) == (412, "application/problem+json")
    assert second.json()["type"] == "urn:milepost:problem:stale-edit"
    assert (second.json()["current"]["title"], second["ETag"]) == ("First", first["ETag"])
    assert Task.objects.get(pk=task.pk).title == "First"


@pytest.mark.parametrize(
    ("header", "status"),
    [("*", 200), ('"{tag}"', 200), ('"other", "{tag}"', 200), ('W/"{tag}"', 412), ('"task-0-1"', 412), ("nonsense", 412)],
)
def test_if_match_compares_strongly(as_manager: Client, header: str, status: int) -> None:
    task = make_task()
    tag = header.replace("{tag}", f"task-{task.pk}-1")
    answer = as_manager.patch(f"{API}/tasks/{task.pk}/", {"title": "New"}, headers={"If-Match": tag}, **JSON)
    assert answer.status_code == status


LISTS = ["phases", "tasks", "impacts", "costs", "benefits", "risks", "load-profiles", "alert-rules", "findings"]


@pytest.mark.parametrize("address", [*(f"{PLAN}/{name}/" for name in LISTS), f"{API}/impacts/", f"{API}/load-profiles/"])
def test_lists_of_a_plan_are_pages_of_their_rows(as_viewer: Client, plan: Roadmap, address: str) -> None:
    found = as_viewer.get(address).json()
    assert sorted(found) == ["next", "previous", "results"]
    assert found["results"]


@pytest.mark.parametrize("model", [Task, Impact, Cost, Benefit, Risk, Mitigation, Gate])
def test_rows_are_read_and_a_patch_without_fields_answers_the_same(as_manager: Client, plan: Roadmap, model: Any) -> None:
    row = model.objects.first()
    address = f"{API}/{model._meta.verbose_name_plural.replace(' ', '-')}/{row.pk}/"
    assert as_manager.patch(address, {}, **JSON).json() == as_manager.get(address).json()


def test_rows_are_made(as_manager: Client, plan: Roadmap) -> None:
    phase = {"number": 7, "name": "After", "week_from": 13, "week_to": 14}
    assert as_manager.post(f"{PLAN}/phases/", phase, **JSON).status_code == 201
    risk = as_manager.post(f"{PLAN}/risks/", {"title": "Nobody comes", "likelihood": 2, "impact": 3}, **JSON)
    made = as_manager.post(f"{API}/risks/{risk.json()['id']}/mitigations/", {"text": "Invite them"}, **JSON)
    assert (risk.status_code, made.status_code, made.json()["owner"]) == (201, 201, None)


def test_unchanged_row_is_304(as_viewer: Client) -> None:
    task = make_task()
    tag = as_viewer.get(f"{API}/tasks/{task.pk}/")["ETag"]
    answer = as_viewer.get(f"{API}/tasks/{task.pk}/", headers={"If-None-Match": f"W/{tag}"})
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"status": "finished"}, "$.status"),
        ({"surprise": 1}, "$.surprise"),
        ({"version": 9}, "$.version"),
        ({"due_on": "soon"}, "$.due_on"),
    ],
)
def test_bad_field_is_named(as_manager: Client, body: dict[str, object], path: str) -> None:
    answer = as_manager.patch(f"{API}/tasks/{make_task().pk}/", body, **JSON)
    assert answer.status_code == 422
    assert [error["path"] for error in answer.json()["errors"]] == [path]


def test_tasks_are_filtered_and_created(as_manager: Client, plan: Roadmap) -> None:
    assert len(as_manager.get(f"{PLAN}/tasks/").json()["results"]) == 19
    assert len(as_manager.get(f"{PLAN}/tasks/?phase=1&status=to_do").json()["results"]) == 4
    made = as_manager.post(f"{PLAN}/tasks/?phase=2", {"title": "Measure the cache"}, **JSON)
    assert (made.status_code, made.json()["phase"], made.json()["key"]) == (201, 2, "measure-the-cache")
    assert as_manager.post(f"{PLAN}/tasks/", {"title": "Nowhere"}, **JSON).status_code == 422


@pytest.mark.parametrize(("path", "count"), [("tasks", 19), ("impacts", 16), ("load-profiles", 8), ("costs", 3)])
def test_pages_follow_each_other(as_viewer: Client, plan: Roadmap, path: str, count: int) -> None:
    url, seen = f"{PLAN}/{path}/?limit=2", []
    while url:
        page = as_viewer.get(url).json()
        seen += [row["id"] for row in page["results"]]
        url = page["next"]
    assert (len(seen), len(set(seen))) == (count, count)


def test_costs_benefits_and_money_as_strings(as_manager: Client, plan: Roadmap) -> None:
    costs = as_manager.get(f"{PLAN}/costs/").json()["results"]
    assert [(row["name"], row["planned"], row["stated_total"], row["priority"]) for row in costs] == [
        ("Development hours", "24000.00", "24000.00", "high"),
        ("Infrastructure", "500.00", "6000.00", "medium"),
        ("Monitoring tools", "200.00", "2400.00", "medium"),
    ]
    made = as_manager.post(f"{PLAN}/benefits/", {"name": "Calm", "monthly_amount": "12.50"}, **JSON)
    assert (made.status_code, made.json()["monthly_amount"]) == (201, "12.50")
    booked = as_manager.post(f"{API}/costs/{costs[0]['id']}/entries/", {"booked_on": "2026-10-01", "amount": "10"}, **JSON)
    assert (booked.status_code, booked.json()["amount"]) == (201, "10.00")
    assert as_manager.delete(f"{API}/costs/{costs[0]['id']}/").status_code == 409
    assert as_manager.delete(f"{API}/costs/{costs[1]['id']}/").status_code == 204


def test_roi_computed_beside_stated(as_viewer: Client, plan: Roadmap) -> None:
    found = as_viewer.get(f"{PLAN}/roi/").json()
    planned = found["planned"]
    assert (float(planned["investment"]), float(planned["return"])) == (32400, 192000)
    assert (planned["roi"], planned["return_ratio"]) == ("4.9259259259", "5.9259259259")
    assert (planned["payback_month"], planned["npv"], planned["npv_reason"]) == (2, None, "no discount rate is stated")
    assert [float(row["cumulative"]) for row in found["cash_flow"]][:3] == [-24000, -8700, 6600]
    assert found["realised"]["per_month_now"]["realised"] == "0.00"
    assert float(found["realised"]["per_month_now"]["unknown"]) == 16000
    assert "96,000" in str(found["stated"])


def test_findings(as_viewer: Client, plan: Roadmap) -> None:
    found = as_viewer.get(f"{PLAN}/findings/").json()["results"]
    assert found[0]["code"] == "annual_return_total"
    assert sum(row["code"] == "baseline" for row in found) == 9


def test_benefit_rests_on_kpis(as_manager: Client, plan: Roadmap) -> None:
    url = f"{API}/benefits/{Benefit.objects.get(key='revenue').pk}/kpis/"
    body = [{"kpi": "uptime", "weight": "2"}, {"kpi": "throughput"}]
    answer = as_manager.put(url, body, **JSON)
    assert [(row["kpi"], row["weight"]) for row in answer.json()["kpis"]] == [("uptime", "2.000"), ("throughput", "1.000")]
    assert as_manager.put(url, [{"kpi": "nothing"}], **JSON).status_code == 422


def test_risks_and_their_triggers(as_manager: Client, plan: Roadmap) -> None:
    found = as_manager.get(f"{PLAN}/risks/").json()["results"]
    assert [row["stated_level"] for row in found].count("high") == 3
    assert sum(len(row["mitigations"]) for row in found) == 13
    risk = Risk.objects.get(key="memory-leak")
    answer = as_manager.put(f"{API}/risks/{risk.pk}/triggers/", ["memory-usage"], **JSON)
    assert answer.json()["triggers"] == ["memory-usage"]
    mitigation = risk.mitigations.first()
    done = as_manager.patch(f"{API}/mitigations/{mitigation.pk}/", {"state": "done"}, **JSON)
    assert done.json()["state"] == "done"


def test_statement_is_confirmed(as_manager: Client, people: Any, plan: Roadmap) -> None:
    url = f"{API}/impacts/{Impact.objects.get(key='leaks').pk}/confirm/"
    assert as_manager.post(url, {}, **JSON).status_code == 422
    assert as_manager.post(url, {"evidence": "Soak test"}, **JSON).json()["confirmed_by"] == people.manager.username


def test_gate_is_not_passed_without_a_waiver_by_somebody_else(as_manager: Client, as_approver: Client, plan: Roadmap) -> None:
    gate = Gate.objects.get(phase__number=1)
    refused = as_manager.post(f"{API}/gates/{gate.pk}/close/")
    assert refused.status_code == 409
    assert "4 of 4 not done" in refused.json()["detail"]
    body = {"reason": "Effect shows later", "expires_at": (timezone.now() + timedelta(days=9)).isoformat()}
    waiver = as_manager.post(f"{API}/gates/{gate.pk}/waive/", body, **JSON).json()
    assert as_manager.post(f"{API}/gate-waivers/{waiver['id']}/approve/").status_code == 403
    assert as_approver.post(f"{API}/gate-waivers/{waiver['id']}/approve/").json()["decision"] == "approved"
    closed = as_manager.post(f"{API}/gates/{gate.pk}/close/").json()
    assert closed["closed_as"] == "waived"
    assert as_manager.get(f"{PLAN}/phases/1/").json()["finished_on"] is not None


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ({"expires_at": "2027-07-01T02:00:00"}, "$.expires_at"), ({"expires_at": "0001-01-01T00:00:00+14:00"}, "$.expires_at"),
        ({"until": "2027-07-01"}, "$.until"), ({"decision": "approved"}, "$.decision"),
    ],
)  # fmt: skip
def test_a_waiver_of_a_gate_with_a_local_time_or_an_unknown_field_is_refused(
    as_manager: Client, plan: Roadmap, sent: dict[str, str], path: str
) -> None:
    body = {"reason": "Later", "expires_at": (timezone.now() + timedelta(days=9)).isoformat()} | sent
    answer = as_manager.post(f"{API}/gates/{Gate.objects.get(phase__number=1).pk}/waive/", body, **JSON)
    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (422, [path])


def test_export_and_import(as_manager: Client, plan: Roadmap) -> None:
    text = as_manager.get(f"{PLAN}/export/").content
    plan.delete()
    url = f"{API}/roadmaps/import/"
    dry = as_manager.post(f"{url}?dry_run=1", text, content_type="application/yaml")
    assert (dry.status_code, dry.json()["dry_run"], Roadmap.objects.count()) == (200, True, 0)
    mistyped = as_manager.post(f"{url}?dryrun=1", text, content_type="application/yaml")
    assert (mistyped.status_code, Roadmap.objects.count()) == (422, 0)
    made = as_manager.post(url, text, content_type="application/yaml")
    assert (made.status_code, Roadmap.objects.get().starts_on) == (201, START)
    again = as_manager.post(url, as_manager.get(f"{PLAN}/export/?as=json").content, **JSON)
    assert (again.status_code, again.json()["created"], again.json()["changed"]) == (200, [], [])
    assert AuditEntry.objects.filter(action="roadmap.load").count() == 2


def test_bad_import_says_where(as_manager: Client) -> None:
    answer = as_manager.post(f"{API}/roadmaps/import/", {"format": "milepost-roadmap/1"}, **JSON)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == "$"
    assert as_manager.post(f"{API}/roadmaps/import/", "a: [", content_type="application/yaml").status_code == 400


def test_roadmap_is_approved_by_who_may(as_manager: Client, as_admin: Client, plan: Roadmap) -> None:
    assert as_manager.patch(f"{PLAN}/", {"state": "approved"}, **JSON).status_code == 403
    assert as_admin.patch(f"{PLAN}/", {"state": "approved"}, **JSON).json()["state"] == "approved"
    assert as_manager.patch(f"{PLAN}/", {"state": "closed"}, **JSON).status_code == 409
    assert as_manager.patch(f"{PLAN}/", {"state": "active", "discount_rate": "0.08"}, **JSON).json()["discount_rate"] == "0.0800"


@pytest.mark.parametrize("path", ["roadmaps/nothing/", "roadmaps/nothing/roi/", "tasks/0/", "gates/0/", "costs/0/"])
def test_unknown_is_404(as_viewer: Client, path: str) -> None:
    assert as_viewer.get(f"{API}/{path}").status_code == 404


def test_viewer_may_not_write(as_viewer: Client) -> None:
    assert as_viewer.patch(f"{API}/tasks/{make_task().pk}/", {"status": "done"}, **JSON).status_code == 403


def test_restricted_token_sees_its_scorecards_only(api: Any, make_token: Any, people: Any, plan: Roadmap) -> None:
    hidden = make_task(make_phase(make_roadmap()))
    token = make_token(people.manager, ["read", "plan:write"], scorecards=["fastapi-easy"])
    client = api(token)
    assert [row["slug"] for row in client.get(f"{API}/roadmaps/").json()["results"]] == ["fastapi-easy-performance"]
    assert client.get(f"{API}/tasks/{hidden.pk}/").status_code == 404
    assert client.patch(f"{API}/tasks/{Task.objects.get(key='indexes').pk}/", {"status": "done"}, **JSON).status_code == 200
    assert AuditEntry.objects.get(action="task.state").token


@pytest.mark.parametrize("tasks", [1, 30])
def test_task_list_queries_do_not_grow(as_viewer: Client, django_assert_num_queries: Any, tasks: int) -> None:
    plan = make_roadmap()
    phase = make_phase(plan)
    for _ in range(tasks):
        make_task(phase)
    as_viewer.get(f"{API}/roadmaps/{plan.slug}/tasks/")
    with django_assert_num_queries(5):
        as_viewer.get(f"{API}/roadmaps/{plan.slug}/tasks/")


def test_cost_without_an_amount_stays_not_stated(as_manager: Client) -> None:
    plan = make_roadmap()
    made = as_manager.post(f"{API}/roadmaps/{plan.slug}/costs/", {"name": "Consulting", "kind": "one_off"}, **JSON)
    assert (made.json()["planned"], Cost.objects.get().amount) == (None, None)


def test_kpis_of_other_scorecards_are_refused(as_manager: Client, plan: Roadmap) -> None:
    make_kpi(make_roadmap().scorecard, key="stranger")
    risk = Risk.objects.get(key="memory-leak")
    assert as_manager.put(f"{API}/risks/{risk.pk}/triggers/", ["stranger"], **JSON).status_code == 422


def test_fixture_file_imports_as_it_is(as_manager: Client) -> None:
    answer = as_manager.post(f"{API}/roadmaps/import/", (FIXTURES / "roadmap.yaml").read_bytes(), content_type="application/yaml")
    assert (answer.status_code, len(answer.json()["created"])) == (201, 76)
