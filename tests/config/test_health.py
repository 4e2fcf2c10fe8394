"""Who may ask whether it is ready, and what it says when something is missing."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import tokens
from probes import heartbeat
from tests.factories import People

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
STRANGER = "203.0.113.9"


def read(path: str, secret: str) -> int:
    return Client(REMOTE_ADDR=STRANGER).get(path, HTTP_AUTHORIZATION=f"Bearer {secret}").status_code


def test_ready_only_while_the_engine_lives(settings: Any) -> None:
    settings.REDIS_URL = ""
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["parts"]["worker"]) == (503, {"ok": False, "detail": "never seen"})
    for role in ("scheduler", "worker"):
        heartbeat.beat(role, now=timezone.now())
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "nonsense"])
def test_unreachable_broker_is_named(url: str, settings: Any) -> None:
    settings.REDIS_URL = url
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["broker"]["detail"].startswith("Redis does not answer")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded"])
def test_request_through_a_local_proxy_is_not_local(header: str) -> None:
    assert Client(REMOTE_ADDR="127.0.0.1").get("/readyz", headers={header: STRANGER}).status_code == 401


@pytest.mark.parametrize(("scope", "status"), [("read", 200), ("results:write", 401)])
def test_metrics_need_the_scope_read(scope: str, status: int, people: People) -> None:
    _, secret = tokens.issue(owner=people.engineer, name="scraper", scopes=[scope])
    assert read("/metrics", secret) == status


def test_metrics_are_closed_when_the_owner_lost_the_role(people: People) -> None:
    _, secret = tokens.issue(owner=people.engineer, name="scraper", scopes=["read"])
    people.engineer.groups.clear()
    assert read("/metrics", secret) == 401
