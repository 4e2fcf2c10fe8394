import csv
import gc
import io
import weakref

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from kpis.models import Scorecard
from kpis.views.pages import page
from tests.factories import People
from tests.kpis.factories import make_kpi, make_scorecard, make_target, record_values

pytestmark = pytest.mark.django_db
PART = {"HX-Request": "true", "HX-Target": "scorecard"}


def filled(kpis: int) -> Scorecard:
    card = make_scorecard("plan", name="Plan")
    for _ in range(kpis):
        kpi = make_kpi(scorecard=card, aggregation="last")
        make_target(kpi, baseline=800, effective_from=timezone.now())
        record_values(kpi, [588, 590], until=timezone.now())
    return card


def test_a_first_scorecard_says_what_to_do(as_manager: Client, as_viewer: Client) -> None:
    assert "Import a roadmap" in as_manager.get("/scorecards/").content.decode()
    assert "Import a roadmap" not in as_viewer.get("/scorecards/").content.decode()
    make_scorecard("empty")
    assert "No KPIs yet" in as_viewer.get("/scorecards/empty/").content.decode()


def test_a_scorecard_shows_figure_target_way_and_status(as_viewer: Client) -> None:
    filled(1)
    told = as_viewer.get("/scorecards/plan/").content.decode()
    for expected in ("<b>590</b>", "&lt; 500", "70 %", "Behind", "baseline", 'aria-label="70 % of the way"'):
        assert expected in told


def test_no_data_is_never_green(as_viewer: Client) -> None:
    make_target(make_kpi(scorecard=make_scorecard("plan")), effective_from=timezone.now())
    told = as_viewer.get("/scorecards/plan/").content.decode()
    assert "No data" in told
    assert 'class="st s-met' not in told


def test_only_the_part_that_renews_is_sent_and_only_when_it_changed(as_viewer: Client) -> None:
    filled(1)
    first = as_viewer.get("/scorecards/plan/?show=behind", headers=PART)
    assert first.content.decode().lstrip().startswith('<div id="scorecard" data-live="30" hx-get="/scorecards/plan/?show=behind"')
    assert "HX-Target" in first["Vary"]
    again = as_viewer.get("/scorecards/plan/?show=behind", headers=PART | {"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_filter_that_fits_nothing_offers_to_clear_itself(as_viewer: Client) -> None:
    filled(1)
    assert "Clear the filter" in as_viewer.get("/scorecards/plan/", {"q": "nothing like it"}).content.decode()


def test_a_category_is_picked_by_the_address(as_viewer: Client) -> None:
    card = make_scorecard("plan")
    make_kpi("fast", scorecard=card, category="technical")
    make_kpi("cheap", scorecard=card, category="operations")
    told = as_viewer.get("/scorecards/plan/", {"category": "operations"}).content.decode()
    assert ('id="kpi-cheap"' in told, 'id="kpi-fast"' in told) == (True, False)
    assert '<option value="operations" selected>' in told


def test_csv_holds_the_rows_that_the_page_shows(as_viewer: Client) -> None:
    card = filled(1)
    make_kpi(scorecard=card, name="=1+1")
    rows = list(csv.DictReader(io.StringIO(as_viewer.get("/scorecards/plan/csv/").content.decode())))
    assert [(row["name"], row["actual"], row["target"], row["status"]) for row in rows] == [
        (card.kpis.all()[0].name, "590.0", "< 500", "behind"),
        ("'=1+1", "", "", "no_data"),
    ]
    assert len(as_viewer.get("/scorecards/plan/csv/", {"show": "no_data"}).content.decode().splitlines()) == 2


def test_csv_names_no_service_for_a_combined_figure(as_viewer: Client) -> None:
    for across, key in (("worst", "a"), ("mean", "b")):
        kpi = make_kpi(key, scorecard=Scorecard.objects.filter(slug="plan").first() or make_scorecard("plan"), across=across)
        record_values(kpi, [100], subject="quick")
        record_values(kpi, [200], subject="slow")
    rows = csv.DictReader(io.StringIO(as_viewer.get("/scorecards/plan/csv/").content.decode()))
    assert [(row["actual"], row["service"], row["origin"]) for row in rows] == [("200.0", "slow", "test:0"), ("150.0", "", "")]


@pytest.mark.parametrize("rows", [1, 30])
@pytest.mark.parametrize(("name", "queries"), [("list", 10), ("detail", 14)])
def test_pages_ask_the_same_number_of_queries(as_viewer: Client, name: str, queries: int, rows: int) -> None:
    card = filled(rows)
    url = reverse(f"kpis:scorecard-{name}", args=[card.slug] if name == "detail" else [])
    with CaptureQueriesContext(connection) as asked:
        assert as_viewer.get(url).status_code == 200
    assert len(asked) == queries


def test_the_sentence_on_top_renews_with_the_figures(as_viewer: Client) -> None:
    filled(1)
    assert (
        'id="headline" hx-swap-oob="true">None of 1 target is met.'
        in as_viewer.get("/scorecards/plan/", headers=PART).content.decode()
    )
    assert "hx-swap-oob" not in as_viewer.get("/scorecards/plan/").content.decode()


def test_what_people_wrote_is_text_in_a_row(as_viewer: Client, people: People) -> None:
    card = make_scorecard("plan")
    people.viewer.first_name, people.viewer.last_name = "<i>Ida</i>", "<Q>"
    people.viewer.save()
    kpi = make_kpi("k", scorecard=card, name="<b>&lt;p95</b>", owner=people.viewer)
    make_target(kpi, baseline_stated="<u>about 2 s</u>")
    record_values(kpi, [1], subject="<svg>", until=timezone.now())
    told = as_viewer.get("/scorecards/plan/").content.decode()
    for text in ("&lt;b&gt;&amp;lt;p95&lt;/b&gt;", "&lt;u&gt;about 2 s&lt;/u&gt;", "&lt;svg&gt;", "&lt;i&gt;Ida"):
        assert text in told
    assert not any(raw in told for raw in ("<b>&lt;p95", "<u>about", "<i>Ida"))


def test_a_page_leaves_nothing_to_the_collector(rf: RequestFactory) -> None:
    card = Scorecard()
    kept = weakref.ref(card)
    gc.disable()
    try:
        page(rf.get("/"), "partials/mark.html", {"scorecard": card})
    finally:
        gc.enable()
    del card
    assert kept() is None
