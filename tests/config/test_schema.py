"""What the API says of itself."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse, JsonResponse
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from kpis.models import KPI
from tests import contract
from tests.kpis.factories import make_kpi, make_scorecard

KPIS = "api/v1/kpis/"


@pytest.fixture(scope="module")
def schema() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)


@pytest.fixture
def page(as_viewer: Client, db: None) -> dict[str, Any]:
    """An answer as it should be."""
    make_kpi("speed", scorecard=make_scorecard("plan"))
    found: dict[str, Any] = as_viewer.get(f"/{KPIS}").json()
    assert len(found["results"]) == 1
    return found


def told(response: HttpResponse, method: str = "GET") -> str:
    """Where an answer departs; nothing where it does not."""
    try:
        contract.check(method, KPIS, response)
    except contract.Departs as departs:
        return str(departs).partition(": ")[2]
    return ""


def test_every_operation_tells_how_it_refuses(schema: Any) -> None:
    answers = [operation["responses"] for operations in schema["paths"].values() for operation in operations.values()]
    assert answers
    assert all("application/problem+json" in answer["default"]["content"] for answer in answers)
    assert schema["components"]["schemas"]["Problem"]["required"] == ["type", "title", "status"]


def test_a_batch_is_described_to_its_fields(schema: Any) -> None:
    body = schema["paths"]["/api/v1/measurements/"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    rows, enveloped = body["oneOf"]
    assert (enveloped["required"], enveloped["additionalProperties"]) == (["measurements"], False)
    assert (rows["maxItems"], rows["items"]["required"]) == (10_000, ["kpi", "subject", "at", "value"])


def test_every_answer_is_described_to_its_fields(schema: Any) -> None:
    untyped = [
        (method, path, status)
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
        for status, answer in operation["responses"].items()
        if status not in ("default", "204")
        for media in answer.get("content", {"": {}}).values()
        if not media.get("schema") or media["schema"].get("additionalProperties") == {}
    ]
    assert untyped == []


def test_a_filter_is_that_of_the_list_alone(schema: Any) -> None:
    get, post = (schema["paths"][f"/{KPIS}"][method] for method in ("get", "post"))
    assert {one["name"] for one in get["parameters"]} == {"scorecard", "archived", "status", "category", "service"}
    assert ("parameters" in post, list(get["responses"]), list(post["responses"])) == (
        False,
        ["200", "default"],
        ["201", "default"],
    )


def test_a_type_becomes_a_component_of_its_name(schema: Any) -> None:
    found = schema["components"]["schemas"]
    assert found["KpiPage"]["properties"]["results"] == {"type": "array", "items": {"$ref": "#/components/schemas/Kpi"}}
    assert found["Kpi"]["properties"]["target"]["oneOf"] == [{"$ref": "#/components/schemas/Target"}, {"type": "null"}]
    assert found["Target"]["properties"]["due_on"] == {"type": ["string", "null"], "format": "date"}
    assert "invalidated_at" not in found["Result"]["required"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, ""),
        ({"name": ...}, "$.results[0]: 'name' is a required property"),
        ({"extra": 1}, "$.results[0]: Additional properties are not allowed ('extra' was unexpected)"),
        ({"window_s": "3600"}, "$.results[0].window_s: '3600' is not of type 'integer'"),
        ({"name": None}, "$.results[0].name: None is not of type 'string'"),
        ({"status": "fine"}, "$.results[0].status: 'fine' is not one of ['no_data', "),
        ({"since": "2026-03-01T12:00:00"}, "$.results[0].since: '2026-03-01T12:00:00' is not a 'date-time'"),
    ],
)
def test_only_an_answer_that_departs_is_told(page: dict[str, Any], change: dict[str, Any], fault: str) -> None:
    row = {name: value for name, value in (page["results"][0] | change).items() if value is not ...}
    words = told(JsonResponse(page | {"results": [row]}))
    assert (bool(words), words.startswith(fault)) == (bool(fault), True)


def test_a_status_or_a_kind_that_is_not_described_is_told(page: dict[str, Any]) -> None:
    assert contract.operations()["GET", f"/{KPIS}"].keys() == {"200", "default"}
    with pytest.raises(contract.Departs, match="200 is not described, only 201, default"):
        contract.check("POST", KPIS, JsonResponse(page))
    assert told(HttpResponse("<p>", content_type="text/html")) == "text/html is not described, only application/json"


def test_an_answer_that_departs_fails_the_test_that_asked(as_viewer: Client, page: dict[str, Any]) -> None:
    KPI.objects.update(category="none of ours")
    with pytest.raises(contract.Departs, match=r"results\[0\]\.category"):
        as_viewer.get(f"/{KPIS}")
