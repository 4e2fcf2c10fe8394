"""Holds every answer of the API that a test sees to what the API says of itself; `tests/conftest.py` puts it into the settings.

As a middleware it sees the answers of all clients. The description is read once, and each validator is made once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator, FormatChecker

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
FORMATS = FormatChecker(["date", "uuid"])


class Departs(AssertionError):
    """An answer is not what the API says."""


@FORMATS.checks("date-time", raises=ValueError)
def _is_moment(text: object) -> bool:
    return not isinstance(text, str) or datetime.fromisoformat(text).tzinfo is not None


def hold(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    def held(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        match = request.resolver_match
        if match is not None and match.route.startswith("api/v1/") and isinstance(response, HttpResponse):
            check(str(request.method), match.route, response)
        return response

    return held


def check(method: str, route: str, response: HttpResponse) -> None:
    """Raises Departs where the status, the media type or the body is not what is described."""
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    if method not in METHODS or response.status_code == 304 or kind == "application/problem+json":
        return
    place, path, status = f"{method} /{route} {response.status_code}", template(route), str(response.status_code)
    described = operations().get((method, path), {})
    if status not in described:
        raise Departs(f"{place} is not described, only {', '.join(described)}")
    content = described[status].get("content", {"": {}})
    if kind not in content:
        raise Departs(f"{place}: {kind or 'nothing'} is not described, only {', '.join(content)}")
    if kind == "application/json":
        body = json.loads(response.content)
        for error in validator(method, path, status).iter_errors(body):
            raise Departs(f"{place}: {error.json_path}: {error.message}")


def template(route: str) -> str:
    """`api/v1/tasks/<int:pk>/` as the description writes it."""
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route).replace("{pk}", "{id}")


@cache
def schema() -> Any:
    """The description, closed: an answer has no field that is not described."""
    found = SchemaGenerator().get_schema(request=None, public=True)
    closed(found["components"]["schemas"])
    return found


def closed(part: Any) -> None:
    if isinstance(part, dict):
        if "properties" in part:
            part.setdefault("additionalProperties", False)
        part = list(part.values())
    for inner in part if isinstance(part, list) else []:
        closed(inner)


@cache
def operations() -> dict[tuple[str, str], Any]:
    """Method and path → answers by status."""
    paths = schema()["paths"].items()
    return {(method.upper(), path): one["responses"] for path, item in paths for method, one in item.items()}


@cache
def validator(method: str, path: str, status: str) -> Any:
    found = operations()[method, path][status]["content"]["application/json"]["schema"]
    return Draft202012Validator({**found, "components": schema()["components"]}, format_checker=FORMATS)
