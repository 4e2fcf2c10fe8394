"""`alerts/` and `silences/`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import AuditEntry
from kpis.models import Incident, Silence
from kpis.points import Point
from kpis.recording import record
from tests.factories import People
from tests.kpis.factories import make_kpi, make_scorecard, make_target

pytestmark = pytest.mark.django_db
ALERTS, SILENCES = "/api/v1/alerts/", "/api/v1/silences/"


@pytest.fixture
def engineer(people: People, make_token: Callable[..., str], api: Callable[[str], APIClient]) -> Callable[..., APIClient]:
    return lambda *more, **fields: api(make_token(people.engineer, ["read", "alerts:write", *more], **fields))


def fire(how_many: int = 1, slug: str = "plan") -> Incident:
    now, scorecard = timezone.now(), make_scorecard(slug)
    points = []
    for number in range(how_many):
        kpi = make_kpi(f"memory-{number}", scorecard=scorecard, aggregation="last")
        make_target(kpi, "<", 50, alert_threshold=100, severity="high", effective_from=now - timedelta(days=1))
        points.append(Point(kpi=kpi, subject="orders", at=now, value=120, origin="run:7"))
    record(points, now=now)
    return Incident.objects.order_by("-pk")[0]


@pytest.mark.parametrize("how_many", [1, 30])
def test_list_in_a_constant_number_of_queries(
    engineer: Callable[..., APIClient],
    how_many: int,
    django_assert_num_queries,  # type: ignore[no-untyped-def]
) -> None:
    fire(how_many)
    client = engineer()
    with django_assert_num_queries(6):
        found = client.get(ALERTS, {"state": "open"}).json()["results"]
    assert (len(found), found[0]["state"], found[0]["value"], found[0]["origin"]) == (how_many, "firing", 120, "run:7")


@pytest.mark.parametrize(
    ("query", "count"), [({"state": "resolved"}, 0), ({"severity": "high"}, 1), ({"service": "x"}, 0), ({"scorecard": "plan"}, 1)]
)
def test_list_is_filtered(engineer: Callable[..., APIClient], query: dict[str, str], count: int) -> None:
    fire()
    assert len(engineer().get(ALERTS, query).json()["results"]) == count


def test_what_is_about_to_fire_is_listed_where_it_is_asked_for(engineer: Callable[..., APIClient]) -> None:
    fire()
    Incident.objects.update(state="pending", fired_at=None, fires_at=timezone.now())
    client = engineer()
    assert client.get(ALERTS).json()["results"] == []
    found = client.get(ALERTS, {"state": "pending"}).json()["results"]
    assert (found[0]["state"], found[0]["fires_at"] is None, found[0]["fired_at"]) == ("pending", False, None)


def test_what_is_about_to_fire_is_shown_but_not_taken_up(engineer: Callable[..., APIClient]) -> None:
    one, client = fire(), engineer()
    Incident.objects.update(state="pending", fired_at=None, fires_at=timezone.now())
    found = client.get(f"{ALERTS}{one.pk}/").json()
    assert (found["id"], found["state"], found["fires_at"] is None, found["fired_at"]) == (one.pk, "pending", False, None)
    assert len(found["transitions"]) == 1
    assert client.post(f"{ALERTS}{one.pk}/acknowledge/", {}, format="json").status_code == 409


def test_unknown_state_is_refused_with_its_path(engineer: Callable[..., APIClient]) -> None:
    answer = engineer().get(ALERTS, {"state": "broken"})
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "$.state")


def test_acknowledged_once(engineer: Callable[..., APIClient]) -> None:
    one, client = fire(), engineer()
    answer = client.post(f"{ALERTS}{one.pk}/acknowledge/", {"note": "On it."}, format="json")
    assert (answer.status_code, answer.json()["state"], answer.json()["transitions"][-1]["note"]) == (
        200,
        "acknowledged",
        "On it.",
    )
    again = client.post(f"{ALERTS}{one.pk}/acknowledge/", {}, format="json")
    assert (again.status_code, again["Content-Type"]) == (409, "application/problem+json")
    assert AuditEntry.objects.get(action="alert.acknowledge").token == "test"


def test_token_without_the_scope_is_refused(people: People, make_token, api) -> None:  # type: ignore[no-untyped-def]
    one = fire()
    answer = api(make_token(people.engineer, ["read"])).post(f"{ALERTS}{one.pk}/acknowledge/", {}, format="json")
    assert (answer.status_code, answer.json()["scope"]) == (403, "alerts:write")


@pytest.mark.parametrize("only", [{"scorecards": ["other"]}, {"services": ["catalog"]}])
def test_restricted_token_sees_and_moves_nothing_else(engineer: Callable[..., APIClient], only: dict[str, list[str]]) -> None:
    one, client = fire(), engineer(**only)
    assert client.get(ALERTS).json()["results"] == []
    assert client.post(f"{ALERTS}{one.pk}/acknowledge/", {}, format="json").status_code == 404


def quiet(**fields: object) -> dict[str, object]:
    now = timezone.now()
    wanted = {"reason": "Maintenance", "starts_at": now.isoformat(), "ends_at": (now + timedelta(hours=1)).isoformat()}
    return wanted | fields


def test_quiet_is_planned_seen_and_ended(engineer: Callable[..., APIClient]) -> None:
    fire()
    client = engineer()
    answer = client.post(SILENCES, quiet(kpi="plan/memory-0", service="orders"), format="json")
    assert (answer.status_code, answer.json()["kpi"]) == (201, "plan/memory-0")
    assert client.get(ALERTS).json()["results"][0]["silenced_until"] is not None
    ended = client.post(f"{SILENCES}{answer.json()['id']}/end/")
    assert (ended.status_code, ended.json()["holds_until"]) == (200, None)
    assert client.get(ALERTS).json()["results"][0]["silenced_until"] is None


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"everything": True, "rule": "FREQ=HOURLY"}, "$.rule"),
        ({"everything": True, "zone": "Nowhere"}, "$.zone"),
        ({"everything": True, "ends_at": "2000-01-01T00:00:00Z"}, "$.ends_at"),
        ({"kpi": "nothing"}, "$.kpi"),
        ({"scorecard": "nothing"}, "$.scorecard"),
        ({"reason": " ", "everything": True}, "$.reason"),
        ({}, "$.everything"),
        ({"kpis": "plan/memory-0"}, "$.kpis"),
        ({"everything": True, "kpi": "memory-0"}, "$.everything"),
        ({"service": "nobody"}, "$.service"),
        ({"everything": True, "rule": "FREQ=DAILY", "ends_at": (timezone.now() + timedelta(days=3)).isoformat()}, "$.ends_at"),
    ],
)
def test_bad_silence_says_where(engineer: Callable[..., APIClient], fields: dict[str, object], path: str) -> None:
    fire()
    answer = engineer().post(SILENCES, quiet(**fields), format="json")
    assert answer.status_code in (400, 422)
    assert [error["path"] for error in answer.json()["errors"]] == [path]
    assert Silence.objects.count() == 0


def test_everything_is_silenced_where_it_is_said(engineer: Callable[..., APIClient]) -> None:
    client = engineer()
    planned = client.post(SILENCES, quiet(everything=True), format="json")
    assert planned.status_code == 201
    assert client.get(SILENCES).json()["results"] == [planned.json()]


def test_restricted_token_mutes_nothing_else(engineer: Callable[..., APIClient]) -> None:
    fire()
    client = engineer(scorecards=["plan"])
    assert client.post(SILENCES, quiet(), format="json").status_code == 422
    assert client.post(SILENCES, quiet(scorecard="plan"), format="json").status_code == 201
    assert Silence.objects.count() == 1
