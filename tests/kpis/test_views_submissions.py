import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from kpis.models import Measurement, Submission
from tests.factories import People
from tests.kpis.factories import make_kpi, make_scorecard, make_target

pytestmark = pytest.mark.django_db


@pytest.fixture
def send(people: People, make_token: Callable[..., str], api: Callable[[str], APIClient]) -> Callable[..., Submission]:
    client = api(make_token(people.engineer, ["results:write", "read"]))
    kpi = make_kpi("response-time", scorecard=make_scorecard("plan"), aggregation="mean")
    make_target(kpi, effective_from=timezone.now())

    def post(value: float = 400.0, **query: Any) -> Submission:
        benchmarks = [{"name": "test_response_time", "metric": "latency", "value": value, "unit": "ms"}]
        benchmarks.append({"name": "test_other", "metric": "latency", "value": 1.0, "unit": "ms"})
        address = "&".join(f"{name}={text}" for name, text in {"service": "orders", "branch": "main", **query}.items())
        body = json.dumps({"milepost": 1, "samples": benchmarks})
        answer = client.post(f"/api/v1/results/?{address}", body, content_type="application/json")
        assert answer.status_code == 201, answer.content
        return Submission.objects.get(pk=answer.json()["id"])

    return post


def test_a_first_result_is_explained(as_viewer: Client) -> None:
    assert "/api/v1/results/?service=my-api" in as_viewer.get("/results/").content.decode()


def test_results_are_listed_and_filtered(send: Callable[..., Submission], as_viewer: Client) -> None:
    send(service="orders")
    send(900.0, service="catalog")
    told = as_viewer.get("/results/").content.decode()
    assert ("orders" in told, "catalog" in told) == (True, True)
    assert 'class="name">orders' not in as_viewer.get("/results/", {"service": "catalog"}).content.decode()
    assert "Clear the filter" in as_viewer.get("/results/", {"service": "nothing"}).content.decode()


def test_a_result_is_shown_objective_by_objective(send: Callable[..., Submission], as_viewer: Client) -> None:
    told = as_viewer.get(f"/results/{send(900.0).pk}/").content.decode()
    for expected in ("0 of 1 objective passed, 1 failed.", "/scorecards/plan/response-time/", "misses the target", "test_other"):
        assert expected in told
    assert "Invalidate this result" not in told


def test_a_result_is_invalidated_for_a_reason(send: Callable[..., Submission], as_engineer: Client) -> None:
    row = send()
    assert Measurement.objects.count() == 1
    refused = as_engineer.post(f"/results/{row.pk}/invalidate/", {"why": " "})
    assert refused.status_code == 422
    told = as_engineer.post(f"/results/{row.pk}/invalidate/", {"why": "Wrong machine"}, follow=True).content.decode()
    assert "Wrong machine" in told
    assert Measurement.objects.count() == 0
    again = as_engineer.post(f"/results/{row.pk}/invalidate/", {"why": "Once more"}, follow=True).content.decode()
    assert "It is invalidated already." in again


def test_a_viewer_does_not_invalidate(send: Callable[..., Submission], as_viewer: Client) -> None:
    assert as_viewer.post(f"/results/{send().pk}/invalidate/", {"why": "x"}).status_code == 403


@pytest.mark.parametrize("rows", [1, 30])
def test_the_list_asks_the_same_number_of_queries(send: Callable[..., Submission], as_viewer: Client, rows: int) -> None:
    for number in range(rows):
        send(400.0 + number)
    with CaptureQueriesContext(connection) as asked:
        assert as_viewer.get("/results/").status_code == 200
    assert len(asked) == 6
