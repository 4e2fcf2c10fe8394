import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import tokens
from accounts.models import User
from kpis.models import CurrentValue, IngestReceipt, Measurement
from tests.kpis.factories import make_kpi, make_scorecard, make_target, record_values

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
URL = "/api/v1/measurements/"


def person(role: str, username: str = "") -> User:
    user = User.objects.create(username=username or role)
    user.groups.add(Group.objects.get_or_create(name=role)[0])
    return user


@pytest.fixture
def client_of() -> Callable[..., Client]:
    def make(*scopes: str, **restrictions: Any) -> Client:
        owner = User.objects.filter(username="machine").first() or person("administrator", "machine")
        _, secret = tokens.issue(owner=owner, name="ci", scopes=scopes or ("read", "results:write"), **restrictions)
        return Client(headers={"Authorization": f"Bearer {secret}"})

    return make


def row(**fields: Any) -> dict[str, Any]:
    return {"kpi": "latency", "subject": "orders", "at": timezone.now().isoformat(), "value": 12.5} | fields


def post(client: Client, rows: Any, **headers: str) -> Any:
    return client.post(URL, json.dumps(rows), content_type="application/json", headers=headers)


def test_array_envelope_and_lines_are_the_same(client_of) -> None:  # type: ignore[no-untyped-def]
    kpi, client = make_kpi("latency"), client_of()
    rows = [row(at=(timezone.now() - timedelta(minutes=i)).isoformat()) for i in range(3)]
    assert post(client, rows).json() == {"stored": 3, "ignored": 0}
    assert post(client, {"measurements": rows}).json() == {"stored": 0, "ignored": 3}
    lines = "\n".join(json.dumps(one) for one in rows)
    answer = client.post(URL, lines, content_type="application/x-ndjson")
    assert (answer.status_code, answer.json()) == (201, {"stored": 0, "ignored": 3})
    assert Measurement.objects.filter(series__kpi=kpi).count() == 3


def test_somebody_who_is_logged_in_is_told_the_same_places_and_needs_the_token_against_forgery() -> None:
    make_kpi("latency")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person("engineer"))
    assert post(browser, [row()]).status_code == 403
    browser.get("/")
    forgery = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    refused = post(browser, [row(), row(value=float("nan"))], **forgery)
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "$[1].value")
    assert post(browser, [row()], **forgery).json() == {"stored": 1, "ignored": 0}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"value": float("nan")}, "$[1].value"),
        ({"value": float("inf")}, "$[1].value"),
        ({"value": "12"}, "$[1].value"),
        ({"value": None}, "$[1].value"),
        ({"at": "2999-01-01T00:00:00Z"}, "$[1].at"),
        ({"at": "1999-12-31T23:59:59Z"}, "$[1].at"),
        ({"at": "2026-01-01T00:00:00"}, "$[1].at"),
        ({"at": "yesterday"}, "$[1].at"),
        ({"kpi": "nothing"}, "$[1].kpi"),
        ({"unit": "MB"}, "$[1].unit"),
        ({"count": -1}, "$[1].count"),
        ({"count": 1.5}, "$[1].count"),
        ({"colour": "red"}, "$[1].colour"),
        ({"subject": ""}, "$[1].subject"),
        ({"histogram": {"unit": "ms", "values": [2, 1], "counts": [1, 1]}}, "$[1].histogram.values[1]"),
        ({"histogram": {"unit": "ms", "values": [1, 2], "counts": [1, 0]}}, "$[1].histogram.counts[1]"),
        ({"histogram": {"unit": "MB", "values": [1], "counts": [1]}}, "$[1].histogram.unit"),
    ],
)
def test_bad_field_is_named_and_nothing_is_stored(client_of, fields: dict[str, Any], path: str) -> None:  # type: ignore[no-untyped-def]
    make_kpi("latency")
    answer = post(client_of(), [row(), row(**fields)])
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert [error["path"] for error in answer.json()["errors"]] == [path]
    assert Measurement.objects.count() == 0


def test_one_row_too_many(client_of) -> None:  # type: ignore[no-untyped-def]
    make_kpi("latency")
    answer = post(client_of(), [row()] * 10_001)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "$[10000]")


