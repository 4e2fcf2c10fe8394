from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from kpis.models import KPI, Measurement
from kpis.points import Point
from kpis.recording import record
from tests.factories import People
from tests.kpis.factories import NOW, make_kpi, make_scorecard, record_values

pytestmark = pytest.mark.django_db
URL = "/scorecards/plan/tickets/"
TYPED = {"value": "450 ms", "at": "2026-02-28T23:59", "subject": "desk", "note": "monthly report"}


@pytest.fixture
def kpi() -> KPI:
    return make_kpi("tickets", scorecard=make_scorecard("plan"), aggregation="last", name="Tickets")


def test_the_form_offers_what_was_said_last(kpi: KPI, as_manager: Client) -> None:
    told = as_manager.get(URL).content.decode()
    assert ('id="enter"' in told, f'value="{timezone.now():%Y-%m-%d}T' in told, 'value="plan"' in told) == (True, True, True)
    record_values(kpi, [1.0], until=timezone.now(), subject="desk")
    assert 'name="subject" value="desk"' in as_manager.get(URL).content.decode()


def test_a_figure_is_typed_and_shown_with_who(kpi: KPI, as_manager: Client) -> None:
    told = as_manager.post(f"{URL}enter/", TYPED | {"value": "0.45 s"}, follow=True).content.decode()
    row = Measurement.objects.get()
    assert (row.value, row.at.isoformat(), row.count) == (450, "2026-02-28T23:59:00+00:00", 1)
    assert "The figure is in." in told
    shown = as_manager.get(f"{URL}?range=all").content.decode()
    assert f'<a class="lk" href="{URL}entries/{row.origin}/">hand, by manager</a>' in shown
    assert "monthly report" in shown
    assert "was there already" in as_manager.post(f"{URL}enter/", TYPED, follow=True).content.decode()


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"value": "fast"}, "value", "is no figure"),
        ({"value": "450 MB"}, "value", "cannot be converted"),
        ({"at": "yesterday"}, "at", "valid date"),
        ({"at": "2999-01-01T00:00"}, "at", "in the future"),
        ({"count": "0"}, "count", "greater than or equal to 1"),
        ({"subject": ""}, "subject", "required"),
        ({"note": "x" * 301}, "note", "at most 300"),
        ({"value": "460"}, "at", "take that one back first"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    kpi: KPI, as_engineer: Client, changed: dict[str, Any], field: str, words: str
) -> None:
    as_engineer.post(f"{URL}enter/", TYPED)
    answer = as_engineer.post(f"{URL}enter/", TYPED | changed)
    assert (answer.status_code, Measurement.objects.count()) == (422, 1)
    assert words in " ".join(answer.context["entry"].errors[field])
    assert f'id="enter-{field}_error"' in answer.content.decode()


def test_a_percentile_typed_with_its_samples_is_as_reported(as_manager: Client) -> None:
    make_kpi("tickets", scorecard=make_scorecard("plan"), aggregation="p95")
    assert "Behind the figure, which is their 95th percentile then" in as_manager.get(URL).content.decode()
    as_manager.post(f"{URL}enter/", TYPED | {"count": "9"})
    assert Measurement.objects.values_list("count", "reported").get() == (9, True)


def test_a_reduction_shows_the_raw_figure_and_what_it_makes(as_manager: Client) -> None:
    share = {"unit": "%", "direction": "higher", "aggregation": "last", "reference": 80, "reference_unit": "count"}
    make_kpi("tickets", scorecard=make_scorecard("plan"), **share)
    as_manager.post(f"{URL}enter/", TYPED | {"value": "1,000"})
    as_manager.post(f"{URL}enter/", TYPED | {"value": "60", "at": timezone.now().strftime("%Y-%m-%dT%H:%M")})
    told = as_manager.get(f"{URL}?range=all").content.decode()
    assert 'class="num b">25</td><td class="num">60</td>' in told
    assert 'class="num b">−1,150</td><td class="num">1,000</td>' in told
    assert "60 against 80" in told
    course = as_manager.get("/api/v1/kpis/plan/tickets/measurements/").json()["points"]
    assert [(point["value"], point["raw"]) for point in course] == [(25, 60)]


def test_a_figure_is_taken_back_by_whom_may_enter(kpi: KPI, as_manager: Client, as_viewer: Client) -> None:
    as_manager.post(f"{URL}enter/", TYPED)
    url = f"{URL}entries/{Measurement.objects.get().origin}/"
    assert "Take back" not in as_viewer.get(url).content.decode()
    assert as_viewer.post(url, {"why": "no"}).status_code == 403
    assert "manager entered 450 ms" in as_manager.get(url).content.decode()
    assert as_manager.post(url, {}).status_code == 422
    told = as_manager.post(url, {"why": "wrong month"}, follow=True).content.decode()
    assert ("1 figure is taken back." in told, "taken back by Manager: wrong month" in told) == (True, True)
    assert (Measurement.objects.count(), as_manager.get(url).status_code) == (0, 404)


@pytest.mark.parametrize("role", ["viewer", "engineer", "approver", "auditor", "manager", "administrator"])
def test_engineers_managers_and_administrators_enter(
    kpi: KPI, people: People, log_in: Callable[[User], Client], role: str
) -> None:
    client, opened = log_in(getattr(people, role)), role in ("engineer", "manager", "administrator")
    assert ('id="enter"' in client.get(URL).content.decode()) == opened
    assert client.post(f"{URL}enter/", TYPED).status_code == (302 if opened else 403)


def test_an_archived_kpi_takes_no_figure(kpi: KPI, as_manager: Client) -> None:
    as_manager.post(f"{URL}archive/", {"version": 1})
    assert 'id="enter"' not in as_manager.get(URL).content.decode()
    assert as_manager.post(f"{URL}enter/", TYPED).status_code == 422


def test_what_a_person_sent_to_the_api_is_shown_and_not_taken_back(kpi: KPI, as_manager: Client) -> None:
    record([Point(kpi=kpi, subject="desk", at=NOW, value=1.0, origin="manual:manager")], now=NOW)
    url = f"{URL}entries/manual:manager/"
    assert as_manager.get(url).status_code == 200
    told = as_manager.post(url, {"why": "wrong"}, follow=True).content.decode()
    assert ("Only what a person brought in is taken back." in told, Measurement.objects.count()) == (True, 1)
