"""One stray series must not make a KPI stale for ever: people set it aside, with their reason, and take it back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry
from kpis import defining, streams
from kpis.faults import Refused
from kpis.models import KPI, KpiState, Series
from kpis.standing import standing
from tests.factories import People
from tests.kpis.factories import make_kpi, make_scorecard, make_target, record_values

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
PAGE, API = "/scorecards/shop/latency/", "/api/v1/"


@pytest.fixture
def kpi() -> KPI:
    """`orders` is well; `typo` was measured once, long ago."""
    found = make_kpi("latency", scorecard=make_scorecard("shop"), freshness_s=3600)
    now = timezone.now()
    make_target(found, "<", 500)
    record_values(found, [480], until=now - timedelta(days=9), subject="typo")
    record_values(found, [400], until=now)
    return found


def status(kpi: KPI) -> str:
    return str(standing(kpi, now=timezone.now()).status)


def by_page(client: Client, row: Series, do: str) -> Any:
    return client.post(f"/series/{row.pk}/turn/", {"do": do, "why": "a typing error"})


def by_api(client: Client, row: Series, do: str) -> Any:
    return client.post(f"{API}series/{row.pk}/{do.replace('_', '-')}/", {"why": "a typing error"})


def in_admin(client: Client, row: Series, do: str) -> Any:
    return client.post("/admin/kpis/series/", {"action": do, "_selected_action": [row.pk]})


@pytest.mark.parametrize("turn", [by_page, by_api, in_admin])
def test_kpi_is_judged_at_once_without_what_is_set_aside(kpi: KPI, as_admin: Client, turn: Any) -> None:
    stray = Series.objects.get(subject="typo")
    assert status(kpi) == "stale"
    turn(as_admin, stray, "set_aside")
    assert (status(kpi), KpiState.objects.get(kpi=kpi).status) == ("met", "met")
    assert as_admin.get(f"{API}kpis/shop/latency/").json()["status"] == "met"
    turn(as_admin, stray, "take_back")
    assert (status(kpi), KpiState.objects.get(kpi=kpi).status) == ("stale", "stale")
    told = AuditEntry.objects.filter(action__startswith="series.").order_by("pk").values_list("action", "after__counts")
    assert list(told) == [("series.set_aside", False), ("series.take_back", True)]


def test_new_figures_do_not_bring_it_back(kpi: KPI, people: People) -> None:
    stray = Series.objects.get(subject="typo")
    streams.set_aside(series=stray, actor=people.manager, why="a typing error", now=timezone.now())
    record_values(kpi, [9000], subject="typo", until=timezone.now())
    assert status(kpi) == "met"


def test_a_reason_is_needed_and_an_archived_kpi_stays(kpi: KPI, people: People, as_manager: Client) -> None:
    stray = Series.objects.get(subject="typo")
    with pytest.raises(Refused, match="Say why"):
        streams.set_aside(series=stray, actor=people.manager, why=" ", now=timezone.now())
    assert as_manager.post(f"{API}series/{stray.pk}/set-aside/").status_code == 422
    defining.archive(row=kpi, actor=people.manager, now=timezone.now())
    with pytest.raises(Refused, match="archived"):
        streams.set_aside(series=stray, actor=people.manager, why="w", now=timezone.now())


def test_page_and_api_name_every_series(kpi: KPI, people: People, as_manager: Client, as_viewer: Client) -> None:
    stray = Series.objects.get(subject="typo")
    streams.set_aside(series=stray, actor=people.manager, why="a typing error", now=timezone.now())
    assert 'value="take_back"' in as_manager.get(PAGE).content.decode()
    assert "/turn/" not in as_viewer.get(PAGE).content.decode()
    listed = as_viewer.get(f"{API}kpis/shop/latency/series/").json()["results"]
    assert [(one["subject"], one["counts"]) for one in listed] == [("orders", True), ("typo", False)]


def test_a_token_for_some_services_turns_the_series_of_no_other(kpi: KPI, people: People, api: Any, make_token: Any) -> None:
    client = api(make_token(people.manager, ["read", "plan:write"], services=["typo"]))
    assert by_api(client, Series.objects.get(subject="orders"), "set_aside").status_code == 404
    assert by_api(client, Series.objects.get(subject="typo"), "set_aside").status_code == 200
    assert list(Series.objects.filter(enabled=True).values_list("subject", flat=True)) == ["orders"]


def test_of_many_series_the_page_lists_those_that_tell_most(kpi: KPI, as_viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("kpis.report", "kpis.views.kpis"):
        monkeypatch.setattr(f"{module}.MOST_LISTED", 1)
    text = as_viewer.get(PAGE).content.decode()
    assert "1 of 2 series" in text
    assert "1 of 2, those that are set aside first" in text
    assert len(as_viewer.get(f"{API}kpis/shop/latency/series/").json()["results"]) == 2
