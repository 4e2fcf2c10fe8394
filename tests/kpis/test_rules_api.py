"""`rules/`: what is watched beyond thresholds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from accounts.models import AuditEntry
from kpis.models import Rule
from tests.factories import People
from tests.kpis.factories import make_kpi, make_scorecard

pytestmark = pytest.mark.django_db
RULES = "/api/v1/rules/"
Engineer = Callable[..., APIClient]


@pytest.fixture
def engineer(people: People, make_token: Callable[..., str], api: Callable[[str], APIClient]) -> Engineer:
    return lambda *more, **fields: api(make_token(people.engineer, ["read", "alerts:write", *more], **fields))


@pytest.fixture
def errors() -> str:
    """The name of a KPI that is a share."""
    return f"plan/{make_kpi('errors', scorecard=make_scorecard('plan'), unit='%').key}"


def test_rule_is_made_seen_changed_and_deleted(engineer: Engineer, errors: str) -> None:
    client = engineer()
    made = client.post(RULES, {"kind": "burn_rate", "kpi": errors, "objective": 0.999, "severity": "critical"}, format="json")
    assert (made.status_code, made.json()["kpi"], made.json()["min_events"], made.json()["fault"]) == (201, errors, 100, "")
    at = f"{RULES}{made.json()['id']}/"
    seen = client.get(at)
    assert (seen.json(), seen["ETag"]) == (made.json(), made["ETag"])
    changed = client.patch(at, {"recover_s": 90, "enabled": False}, format="json", HTTP_IF_MATCH=seen["ETag"])
    assert (changed.json()["recover_s"], changed.json()["enabled"], changed.json()["version"]) == (90, False, 2)
    assert client.delete(at, HTTP_IF_MATCH=seen["ETag"]).status_code == 412
    assert client.delete(at, HTTP_IF_MATCH=changed["ETag"]).status_code == 204
    assert client.get(at).status_code == 404
    trail = AuditEntry.objects.filter(subject_type="kpis.rule").order_by("pk").values_list("action", "token", "before", "after")
    assert [(action, token) for action, token, _, _ in trail] == [
        ("rule.create", "test"), ("rule.change", "test"), ("rule.delete", "test"),
    ]  # fmt: skip
    assert trail[1][2:] == ({"recover_s": 0, "enabled": True}, {"recover_s": 90, "enabled": False})


@pytest.mark.parametrize("how_many", [1, 30])
def test_list_in_a_constant_number_of_queries(
    engineer: Engineer, how_many: int, django_assert_num_queries: Callable[[int], object]
) -> None:
    scorecard = make_scorecard("plan")
    for _ in range(how_many):
        Rule.objects.create(kind="stale", kpi=make_kpi(scorecard=scorecard))
    client = engineer()
    with django_assert_num_queries(4):  # type: ignore[attr-defined]
        assert len(client.get(RULES).json()["results"]) == how_many
    assert client.get(RULES, {"enabled": "0"}).json()["results"] == []
    assert len(client.get(RULES, {"scorecard": "plan"}).json()["results"]) == how_many


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, "$.kind"),
        ({"kind": "threshold"}, "$.kind"),
        ({"kind": "stale"}, "$.kpi"),
        ({"kind": "stale", "kpi": "plan/none"}, "$.kpi"),
        ({"kind": "stale", "scorecard": "none"}, "$.scorecard"),
        ({"kind": "stale", "scorecard": "plan", "for_s": -1}, "$.for_s"),
        ({"kind": "stale", "scorecard": "plan", "for_s": 10**9}, "$.for_s"),
        ({"kind": "stale", "scorecard": "plan", "severity": "worst"}, "$.severity"),
        ({"kind": "stale", "scorecard": "plan", "fault": "none"}, "$.fault"),
        ({"kind": "absent", "kpi": "plan/errors"}, "$.every_s"),
        ({"kind": "burn_rate", "kpi": "plan/errors", "objective": 1}, "$.objective"),
        ({"kind": "burn_rate", "scorecard": "plan", "objective": 0.9}, "$.kpi"),
        ({"kind": "burn_rate", "kpi": "plan/errors", "objective": 0.9, "for_s": 60}, "$.for_s"),
    ],
)
def test_bad_rule_says_where(engineer: Engineer, errors: str, fields: dict[str, object], path: str) -> None:
    answer = engineer().post(RULES, fields, format="json")
    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (422, [path])
    assert (Rule.objects.count(), answer["Content-Type"]) == (0, "application/problem+json")


def test_the_same_is_not_watched_twice(engineer: Engineer, errors: str) -> None:
    client = engineer()
    first = client.post(RULES, {"kind": "stale", "kpi": errors}, format="json").json()
    again = client.post(RULES, {"kind": "stale", "kpi": errors, "scorecard": "plan", "severity": "low"}, format="json")
    assert (again.status_code, again.json()["errors"][0]["path"]) == (422, "$.kpi")
    assert f"Rule {first['id']} watches this already" in again.json()["errors"][0]["detail"]
    other = client.post(RULES, {"kind": "stale", "scorecard": "plan"}, format="json")
    assert other.status_code == 201
    moved = client.patch(f"{RULES}{other.json()['id']}/", {"kpi": errors}, format="json", HTTP_IF_MATCH=other["ETag"])
    assert (moved.status_code, Rule.objects.count()) == (422, 2)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"severity": "critical", "for_s": 7200}, 201),
        ({"severity": "low", "for_s": 60}, 201),
        ({"severity": "critical", "for_s": 3600}, 422),
        ({"severity": "critical", "for_s": 60}, 422),
        ({"severity": "high", "for_s": 7200}, 422),
    ],
)
def test_what_is_graver_the_longer_it_lasts_is_no_double(
    engineer: Engineer, errors: str, fields: dict[str, object], status: int
) -> None:
    client, wanted = engineer(), {"kind": "stale", "kpi": errors}
    client.post(RULES, wanted | {"severity": "high", "for_s": 3600}, format="json")
    assert client.post(RULES, wanted | fields, format="json").status_code == status


def test_an_escalation_is_not_made_a_double(engineer: Engineer, errors: str) -> None:
    client, wanted = engineer(), {"kind": "stale", "kpi": errors}
    client.post(RULES, wanted | {"severity": "high", "for_s": 3600}, format="json")
    graver = client.post(RULES, wanted | {"severity": "critical", "for_s": 7200}, format="json")
    at = f"{RULES}{graver.json()['id']}/"
    assert client.patch(at, {"severity": "high"}, format="json", HTTP_IF_MATCH=graver["ETag"]).status_code == 422
    assert client.patch(at, {"min_events": 7}, format="json", HTTP_IF_MATCH=graver["ETag"]).status_code == 200


def test_of_burn_rates_nobody_is_advised_what_is_refused(engineer: Engineer, errors: str) -> None:
    client, wanted = engineer(), {"kind": "burn_rate", "kpi": errors, "objective": 0.999}
    assert client.post(RULES, wanted, format="json").status_code == 201
    (told,) = client.post(RULES, wanted, format="json").json()["errors"]
    assert told["detail"].endswith("Change that one.")


def test_change_that_does_not_fit_leaves_the_rule(engineer: Engineer, errors: str) -> None:
    rule = Rule.objects.create(kind="stale", scorecard=make_scorecard("other"))
    answer = engineer().patch(f"{RULES}{rule.pk}/", {"kpi": errors}, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["detail"]) == (422, "This KPI is of another scorecard.")
    moved = engineer().patch(f"{RULES}{rule.pk}/", {"kpi": errors, "scorecard": None}, format="json")
    assert (moved.json()["kpi"], moved.json()["scorecard"]) == (errors, None)


def test_who_only_reads_writes_nothing(people: People, make_token, api, errors: str) -> None:  # type: ignore[no-untyped-def]
    rule = Rule.objects.create(kind="stale", scorecard=make_scorecard("other"))
    at = f"{RULES}{rule.pk}/"
    for client in (api(make_token(people.engineer, ["read"])), api(make_token(people.viewer, ["read"]))):
        assert client.get(at).status_code == 200
        for answer in (client.post(RULES, {}), client.patch(at, {}), client.delete(at)):
            assert (answer.status_code, answer.json()["scope"]) == (403, "alerts:write")
    assert Rule.objects.count() == 1


def test_restricted_token_sees_and_watches_nothing_else(engineer: Engineer, errors: str) -> None:
    other = Rule.objects.create(kind="stale", scorecard=make_scorecard("other"))
    client = engineer(scorecards=["plan"])
    assert client.get(RULES).json()["results"] == []
    for method in ("get", "patch", "delete"):
        assert getattr(client, method)(f"{RULES}{other.pk}/").status_code == 404
    assert client.post(RULES, {"kind": "stale", "scorecard": "other"}, format="json").status_code == 422
    mine = client.post(RULES, {"kind": "stale", "scorecard": "plan"}, format="json")
    assert client.patch(f"{RULES}{mine.json()['id']}/", {"scorecard": "other"}, format="json").status_code == 422
    wanted = {"kind": "absent", "scorecard": "plan", "every_s": 60}
    ci = engineer(services=["orders"])
    assert ci.post(RULES, wanted | {"service": "catalog"}, format="json").status_code == 422
    assert ci.post(RULES, wanted | {"service": "orders"}, format="json").status_code == 201
    assert len(ci.get(RULES).json()["results"]) == 1
