from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from kpis.gaps import counted, gaps, missing
from kpis.models import KPI, Scorecard
from kpis.reviewing import reviews
from kpis.standing import standings
from tests.factories import People
from tests.kpis.factories import NOW, make_kpi, make_scorecard, make_target, record_values

pytestmark = pytest.mark.django_db


def complete(people: People, **fields: Any) -> KPI:
    kpi = make_kpi(owner=people.manager, **fields)
    make_target(kpi, baseline=800, alert_threshold=900)
    record_values(kpi, [600])
    return kpi


def found(*kpis: KPI) -> list[Any]:
    return gaps(standings(kpis, now=NOW), reviews(kpis, today=NOW.date()))


def test_what_a_kpi_lacks_is_named_in_order(people: People) -> None:
    bare = standings([make_kpi(), complete(people)], now=NOW)
    assert [missing(one) for one in bare] == [("owner", "source", "target", "baseline", "alert_threshold"), ()]


def test_a_baseline_that_is_only_stated_is_none(people: People) -> None:
    kpi = complete(people)
    kpi.targets.update(baseline=None, baseline_stated="about a second")
    assert [gap.missing for gap in found(kpi)] == [("baseline",)]


def test_overdue_reviews_come_first(people: People) -> None:
    rhythm = {"review_rule": "FREQ=MONTHLY"}
    late = complete(people, **rhythm, review_from=NOW.date() - timedelta(days=9))
    soon = complete(people, **rhythm, review_from=NOW.date() + timedelta(days=3))
    later = complete(people, **rhythm, review_from=NOW.date() + timedelta(days=30))
    bare = make_kpi()
    listed = found(bare, soon, later, late)
    assert [gap.standing.kpi for gap in listed] == [late, soon, bare]
    told = "1 review overdue, 1 without owner, 1 without source, 1 without target, 1 without baseline, 1 without alert threshold"
    assert counted(listed) == told


@pytest.fixture
def card() -> Scorecard:
    card = make_scorecard("plan")
    make_kpi("bare", scorecard=card, name="Bare one", review_rule="FREQ=MONTHLY", review_from=timezone.now().date())
    return card


def test_the_scorecard_lists_what_is_missing(card: Scorecard, as_viewer: Client) -> None:
    told = as_viewer.get("/scorecards/plan/").content.decode()
    assert "1 without owner, 1 without source, 1 without target, 1 without baseline, 1 without alert threshold" in told
    assert told.count('<span class="st s-behind">') == 6
    assert "Due on" in told


def test_the_api_lists_what_is_missing(card: Scorecard, as_viewer: Client) -> None:
    told = as_viewer.get("/api/v1/scorecards/plan/gaps/").json()["kpis"]
    assert [(row["key"], row["missing"][0], row["review"]["state"]) for row in told] == [("bare", "owner", "due")]


def test_a_review_on_the_page_and_by_api(card: Scorecard, as_manager: Client, as_viewer: Client) -> None:
    page = "/scorecards/plan/bare/"
    assert as_viewer.post(f"{page}review/", {"note": "seen"}).status_code == 403
    told = as_manager.post(f"{page}review/", {"note": "seen"}, follow=True).content.decode()
    assert "is answered." in told
    assert "“seen”" in told
    api = "/api/v1/kpis/plan/bare/reviews/"
    assert as_manager.post(api, {"note": "again"}, content_type="application/json").json()["due_on"] is None
    assert as_viewer.post(api, {"note": "no"}, content_type="application/json").status_code == 403
    assert [row["note"] for row in as_viewer.get(api).json()["results"]] == ["again", "seen"]


def test_a_rhythm_is_chosen_in_words_or_written_as_a_rule(card: Scorecard, as_manager: Client) -> None:
    page = "/scorecards/plan/bare/edit/"
    form = as_manager.get(page).context["form"]
    sent = {name: form[name].value() for name in form.fields}
    sent = {name: value for name, value in sent.items() if value is not None and value is not False}
    assert sent["review_rule"] == "every month"
    for typed, rule in (("Every two weeks", "FREQ=WEEKLY;INTERVAL=2"), ("freq=monthly;byday=1mo", "FREQ=MONTHLY;BYDAY=1MO")):
        sent |= {"review_rule": typed, "version": str(KPI.objects.get().version)}
        assert as_manager.post(page, sent).status_code == 302
        assert KPI.objects.get().review_rule == rule
    wrong = as_manager.post(page, sent | {"review_rule": "now and then", "version": str(KPI.objects.get().version)})
    assert (wrong.status_code, list(wrong.context["form"].errors)) == (422, ["review_rule"])
