"""A NUL in an address: no stored text has one, and PostgreSQL refuses to be asked for it."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry
from kpis import waivers
from kpis.models import Submission
from tests.factories import People
from tests.kpis.factories import make_kpi, make_scorecard, record_values
from tests.probes.factories import make_service

pytestmark = [pytest.mark.django_db, pytest.mark.databases]


@pytest.fixture
def shop(people: People) -> None:
    now = timezone.now()
    kpi = make_kpi("latency", scorecard=make_scorecard("shop"), owner=people.administrator)
    record_values(kpi, [1.0], until=now)
    held: dict[str, Any] = {"reason": "r", "expires_at": now.replace(year=now.year + 1), "now": now, "actor": people.manager}
    waivers.request_waiver(kpi=kpi, **held)
    make_service(slug="orders", tags=["x"])


@pytest.mark.parametrize("nul", ["%00", "a%00", "%0%000"])
@pytest.mark.parametrize(
    "query",
    [
        "/activity/?person", "/activity/?thing", "/activity/?action", "/activity/?of=a:1", "/services/?q", "/services/?tag",
        "/services/?environment", "/waivers/?q", "/results/?service", "/results/?verdict", "/alerts/?service",
        "/alerts/?scorecard", "/api/v1/activity/?person", "/api/v1/kpis/?scorecard", "/api/v1/kpis/?service",
        "/api/v1/kpis/?category", "/api/v1/rules/?scorecard", "/api/v1/runs/?service", "/api/v1/alerts/?service",
    ],
)  # fmt: skip
def test_a_nul_in_a_filter_is_a_text_that_nothing_has(shop: None, as_admin: Client, query: str, nul: str) -> None:
    answer = as_admin.get(f"{query}={nul}" if "=" not in query else f"{query}{nul}")
    assert answer.status_code == 200
    assert (answer.json()["results"] if "/api/" in query else list(answer.context["page"])) == []


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/activity/?from=%00", 422), ("/api/v1/activity/?to=2026-11-28%00", 422), ("/api/v1/kpis/?status=%00", 422),
        ("/api/v1/kpis/shop/latency/measurements/?from=%00", 422), ("/api/v1/kpis/shop/latency/measurements/?points=5%00", 422),
        ("/api/v1/kpis/?cursor=%00", 404), ("/api/v1/services/a%00/", 404), ("/scorecards/shop/latency/entries/a%00/", 404),
        ("/maintenance/?service=%00", 200), ("/scorecards/shop/?q=%00", 200), ("/waivers/new/?kpi=shop/latency%00", 200),
    ],
)  # fmt: skip
def test_a_nul_where_something_is_read_is_answered_as_any_text(shop: None, as_admin: Client, address: str, status: int) -> None:
    assert as_admin.get(address).status_code == status


def test_the_admin_site_finds_nothing_either(shop: None, as_admin: Client) -> None:
    assert as_admin.get("/admin/probes/service/?q=%00").context["cl"].result_count == 0


@pytest.mark.parametrize("path", ["/api/v1/results/?service=orders%00&scorecard=shop", "/waivers/new/?kpi=shop/latency%00"])
def test_nothing_is_written_by_an_address_with_a_nul(shop: None, as_admin: Client, path: str) -> None:
    before = AuditEntry.objects.count()
    assert as_admin.post(path, "{}", content_type="application/json").status_code == 400
    assert (AuditEntry.objects.count(), Submission.objects.count()) == (before, 0)
