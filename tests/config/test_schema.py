"""What the API says of itself."""

from __future__ import annotations

from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator


@pytest.fixture(scope="module")
def schema() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)


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
