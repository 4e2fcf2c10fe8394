"""Every address, walked as a stranger: closed unless it was opened on purpose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import IntConverter, UUIDConverter

VALUES = {"slug": "x", "key": "x", "kind": "http", "pk": "1", "uuid": "00000000-0000-0000-0000-000000000000", "number": "1"}
BY_CONVERTER: dict[type, str] = {UUIDConverter: VALUES["uuid"], IntConverter: "1"}
OPEN = {
    "/login/", "/password/reset/", "/password/reset/sent/", "/password/reset/x/x/", "/healthz",
    "/badges/kpi/x/x.svg", "/badges/roadmap/x.svg", "/admin/jsi18n/", "/alerts/link/x/",
}  # fmt: skip
LOOPBACK_ONLY = {"/readyz", "/metrics"}


def addresses(resolver: URLResolver, prefix: str = "/") -> Iterator[tuple[str, str]]:
    for pattern in resolver.url_patterns:
        route = str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, prefix + route)
        elif isinstance(pattern, URLPattern) and "(?P" not in route and "^" not in route:
            path = prefix + route
            for name, converter in pattern.pattern.converters.items():
                value = BY_CONVERTER.get(type(converter), VALUES.get(name, "x"))
                path = re.sub(rf"<(\w+:)?{name}>", value, path)
            yield path, pattern.name or ""


ALL = sorted(set(addresses(get_resolver())))


def test_walk_finds_the_applications() -> None:
    assert len(ALL) > 80
    assert not [path for path, _ in ALL if "<" in path]


@pytest.mark.django_db
@pytest.mark.parametrize("path", sorted({path for path, _ in ALL} - OPEN - LOOPBACK_ONLY))
def test_stranger_is_turned_away(path: str) -> None:
    for method in ("get", "post"):
        answer = getattr(Client(REMOTE_ADDR="203.0.113.9"), method)(path)
        if path.startswith("/api/v1/") or path in ("/api/schema/", "/api/docs/"):
            assert answer.status_code in (401, 403, 405), path
            assert answer["Content-Type"].startswith("application/problem+json"), path
        elif path.startswith("/api/"):
            assert answer.status_code == 404, path
        else:
            assert answer.status_code in (302, 403), (path, answer.status_code)
            if answer.status_code == 302:
                assert "/login/" in answer["Location"], path


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
def test_health_is_for_readers_and_for_this_machine_alone(path: str, settings: Any) -> None:
    assert Client(REMOTE_ADDR="203.0.113.9").get(path).status_code == 401
    assert Client(REMOTE_ADDR="127.0.0.1").get(path, HTTP_X_FORWARDED_FOR="203.0.113.9").status_code == 401
    assert Client(REMOTE_ADDR="127.0.0.1").get(path).status_code in (200, 503)
    settings.TRUST_LOOPBACK = False
    assert Client(REMOTE_ADDR="127.0.0.1").get(path).status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/login/", "/password/reset/", "/healthz"])
def test_what_is_open_answers(path: str) -> None:
    assert Client().get(path).status_code == 200


@pytest.mark.django_db
def test_unknown_endpoint_is_a_problem_document() -> None:
    answer = Client().get("/api/v1/nothing/")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:milepost:problem:not-found")