def test_ambiguous_key_is_refused_with_the_candidates(client_of) -> None:  # type: ignore[no-untyped-def]
    for slug in ("one", "two"):
        make_kpi("latency", scorecard=make_scorecard(slug))
    answer = post(client_of(), [row()])
    assert (answer.status_code, answer.json()["errors"][0]["candidates"]) == (422, ["one/latency", "two/latency"])
    assert post(client_of(), [row(kpi="two/latency")]).status_code == 201


def test_another_value_is_a_conflict(client_of) -> None:  # type: ignore[no-untyped-def]
    make_kpi("latency")
    client, sent = client_of(), row()
    post(client, [sent])
    answer = post(client, [row(), sent | {"value": 99}])
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (409, "$[1].value")
    assert Measurement.objects.count() == 1


def test_idempotency_key_gives_the_same_answer_again(client_of) -> None:  # type: ignore[no-untyped-def]
    make_kpi("latency")
    client, rows = client_of(), [row()]
    answers = [post(client, rows, **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert [(one.status_code, one.json()) for one in answers] == [
        (201, {"stored": 1, "ignored": 0}),
        (200, {"stored": 1, "ignored": 0}),
    ]
    assert post(client, [row(value=1)], **{"Idempotency-Key": "k"}).status_code == 422


def test_refused_batch_leaves_its_key_free(client_of) -> None:  # type: ignore[no-untyped-def]
    make_kpi("latency")
    client = client_of()
    assert post(client, [row(value=-1)], **{"Idempotency-Key": "k"}).status_code == 422
    assert post(client, [row()], **{"Idempotency-Key": "k"}).status_code == 201


@pytest.mark.django_db(transaction=True)
@pytest.mark.sqlite
def test_of_two_bodies_with_one_key_at_once_only_one_is_stored(client_of) -> None:  # type: ignore[no-untyped-def]
    """The second one comes when a part of the first one is stored."""
    make_kpi("latency")
    client, now, late = client_of(), timezone.now(), list[int]()
    many = [row(at=(now - timedelta(seconds=i)).isoformat()) for i in range(4000)]

    def meanwhile(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not late and connection.in_atomic_block and 'FROM "kpis_series"' in sql:
            late.append(0)
            late[0] = post(client, [row(subject="other")], **{"Idempotency-Key": "k"}).status_code
        return execute(sql, params, many, context)

    with connection.execute_wrapper(meanwhile):
        assert post(client, many, **{"Idempotency-Key": "k"}).status_code == 201
    assert (late, Measurement.objects.filter(series__subject="other").count()) == ([422], 0)


def test_a_key_that_its_twin_freed_meanwhile_is_taken_again(client_of) -> None:  # type: ignore[no-untyped-def]
    """The same body came twice, and one was refused while the other was stored."""
    make_kpi("latency")
    client, rows = client_of(), [row()]

    def freed(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE") and "ingestreceipt" in sql:
            IngestReceipt.objects.all().delete()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(freed):
        assert post(client, rows, **{"Idempotency-Key": "k"}).status_code == 201
    assert (post(client, rows, **{"Idempotency-Key": "k"}).status_code, Measurement.objects.count()) == (200, 1)


def test_units_and_histograms_are_converted(client_of) -> None:  # type: ignore[no-untyped-def]
    make_kpi("latency", aggregation="p95")
    histogram = {"unit": "s", "values": [0.01, 1.0], "counts": [90, 10]}
    assert post(client_of(), [row(value=0.109, unit="s", histogram=histogram)]).status_code == 201
    current = CurrentValue.objects.get()
    assert (current.value, current.count) == (pytest.approx(1000, rel=0.004), 100)


def test_a_bare_figure_over_many_samples_is_no_percentile(client_of) -> None:  # type: ignore[no-untyped-def]
    make_kpi("latency", aggregation="p95")
    answer = post(client_of(), [row(value=190), row(value=200, count=1000)])
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["path"], Measurement.objects.count()) == (422, "$[1].reported", 0)
    assert "no 95th percentile unless its source says so: set it to true" in error["detail"]
    assert post(client_of(), [row(value=200, count=1000, reported=True)]).status_code == 201


def test_a_reduction_takes_the_raw_figure(client_of) -> None:  # type: ignore[no-untyped-def]
    make_kpi("cost", unit="%", direction="higher", aggregation="last", reference=80, reference_unit="USD")
    assert post(client_of(), [row(kpi="cost", value=60, unit="USD"), row(kpi="cost", value=100)]).status_code == 201
    assert list(Measurement.objects.order_by("at").values_list("raw", "value")) == [(60, 25), (100, -25)]
    answer = post(client_of(), [row(kpi="cost", value=60, unit="%")])
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "$[0].unit")
    samples = {"values": [60.0], "counts": [1]}
    answer = post(client_of(), [row(kpi="cost", value=60, histogram=samples)])
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "$[0].histogram")


def test_leap_second_is_understood(client_of) -> None:  # type: ignore[no-untyped-def]
    make_kpi("latency")
    assert post(client_of(), [row(at="2016-12-31T23:59:60Z")]).status_code == 201
    assert Measurement.objects.get().at.isoformat() == "2017-01-01T00:00:00+00:00"


@pytest.mark.parametrize(("kind", "body", "status"), [("application/json", "{", 400), ("text/csv", "a,b", 415), ("application/json", " ", 400)])  # fmt: skip  # noqa: E501
def test_what_cannot_be_read(client_of, kind: str, body: str, status: int) -> None:  # type: ignore[no-untyped-def]
    assert client_of().post(URL, body, content_type=kind).status_code == status


def test_token_writes_only_what_it_may(client_of) -> None:  # type: ignore[no-untyped-def]
    make_kpi("latency", scorecard=make_scorecard("mine"))
    assert post(Client(), [row()]).status_code == 401
    assert post(client_of("read"), [row()]).status_code == 403
    assert post(client_of(services=["other"]), [row()]).status_code == 403
    assert post(client_of(scorecards=["other"]), [row()]).status_code == 422
    assert Measurement.objects.count() == 0


def test_kpis_are_listed_by_status_and_shown_in_full(client_of) -> None:  # type: ignore[no-untyped-def]
    met = make_kpi("met", scorecard=make_scorecard("card"))
    make_kpi("silent", scorecard=met.scorecard)
    make_target(met, "<", 500)
    record_values(met, [100], until=timezone.now())
    client = client_of("read")
    listed = client.get("/api/v1/kpis/?status=met").json()["results"]
    assert [(one["key"], one["status"], one["actual"]) for one in listed] == [("met", "met", 100)]
    shown = client.get("/api/v1/kpis/card/met/").json()
    assert (shown["target"]["target"], shown["series"][0]["subject"]) == ("< 500", "orders")
    card = client.get("/api/v1/scorecards/card/").json()
    assert card["headline"] == "1 of 1 target is met, 1 has no data."
    course = client.get("/api/v1/kpis/card/met/measurements/?points=10").json()
    assert (course["unit"], course["resolution"], [point["value"] for point in course["points"]]) == ("ms", "raw", [100])
    assert client_of("read", scorecards=["other"]).get("/api/v1/kpis/card/met/").status_code == 404


def test_token_proposes_and_a_person_approves(client_of) -> None:  # type: ignore[no-untyped-def]
    make_kpi("latency", scorecard=make_scorecard("card"))
    machine = client_of("read", "targets:propose")
    sent = machine.post("/api/v1/kpis/card/latency/targets/", {"target": "< 0.5 s"}, content_type="application/json")
    assert (sent.status_code, sent.json()["value"], sent.json()["decision"]) == (201, 500, "proposed")
    url = f"/api/v1/targets/{sent.json()['id']}/approve/"
    assert machine.post(url, {}, content_type="application/json").status_code == 403
    browser = Client()
    browser.force_login(person("approver"))
    done = browser.post(url, {"note": "ok"}, content_type="application/json")
    assert (done.status_code, done.json()["decision"], done.json()["decided_by"]) == (200, "approved", "approver")
    assert browser.post(url, {}, content_type="application/json").status_code == 409
