from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, User
from kpis.models import KPI, Scorecard
from tests.factories import People
from tests.kpis.factories import make_kpi, make_scorecard, make_target, record_values

pytestmark = pytest.mark.django_db
NEW = {
    "name": "Response time", "category": "technical", "unit": "ms", "direction": "lower", "aggregation": "p95",
    "window_s": "5m", "across": "worst", "freshness_s": "24h",
}  # fmt: skip
REFERENCE = {"reference": "40", "reference_unit": "%", "reference_on": "2026-01-31"}


def fields_of(kpi: KPI, **fields: Any) -> dict[str, Any]:
    kept = ("name", "category", "unit", "direction", "aggregation", "across", "version")
    return {name: getattr(kpi, name) for name in kept} | {"window_s": "1h", "freshness_s": "1h", "position": "3"} | fields


def test_a_scorecard_and_its_first_kpi_are_made_in_the_browser(as_manager: Client, people: People) -> None:
    told = as_manager.post("/scorecards/new/", {"name": "Checkout"}, follow=True).content.decode()
    assert ("No KPIs yet" in told, 'href="/scorecards/checkout/new/"' in told) == (True, True)
    told = as_manager.post("/scorecards/checkout/new/", NEW, follow=True).content.decode()
    kpi = KPI.objects.get()
    assert (kpi.key, kpi.window_s, kpi.freshness_s, kpi.version) == ("response-time", 300, 86400, 1)
    assert "Response time has never been measured" in told
    assert AuditEntry.objects.get(action="kpi.create").actor == people.manager


