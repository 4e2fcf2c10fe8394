"""Which routes of an OpenAPI document can be asked as they stand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from probes.openapi import NotOpenApi, read


def document(paths: dict[str, Any], **more: Any) -> str:
    return json.dumps({"openapi": "3.1.0", "info": {"title": "Orders"}, "paths": paths, **more})


def get(**more: Any) -> dict[str, Any]:
    return {"get": {"summary": "S", **more}}


def needed(name: str = "q", *, required: bool = True) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required}


@pytest.mark.parametrize(
    ("path", "item", "offered"),
    [
        ("/users", get(), True),
        ("/users", get(parameters=[needed(required=False)]), True),
        ("/users", get(parameters=[needed()]), False),
        ("/users", {**get(), "parameters": [needed()]}, False),
        ("/users", get(parameters=[{"$ref": "#/components/parameters/Optional"}]), True),
        ("/users", get(parameters=[{"$ref": "#/components/parameters/Required"}]), False),
        ("/users", get(parameters=[{"$ref": "#/nowhere"}]), False),
        ("/users", get(requestBody={}), False),
        ("/users/{id}", get(), False),
        ("/users", {"post": {}}, False),
        ("/metrics", get(), False),
        ("/a b", get(), False),
        ("/events", get(responses={"200": {"content": {"text/event-stream": {}}}}), False),
        ("/users", "nonsense", False),
    ],
)
def test_a_route_is_offered_when_nothing_is_to_be_filled_in(path: str, item: Any, offered: bool) -> None:
    components = {"parameters": {"Optional": needed(required=False), "Required": needed()}}
    routes = read(document({path: item}, components=components)).routes
    assert [route.path for route in routes] == ([path] if offered else [])


@pytest.mark.parametrize(
    ("servers", "base_path", "path"),
    [
        ([], "", "/users"),
        ([{"url": "/api"}], "", "/api/users"),
        ([{"url": "/api"}], "/api", "/users"),
        ([{"url": "https://orders.example/api/"}], "/api/", "/users"),
        ([{"url": "{scheme}://x"}], "", "/users"),
        ("nonsense", "", "/users"),
    ],
)
def test_paths_are_told_from_the_base_address(servers: Any, base_path: str, path: str) -> None:
    assert [route.path for route in read(document({"/users": get()}, servers=servers), base_path=base_path).routes] == [path]


def test_health_is_known_and_what_acts_is_not_safe() -> None:
    routes = read(document({path: get() for path in ("/healthz", "/v2/health/ready", "/logout", "/healthy-food")})).routes
    assert [(route.path, route.is_health, route.safe) for route in routes] == [
        ("/healthz", True, True), ("/v2/health/ready", True, True), ("/logout", False, False), ("/healthy-food", False, True),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"openapi": "3", "paths": []}', '{"paths": {}}', "<html>", "[" * 100_000])
def test_other_texts_are_no_document(text: str) -> None:
    with pytest.raises(NotOpenApi):
        read(text)
