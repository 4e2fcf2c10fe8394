"""Pages of services, probes and runs, as people with and without the right to change them see them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from probes.models import Feed, Probe, Run, RunState, Service
from tests.kpis.factories import make_kpi, make_scorecard
from tests.probes.factories import make_probe, make_run, make_service

pytestmark = pytest.mark.django_db
FORM = {"name": "Orders", "slug": "orders", "base_url": "http://orders.example", "environment": "staging", "tags": "a, b"}


def text(response: Any, status: int = 200) -> str:
    assert response.status_code == status
    return response.content.decode()


def ended(probe: Probe, **fields: Any) -> Run:
    return make_run(probe, due_at=timezone.now(), started_at=timezone.now(), finished_at=timezone.now(), **fields)


def test_the_list_is_empty_at_first(as_viewer: Client) -> None:
    page = text(as_viewer.get("/services/"))
    assert "No services yet" in page
    assert "Register" not in page.replace("Register a running", "")


def test_the_list_says_who_answers(as_viewer: Client) -> None:
    ended(make_probe(make_service(slug="good")))
    ended(make_probe(make_service(slug="bad")), outcome="failed", error="connection refused")
    make_service(slug="gone", archived_at=timezone.now())
    page = text(as_viewer.get("/services/"))
    assert "1 of 2 services healthy, 1 fails." in page
    assert "connection refused" in page
    assert "gone" not in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [("", {"orders", "users"}), ("?q=ORD", {"orders"}), ("?environment=test", {"orders", "users"}), ("?environment=x", set()),
     ("?page=99", {"orders", "users"})],
)  # fmt: skip
def test_the_list_is_filtered_by_its_address(as_viewer: Client, query: str, shown: set[str]) -> None:
    make_service(slug="orders")
    make_service(slug="users")
    page = text(as_viewer.get(f"/services/{query}"))
    assert {slug for slug in ("orders", "users") if f"/services/{slug}/" in page} == shown


def test_a_probe_feeds_every_kpi_that_was_chosen(as_engineer: Client) -> None:
    scorecard = make_scorecard()
    kpis = [make_kpi(key, scorecard=scorecard, metric="latency") for key in ("p95", "p99")]
    make_service(slug="orders")
    page = text(as_engineer.get("/services/orders/probes/new/http/"))
    assert [f'value="{kpi.pk}"' in page for kpi in kpis] == [True, True]
    order = {"interval_s": 30, "enabled": "on", "params.paths": "/\n/health", "params.requests": 5, "params.users": 1,
             "params.timeout_s": 2, "feed.latency": [kpi.pk for kpi in kpis]}  # fmt: skip
    assert as_engineer.post("/services/orders/probes/new/http/", order).headers["Location"] == "/services/orders/"
    probe = Probe.objects.get()
    assert (probe.interval_s, probe.params["paths"], probe.params["requests"]) == (30, ["/", "/health"], 5)
    assert [feed.kpi for feed in Feed.objects.all()] == kpis
    assert text(as_engineer.get(f"/probes/{probe.pk}/edit/")).count(" checked") == 3  # enabled, and both KPIs
    assert probe.next_run_at <= timezone.now()


def test_a_database_address_is_kept_until_another_or_none_is_typed(as_engineer: Client) -> None:
    first = "postgres://app:s3cret@db.example/orders"
    service = make_service("http://orders.example", slug="orders", database_dsn=first)
    for typed, kept in (("", first), (first.replace("db", "db2"), first.replace("db", "db2")), ("-", "")):
        assert as_engineer.post("/services/orders/edit/", {**FORM, "database_dsn": typed}).status_code == 302
        service.refresh_from_db()
        assert service.database_dsn == kept
    service.database_dsn = first
    service.save()
    for page in ("/services/orders/edit/", "/services/orders/"):
        assert "s3cret" not in text(as_engineer.get(page))
    refused = as_engineer.post("/services/orders/edit/", {**FORM, "database_dsn": "postgres://app:s3cret@10.0.0.1/orders"})
    assert "s3cret" not in text(refused, 422)
    assert "not a public address" in refused.content.decode()


def test_a_source_is_chosen_in_the_form(as_engineer: Client) -> None:
    make_service(slug="orders")
    page = text(as_engineer.get("/services/orders/probes/new/queries/"))
    assert "SELECT AVG(duration) FROM query_logs</textarea>" in page
    form = {
        "interval_s": 60, "enabled": "on", "params.source": "sql", "params.sql": "SELECT 1", "params.sql_metric": "db_query_time",
        "params.sql_unit": "s", "params.timeout_s": 2, "params.paths": "/", "params.requests": 1, "params.timing_name": "db",
    }  # fmt: skip
    wrong = as_engineer.post("/services/orders/probes/new/queries/", {**form, "params.sql_unit": "%"})
    assert "db_query_time is not counted in %" in text(wrong, 422)
    assert as_engineer.post("/services/orders/probes/new/queries/", form).status_code == 302
    assert (Probe.objects.get().params["source"], Probe.objects.get().params["sql_unit"]) == ("sql", "s")


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("base_url", "http://169.254.169.254", "never reached"),
        ("base_url", "http://127.0.0.1:5999", "PROBE_ALLOW"),
        ("base_url", "gopher://a", "only http"),
        ("headers", "no colon", "one header a line"),
        ("headers", "Host: a", "set by the connection itself"),
        ("name", "", "required"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(as_engineer: Client, field: str, value: str, why: str) -> None:
    make_service(slug="orders", name="Old", url="http://orders.example")
    page = text(as_engineer.post("/services/orders/edit/", {**FORM, field: value}), 422)
    assert why in page[page.index(f'name="{field}"') :].split("</div>")[0]
    assert Service.objects.get().name == "Old"


def test_secret_headers_are_never_shown_and_kept_when_left_empty(as_engineer: Client) -> None:
    make_service(slug="orders", url="http://orders.example", headers={"X-Key": "s3cret"})
    assert "s3cret" not in text(as_engineer.get("/services/orders/edit/"))
    as_engineer.post("/services/orders/edit/", {**FORM, "name": "New"})
    assert (Service.objects.get().name, Service.objects.get().headers) == ("New", {"X-Key": "s3cret"})


def test_the_page_of_a_service(as_engineer: Client) -> None:
    links = [{"name": "Switches", "url": "http://orders.example/switches"}]
    probe = make_probe(make_service(slug="orders", name="Orders", links=links))
    run = ended(probe, details={"requests": 20, "p95_ms": 12.5})
    page = text(as_engineer.get("/services/orders/"))
    for part in (
        "Orders answers well.",
        "http://orders.example/switches",
        f"/runs/{run.pk}/",
        "12.5 ms",
        f"/probes/{probe.pk}/run/",
    ):
        assert part in page


def test_a_retry_is_shown_as_a_retry(as_viewer: Client) -> None:
    ended(make_probe(make_service(slug="orders")), details={"retry_of": 7})
    assert "retry of run 7" in text(as_viewer.get("/services/orders/"))


def test_the_runs_of_one_probe(as_viewer: Client) -> None:
    service = make_service(slug="orders")
    first, second = ended(make_probe(service)), ended(make_probe(service))
    page = text(as_viewer.get(f"/services/orders/?probe={first.probe_id}"))
    assert f"/runs/{first.pk}/" in page
    assert f"/runs/{second.pk}/" not in page
    assert f"/runs/{second.pk}/" in text(as_viewer.get("/services/orders/?probe=x"))


def test_the_fragment_renews_itself(as_viewer: Client) -> None:
    make_service(slug="orders")
    response = as_viewer.get("/services/orders/", headers={"HX-Request": "true", "HX-Target": "service"})
    assert text(response).startswith('<div id="service"')
    assert response.headers["Vary"].startswith("HX-Target")


def test_run_now_needs_no_broker(as_engineer: Client, people: Any) -> None:
    probe = make_probe()
    response = as_engineer.post(f"/probes/{probe.pk}/run/")
    run = Run.objects.get()
    assert (response.headers["Location"], run.state, run.requested_by) == (f"/runs/{run.pk}/", RunState.QUEUED, people.engineer)
    assert "It starts with the next tick" in text(as_engineer.get(f"/runs/{run.pk}/"))


def test_run_now_of_a_disabled_probe_says_why_not(as_engineer: Client) -> None:
    probe = make_probe(make_service(slug="orders"), enabled=False)
    assert "This probe is disabled" in text(as_engineer.post(f"/probes/{probe.pk}/run/", follow=True))


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        ({"outcome": "failed", "error": "connection refused"}, ["failed", "connection refused", "No readings"]),
        ({"details": {"asked": ["GET /"], "histogram": {"unit": "ms", "values": [1, 2, 90], "counts": [5, 9, 1]}}},
         ["GET /", "Distribution of response times", "<svg"]),
        ({"state": RunState.RUNNING, "outcome": ""}, ["data-live", "It is measuring"]),
        ({"recorded": [{"metric": "latency", "kpi": "a/b", "value": 12, "unit": "ms"}]}, ["/scorecards/a/b/", "12"]),
        ({"recorded": [{"metric": "latency", "kpi": "a/b", "why_not": "no window yet"}]}, ["none: no window yet"]),
    ],
)  # fmt: skip
def test_the_page_of_a_run(as_viewer: Client, fields: dict[str, Any], parts: list[str]) -> None:
    run = make_run(make_probe(), **fields)
    page = text(as_viewer.get(f"/runs/{run.pk}/"))
    assert [part for part in parts if part not in page] == []


@pytest.mark.parametrize("field", ["params.requests", "params.users", "params.timeout_s", "interval_s", "params.paths"])
def test_a_probe_s_fields_carry_their_errors(as_engineer: Client, field: str) -> None:
    probe = make_probe()
    order = {"interval_s": 30, "params.paths": "/", "params.requests": 5, "params.users": 1, "params.timeout_s": 2, field: "-1"}
    page = text(as_engineer.post(f"/probes/{probe.pk}/edit/", order), 422)
    assert 'class="err"' in page[page.index(f'name="{field}"') :].split("</div>")[0]


def test_an_unknown_kind_is_said(as_engineer: Client) -> None:
    make_service(slug="orders")
    assert "There is no kind" in text(as_engineer.get("/services/orders/probes/new/telepathy/", follow=True))


@pytest.mark.parametrize(
    "path", ["/services/new/", "/services/orders/edit/", "/services/orders/probes/new/http/", "/probes/{pk}/edit/"]
)
def test_who_only_reads_changes_nothing(as_viewer: Client, path: str) -> None:
    probe = make_probe(make_service(slug="orders"))
    assert as_viewer.get(path.format(pk=probe.pk)).status_code == 403
    assert as_viewer.post(f"/probes/{probe.pk}/run/").status_code == 403
    assert f"/probes/{probe.pk}/run/" not in text(as_viewer.get("/services/orders/"))


@pytest.mark.parametrize("path", ["/services/none/", "/runs/1/", "/probes/1/edit/"])
def test_what_is_not_there_is_404(as_engineer: Client, path: str) -> None:
    assert as_engineer.get(path).status_code == 404


@pytest.mark.parametrize("how_many", [1, 30])
def test_the_list_takes_the_same_few_queries(as_viewer: Client, how_many: int, django_assert_num_queries: Any) -> None:
    for _ in range(how_many):
        ended(make_probe())
    as_viewer.get("/services/")
    with django_assert_num_queries(14):
        as_viewer.get("/services/")


def test_a_service_form_that_was_overtaken_shows_both_and_saves_nothing(as_engineer: Client) -> None:
    make_service("http://orders.example", slug="orders", name="Orders")
    page = "/services/orders/edit/"
    opened = as_engineer.get(page).context["form"]
    data = {name: opened[name].value() or "" for name in ("version", *opened.shown_fields)}
    assert as_engineer.post(page, {**data, "environment": "production"}).status_code == 302
    answer = as_engineer.post(page, {**data, "name": "Orders 2", "redis_url": "redis://u:s3cret@cache.example"})
    told = [(row["label"], row["theirs"], row["yours"]) for row in answer.context["conflict"]]
    assert (answer.status_code, told) == (409, [("Name", "Orders", "Orders 2"), ("Environment", "production", "test")])
    assert "s3cret" not in answer.content.decode()
    assert "Type the secrets again" in answer.content.decode()
    assert Service.objects.get().environment == "production"
    again = answer.context["form"]["version"].value()
    assert as_engineer.post(page, {**data, "name": "Orders 2", "version": again}).status_code == 302


def test_a_probe_form_that_was_overtaken_shows_both_and_saves_nothing(as_engineer: Client) -> None:
    probe = make_probe(kind="http", params={"paths": ["/a", "/b"]})
    page = f"/probes/{probe.pk}/edit/"
    form = as_engineer.get(page).context["form"]
    data = {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)}
    data["params.paths"] = "/a\r\n/b"
    assert as_engineer.post(page, {**data, "params.timeout_s": "2"}).status_code == 302
    answer = as_engineer.post(page, {**data, "interval_s": "90"})
    told = [(row["label"], row["theirs"], row["yours"]) for row in answer.context["conflict"]]
    assert (answer.status_code, told) == (409, [("Every, seconds", "60", "90"), ("Time-out, s", "2.0", "5.0")])
    probe.refresh_from_db()
    assert (probe.interval_s, probe.params["timeout_s"], probe.version) == (60, 2.0, 2)


@pytest.mark.parametrize(
    ("query", "headline", "said"),
    [
        ("q=zzzz", "No service fits the filter.", "Nothing fits the filter"),
        ("state=bogus", "No service fits the filter.", "There is no state “bogus”."),
    ],
)
def test_a_filter_that_nothing_fits_is_not_an_empty_house(as_viewer: Client, query: str, headline: str, said: str) -> None:
    make_service()
    page = text(as_viewer.get(f"/services/?{query}"))
    assert (headline in page, said in page, "is registered yet" in page) == (True, True, False)
