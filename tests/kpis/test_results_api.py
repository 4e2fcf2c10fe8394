"""CI results over HTTP, as curl sends them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.models import User
from kpis import mapping, results
from kpis.models import KPI, Measurement, Sample, Submission
from tests.kpis.factories import make_kpi, make_scorecard, make_target

pytestmark = pytest.mark.django_db
URL = "/api/v1/results/"
BENCH = (Path(__file__).parents[2] / "fixtures" / "results" / "pytest_benchmark-data.json").read_bytes()
CURL = "application/x-www-form-urlencoded"


@pytest.fixture
def engineer() -> User:
    user = User.objects.create_user("ci")
    user.groups.add(Group.objects.get_or_create(name="engineer")[0])
    return user


@pytest.fixture
def ci(engineer: User) -> Client:
    client = Client()
    client.force_login(engineer)
    return client


@pytest.fixture
def kpi() -> KPI:
    kpi = make_kpi("response-time-p95", scorecard=make_scorecard("shop"), aggregation="p95", freshness_s=86400)
    make_kpi("database-query-time", scorecard=kpi.scorecard)
    make_target(kpi, "<", 500)
    return kpi


def own(value: float = 300, **sample: Any) -> bytes:
    return json.dumps(
        {"milepost": 1, "samples": [{"name": "test_response_time_p95", "unit": "ms", "value": value} | sample]}
    ).encode()


def send(client: Client, body: bytes, query: str = "?service=orders&branch=main", **more: Any) -> Any:
    return client.post(URL + query, body, content_type=more.pop("content_type", CURL), **more)


def now_bench() -> bytes:
    return json.dumps(json.loads(BENCH) | {"datetime": timezone.now().isoformat()}).encode()


def test_curl_gets_a_verdict(ci: Client, kpi: KPI) -> None:
    answer = send(ci, now_bench())
    body = answer.json()
    assert (answer.status_code, body["format"], body["verdict"], body["exit_code"]) == (
        201,
        "pytest-benchmark",
        "inconclusive",
        4,
    )
    assert [(one["kpi"], one["target_verdict"]) for one in body["objectives"]] == [
        ("response-time-p95", "pass"), ("database-query-time", "inconclusive")
    ]  # fmt: skip
    assert body["unmapped"] == ["test_orders.py::test_list_orders"]
    row = Measurement.objects.get(series__kpi=kpi)
    assert (row.origin, row.series.subject, row.series.environment) == (f"result:{body['id']}", "orders", "ci")
    assert ci.get(f"{URL}{body['id']}/").json() == body
    assert send(ci, now_bench(), "?service=orders&format=pytest-benchmark").status_code == 201


def test_multipart_and_envelope_say_the_same(ci: Client, kpi: KPI) -> None:
    upload = SimpleUploadedFile("bench.json", own(), content_type="application/json")
    form = ci.post(URL, {"file": upload, "service": "orders"})
    envelope = {"service": "orders", "format": "auto", "results": json.loads(own()), "expected": ["test_gone"]}
    posted = send(ci, json.dumps(envelope).encode(), "", content_type="application/json")
    assert (form.status_code, posted.status_code) == (201, 201)
    assert (form.json()["missing"], posted.json()["missing"], posted.json()["verdict"]) == ([], ["test_gone"], "no_data")


@pytest.mark.parametrize(
    ("body", "query", "content_type", "status"),
    [
        (b"", "", CURL, 400),
        (b"garbage", "", CURL, 400),
        (b"{}", "", CURL, 422),
        (b"\x89PNG", "", "image/png", 415),
        (own(unit="parsec"), "", CURL, 422),
        (own(kpi="no-such"), "", CURL, 422),
        (own(), "?format=nope", CURL, 422),
        (own(), "?sevrice=orders", CURL, 422),
        (own(), "?started_at=2999-01-01T00:00:00Z", CURL, 422),
    ],
)
def test_what_cannot_be_taken_leaves_nothing(
    ci: Client, kpi: KPI, body: bytes, query: str, content_type: str, status: int
) -> None:
    answer = send(ci, body, query, content_type=content_type)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert (Submission.objects.count(), Sample.objects.count(), Measurement.objects.count()) == (0, 0, 0)


@pytest.mark.databases
@pytest.mark.parametrize(
    ("body", "path"),
    [
        (own(name="a\ud800"), "$.samples[0].name"),
        (own(kpi="a\0"), "$.samples[0].kpi"),
        (b'{"testbed": {"cpu": "a\\u0000"}, "results": ' + own() + b"}", "$.testbed.cpu"),
        (b'{"testbed": {"load": NaN}, "results": ' + own() + b"}", "$.testbed"),
        (b'{"testbed": {"load": 1e999}, ' + own()[1:], "$.testbed"),
    ],
)
def test_what_no_database_keeps_is_refused_at_its_place(ci: Client, kpi: KPI, body: bytes, path: str) -> None:
    answer = send(ci, body)
    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (422, [path])


LOCAL, FIRST = "2026-03-01T12:00:00", "0001-01-01T00:00:00+14:00"


@pytest.mark.parametrize("text", [LOCAL, FIRST, "9999-12-31T23:59:59-14:00", "2026-03-01"])
def test_a_time_needs_its_offset_and_lies_in_the_calendar(ci: Client, kpi: KPI, text: str) -> None:
    dated = json.dumps(json.loads(own()) | {"started_at": text}).encode()
    for answer in (send(ci, own(), f"?started_at={quote(text)}"), send(ci, dated)):
        assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (422, ["$.started_at"])


def test_a_time_is_kept_in_utc(ci: Client, kpi: KPI) -> None:
    send(ci, own(), "?started_at=2026-03-01T12:00:00%2B02:00")
    assert [row.started_at for row in Submission.objects.all()] == [datetime(2026, 3, 1, 10, tzinfo=UTC)]


def test_too_large(ci: Client, settings: Any) -> None:
    settings.RESULTS_MAX_BYTES = 10
    assert send(ci, own()).status_code == 413


def test_stranger_and_missing_scope(kpi: KPI) -> None:
    assert send(Client(), own()).status_code == 401
    reader = Client()
    reader.force_login(User.objects.create_user("reader"))
    assert send(reader, own()).status_code == 403


def test_idempotency_key(ci: Client, kpi: KPI) -> None:
    codes = [send(ci, own(value), HTTP_IDEMPOTENCY_KEY="k").status_code for value in (300, 300, 301)]
    assert (codes, Submission.objects.count()) == ([201, 200, 422], 1)


def test_gate_stores_and_answers_422(ci: Client, kpi: KPI) -> None:
    answer = send(ci, own(900), "?service=orders&gate=1")
    assert (answer.status_code, answer.json()["verdict"], Submission.objects.count()) == (422, "fail", 1)


def test_history_makes_a_pass_and_invalid_results_leave_it(ci: Client, engineer: User, kpi: KPI) -> None:
    ids = [send(ci, own(value)).json()["id"] for value in (300, 301, 299, 302, 298)]
    assert send(ci, own(300), "?service=orders&branch=topic").json()["verdict"] == "pass"
    assert send(ci, own(400), "?service=orders&branch=topic").json()["verdict"] == "warn"
    before = Measurement.objects.count()
    assert ci.post(f"{URL}{ids[0]}/invalidate/", {"why": "noisy"}, content_type="application/json").status_code == 200
    assert Measurement.objects.count() == before - 1
    assert send(ci, own(300), "?service=orders&branch=topic").json()["verdict"] == "inconclusive"
    with pytest.raises(mapping.Refused):
        results.invalidate(submission=Submission.objects.get(pk=ids[0]), actor=engineer, why="again", now=timezone.now())


def test_mean_of_many_is_no_percentile(ci: Client, kpi: KPI) -> None:
    body = send(ci, own(count=50)).json()
    assert (body["verdict"], body["objectives"][0]["actual"], Measurement.objects.count()) == ("no_data", None, 0)


def test_mostly_failed_is_an_error_and_no_measurement(ci: Client, kpi: KPI) -> None:
    body = send(ci, own(count=10, failures=9, statistics={"p95": 2})).json()
    assert (body["verdict"], body["exit_code"], Measurement.objects.count()) == ("error", 3, 0)


@pytest.mark.parametrize(
    ("accept", "start"), [("text/markdown", b"<!-- milepost:results:orders -->"), ("application/junit+xml", b"<?xml")]
)
def test_other_shapes(ci: Client, kpi: KPI, accept: str, start: bytes) -> None:
    answer = send(ci, own(), HTTP_ACCEPT=accept)
    assert answer.content.startswith(start)
    assert answer["Content-Type"].startswith(accept)


def test_same_key_in_two_scorecards_asks_which(ci: Client, kpi: KPI) -> None:
    make_kpi("response-time-p95", scorecard=make_scorecard("other"))
    assert send(ci, own()).status_code == 422
    assert send(ci, own(), "?scorecard=shop").status_code == 201


def test_a_reduction_takes_no_ci_result(ci: Client, kpi: KPI) -> None:
    fields = {"unit": "%", "direction": "higher", "aggregation": "last", "reference": 80, "reference_unit": "ms"}
    make_kpi("saved-time", scorecard=kpi.scorecard, **fields)
    answer = send(ci, own(kpi="saved-time"))
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "$.samples[0].kpi")
    assert Measurement.objects.count() == 0


def test_results_are_listed_without_their_comment_and_with_what_became_of_them(ci: Client, kpi: KPI) -> None:
    old, new = (send(ci, own(value)).json() for value in (300, 310))
    assert ci.post(f"{URL}{old['id']}/invalidate/", {"why": "wrong machine"}, content_type="application/json").status_code == 200
    found = ci.get(URL, {"service": "orders"}).json()["results"]
    assert [(row["id"], row.get("invalidated_why")) for row in found] == [(new["id"], None), (old["id"], "wrong machine")]
    assert set(new) - set(found[0]) == {"markdown"}
