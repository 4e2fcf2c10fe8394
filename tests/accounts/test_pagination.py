import base64

import pytest
from django.test import Client

from tests.kpis.factories import make_kpi, make_scorecard

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
ENDS = ["p=0001-01-01T00:00:00%2B14:00", "p=9999-12-31T23:59:59-14:00"]
"""Of the calendar: in UTC they lie outside of it."""


@pytest.mark.parametrize("position", ["p=abc", "p=%00", "p=2026-13-45", "p=" + "9" * 5000, "o=-1", *ENDS])
@pytest.mark.parametrize(
    "path",
    ["activity/", "kpis/", "waivers/", "results/", "kpis/shop/latency/reviews/", "kpis/shop/latency/targets/", "scorecards/"],
)
def test_a_cursor_that_nobody_was_given_is_refused_or_leads_nowhere(as_admin: Client, path: str, position: str) -> None:
    make_kpi("latency", scorecard=make_scorecard("shop"))
    cursor = base64.b64encode(position.encode()).decode()
    assert as_admin.get(f"/api/v1/{path}", {"cursor": cursor}).status_code in (200, 404)


def test_the_next_page_follows(as_admin: Client) -> None:
    for name in ("a", "b", "c"):
        make_kpi(name, scorecard=make_scorecard(f"card-{name}"))
    first = as_admin.get("/api/v1/scorecards/", {"limit": 2}).json()
    second = as_admin.get(first["next"]).json()
    assert [card["slug"] for page in (first, second) for card in page["results"]] == ["card-a", "card-b", "card-c"]