def test_a_reduction_is_defined_by_its_reference(as_manager: Client) -> None:
    make_scorecard("plan")
    fields = NEW | REFERENCE | {"unit": "%", "direction": "higher", "aggregation": "last", "window_s": "30d"}
    assert as_manager.post("/scorecards/plan/new/", fields).status_code == 302
    kpi = KPI.objects.get()
    assert (kpi.reference, kpi.reference_unit, str(kpi.reference_on)) == (40, "%", "2026-01-31")


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"unit": ""}, "unit", "required"),
        ({"window_s": "5"}, "window_s", "such as 90s, 5m"),
        ({"freshness_s": "soon"}, "freshness_s", "such as 90s, 5m"),
        ({"across": "mean"}, "across", "never averaged"),
        ({"across": "named"}, "across_subject", "Name the series"),
        ({"key": "there"}, "key", "is taken"),
        ({"key": "edit"}, "key", "an address of the scorecard"),
        (REFERENCE, "unit", "use % or ratio"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(as_manager: Client, changed: dict[str, Any], field: str, words: str) -> None:
    make_kpi("there", scorecard=make_scorecard("plan"))
    answer = as_manager.post("/scorecards/plan/new/", NEW | changed)
    assert (answer.status_code, KPI.objects.count()) == (422, 1)
    assert words in " ".join(answer.context["form"].errors[field])
    assert f'id="id_{field}_error"' in answer.content.decode()


def test_a_measured_kpi_offers_only_the_unit_that_it_has(as_manager: Client) -> None:
    kpi = make_kpi("speed", scorecard=make_scorecard("plan"))
    record_values(kpi, [1.0], until=timezone.now())
    told = as_manager.get("/scorecards/plan/speed/edit/").content.decode()
    assert ('<option value="ms" selected>' in told, '<option value="s"' in told) == (True, False)
    answer = as_manager.post("/scorecards/plan/speed/edit/", fields_of(kpi, unit="s", direction="higher"))
    assert answer.status_code == 422
    for field in ("unit", "direction"):
        assert "a figure keeps its meaning" in " ".join(answer.context["form"].errors[field])
    assert as_manager.post("/scorecards/plan/speed/edit/", fields_of(kpi, name="Speed")).status_code == 302
    assert KPI.objects.get().name == "Speed"


def test_the_second_editor_sees_both_and_loses_nothing(as_manager: Client) -> None:
    kpi = make_kpi("speed", scorecard=make_scorecard("plan"))
    url = "/scorecards/plan/speed/edit/"
    as_manager.post(url, fields_of(kpi, name="First", window_s="5m"))
    answer = as_manager.post(url, fields_of(kpi, name="Second"))
    told = answer.content.decode()
    assert (answer.status_code, KPI.objects.get().name) == (409, "First")
    assert '<td class="mid">First</td><td><b>Second</b></td>' in told
    assert '<td class="mid">5m</td><td><b>1h</b></td>' in told
    as_manager.post(url, fields_of(kpi, name="Second", version=2))
    assert (KPI.objects.get().name, KPI.objects.get().version) == ("Second", 3)


def test_archiving_asks_first_and_says_so_everywhere(as_manager: Client) -> None:
    card = make_scorecard("plan")
    for key in ("old", "kept"):
        make_target(make_kpi(key, scorecard=card))
    asked = as_manager.get("/scorecards/plan/old/archive/").content.decode()
    assert ("It has targets" in asked, "Delete for good" in asked) == (True, False)
    told = as_manager.post("/scorecards/plan/old/archive/", {"version": 1, "why": "replaced"}, follow=True).content.decode()
    assert ("Archived on" in told, "Why: replaced" in told, "Restore" in told) == (True, True, True)
    shown = as_manager.get("/scorecards/plan/").content.decode()
    assert ('id="kpi-old"' in shown, 'id="kpi-kept"' in shown, "1 archived KPI" in shown) == (False, True, True)
    assert len(as_manager.get("/scorecards/plan/csv/").content.decode().splitlines()) == 2
    as_manager.post("/scorecards/plan/old/restore/")
    assert 'id="kpi-old"' in as_manager.get("/scorecards/plan/").content.decode()


def test_an_archived_scorecard_is_found_again(as_manager: Client, as_viewer: Client) -> None:
    make_kpi("speed", scorecard=make_scorecard("plan", name="Plan"))
    as_manager.post("/scorecards/plan/archive/", {"version": 1})
    assert "1 archived" in as_viewer.get("/scorecards/").content.decode()
    assert "Its scorecard is archived" in as_viewer.get("/scorecards/plan/speed/").content.decode()
    assert "Restore" not in as_viewer.get("/scorecards/plan/").content.decode()
    assert as_manager.post("/scorecards/plan/new/", NEW).status_code == 422
    as_manager.post("/scorecards/plan/restore/")
    assert Scorecard.objects.get().archived_at is None


def test_what_was_never_used_may_be_deleted(as_manager: Client) -> None:
    make_kpi("unused", scorecard=make_scorecard("plan"))
    stale = as_manager.post("/scorecards/plan/unused/archive/", {"version": 7, "do": "delete"})
    assert (stale.status_code, KPI.objects.count()) == (409, 1)
    assert as_manager.post("/scorecards/plan/unused/archive/", {"version": 1, "do": "delete"})["Location"] == "/scorecards/plan/"
    assert as_manager.post("/scorecards/plan/archive/", {"version": 1, "do": "delete"})["Location"] == "/scorecards/"
    assert not Scorecard.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "engineer", "approver", "auditor", "manager", "administrator"])
@pytest.mark.parametrize(
    "path", ["new/", "plan/edit/", "plan/archive/", "plan/restore/", "plan/new/", "plan/speed/edit/", "plan/speed/archive/",
             "plan/speed/restore/"],
)  # fmt: skip
def test_managers_and_administrators_define(people: People, log_in: Callable[[User], Client], role: str, path: str) -> None:
    make_kpi("speed", scorecard=make_scorecard("plan"))
    answer = log_in(getattr(people, role)).post(f"/scorecards/{path}", {})
    assert (answer.status_code == 403) == (role not in ("manager", "administrator"))
