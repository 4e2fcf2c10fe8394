"""Whatever fails under /api/ leaves as a problem document."""

from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import AuditEntry
from config import errors
from kpis import targets, waivers
from roadmap import closing
from tests.factories import People
from tests.kpis.factories import make_kpi, make_scorecard, record_values
from tests.probes.factories import make_service
from tests.roadmap.factories import make_phase, make_roadmap, make_task

pytestmark = pytest.mark.django_db
MEDIA_TYPE = "application/problem+json"


@pytest.fixture
def engineer(people: People, make_token: Any, api: Any) -> APIClient:
    return api(make_token(people.engineer, ["read", "probes:write"]))


@pytest.mark.parametrize(
    ("method", "path", "content_type", "status", "slug"),
    [
        ("get", "/api/v1/nothing/", "application/json", 404, "not-found"),
        ("get", "/api/v1/services/nothing/", "application/json", 404, "not-found"),
        ("delete", "/api/v1/kpis/", "application/json", 405, "method-not-allowed"),
        ("post", "/api/v1/services/", "text/xml", 415, "unsupported-media-type"),
        ("post", "/api/v1/tokens/", "application/json", 403, "people-only"),
    ],
)
def test_refusal_is_a_problem(engineer: APIClient, method: str, path: str, content_type: str, status: int, slug: str) -> None:
    answer = engineer.generic(method.upper(), path, "{}", content_type=content_type)
    assert (answer.status_code, answer["Content-Type"]) == (status, MEDIA_TYPE)
    assert answer.json()["type"] == f"urn:milepost:problem:{slug}"


def test_unreadable_body_is_a_problem(engineer: APIClient) -> None:
    answer = engineer.generic("POST", "/api/v1/services/", "{", content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (400, MEDIA_TYPE)


@pytest.mark.parametrize("path", ["/api/v1/services/", "/api/v1/results/", "/api/v1/nothing/", "/login/"])
def test_body_that_is_too_large_is_refused_before_it_is_read(path: str, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert Client().generic("POST", path, b"x" * 1001, content_type="application/json").status_code == 413


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Transfer-Encoding": "chunked"}, 411), ({"Content-Encoding": "gzip"}, 415), ({"Content-Encoding": "br"}, 415),
        ({"Content-Encoding": "identity"}, 401),
    ],
)  # fmt: skip
def test_a_body_in_pieces_or_packed_is_refused(headers: dict[str, str], status: int) -> None:
    answer = Client().generic("POST", "/api/v1/measurements/", b"", content_type="application/json", headers=headers)
    assert (answer.status_code, answer["Content-Type"]) == (status, MEDIA_TYPE)


@pytest.mark.databases
def test_a_nul_in_a_posted_field_is_not_kept(as_admin: Client, people: People) -> None:
    now = timezone.now()
    kpi = make_kpi("latency", scorecard=make_scorecard("shop"), owner=people.administrator)
    record_values(kpi, [1.0], until=now)
    held = {"reason": "r", "expires_at": now + timedelta(days=2), "now": now, "actor": people.manager}
    waiver = waivers.request_waiver(kpi=kpi, **held)
    target = targets.propose(kpi=kpi, actor=people.manager, target="< 500")
    task = make_task(make_phase(make_roadmap()))
    gate = closing.request_waiver(gate=task.phase.gate, **held)
    service = make_service()
    for path, data in (
        (f"/series/{kpi.series.get().pk}/turn/", {"do": "set_aside", "why": "a\0b"}),
        ("/scorecards/shop/latency/review/", {"note": "a\0b"}),
        (f"/targets/{target.pk}/decide/", {"decision": "reject", "note": "a\0b"}),
        (f"/waivers/{waiver.pk}/decide/", {"decision": "reject", "note": "a\0b"}),
        (f"/gate-waivers/{gate.pk}/decide/", {"decision": "reject", "note": "a\0b"}),
        (f"/tasks/{task.pk}/state/", {"state": "blocked", "note": "a\0b"}),
        ("/services/actions/", {"action": "pause", "slug": service.slug, "why": "a\0b"}),
    ):
        before = AuditEntry.objects.count()
        assert as_admin.post(path, data).status_code == 302, path
        assert (AuditEntry.objects.count(), AuditEntry.objects.latest("pk").why) == (before + 1, "ab"), path


def test_browser_session_needs_its_csrf_token(people: People) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.engineer)
    answer = client.post("/api/v1/tokens/", {"name": "x", "scopes": ["read"]}, content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (403, MEDIA_TYPE)
    assert "CSRF" in answer.json()["detail"]
    assert client.post("/api/v1/nothing/").status_code == 404


def refused(request: HttpRequest) -> list[HttpResponse]:
    error = Exception("why")
    return [
        errors.bad_request(request, error),
        errors.forbidden(request, error),
        errors.not_found(request, error),
        errors.failed(request),
        errors.csrf_failed(request, "why"),
        errors.body(request, 413, "too-large", "why"),
    ]


def test_handlers_answer_api_and_pages_each_in_their_way() -> None:
    problems = refused(RequestFactory().get("/api/v1/kpis/"))
    pages = refused(RequestFactory().get("/services/"))
    assert [answer.status_code for answer in problems] == [400, 403, 404, 500, 403, 413]
    assert [answer.status_code for answer in pages] == [400, 403, 404, 500, 403, 413]
    assert {answer["Content-Type"] for answer in problems} == {MEDIA_TYPE}
    assert MEDIA_TYPE not in {answer["Content-Type"] for answer in pages}
