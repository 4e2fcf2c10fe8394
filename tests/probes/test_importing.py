"""services.yaml: what is made, what is kept and said, what is refused; and that secrets go in and never out."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import AuditEntry
from probes import importing, manifest
from probes.importing import Asked, Receipt, entries_of, load
from probes.models import Feed, Probe, Service
from tests.kpis.factories import make_kpi, make_scorecard
from tests.probes.factories import NOW, make_probe, make_service

pytestmark = pytest.mark.django_db
FEED = {"metric": "latency", "kpi": "mine/p95"}
ORDERS = {
    "slug": "orders", "name": "Orders", "base_url": "http://orders.example", "environment": "staging", "tags": ["a"],
    "headers": {"X-Key": "s3cret"},
    "probes": [{"kind": "http", "interval_s": 30, "params": {"paths": ["/users"]}, "feeds": [FEED]}, {"kind": "memory"}],
}  # fmt: skip


@pytest.fixture(autouse=True)
def kpi() -> Any:
    return make_kpi("p95", scorecard=make_scorecard("mine"))


def loaded(*services: dict[str, Any], dry_run: bool = False, **asked: Any) -> Receipt:
    entries = manifest.parse({"format": manifest.FORMAT, "services": list(services)}).services
    return load(entries, asked=Asked(None, NOW, **asked), dry_run=dry_run)


def told(receipt: Receipt) -> list[tuple[str, str, list[str]]]:
    return [(row.slug, row.what, row.lines) for row in receipt.rows]


def test_services_are_made_with_their_probes_and_feeds(kpi: Any) -> None:
    assert told(loaded(ORDERS)) == [("orders", "create", [])]
    service = Service.objects.get()
    assert (service.environment, service.tags, service.headers) == ("staging", ["a"], {"X-Key": "s3cret"})
    assert list(Probe.objects.values_list("kind", "interval_s", "enabled")) == [("http", 30, True), ("memory", 60, True)]
    assert [(feed.metric, feed.kpi) for feed in Feed.objects.all()] == [("latency", kpi)]


def test_a_dry_run_says_the_same_and_leaves_nothing() -> None:
    assert told(loaded(ORDERS, dry_run=True)) == [("orders", "create", [])]
    assert Service.objects.count() == 0


def test_the_same_file_again_changes_nothing() -> None:
    loaded(ORDERS)
    assert told(loaded(ORDERS, overwrite=True)) == [("orders", "same", [])]
    assert Service.objects.get().version == 1


def test_what_differs_is_kept_and_said() -> None:
    loaded(ORDERS)
    changed = ORDERS | {"name": "New", "headers": {"X-Key": "other"}, "probes": [{"kind": "http", "interval_s": 90}]}
    (row,) = loaded(changed).rows
    assert (row.what, row.lines) == ("keep", [
        "kept as it is, though name: Orders → New",
        "kept as it is, though headers: set anew",
        "kept as it is, though http interval_s: 30 → 90",
        "memory: a probe that the file does not name stays",
    ])  # fmt: skip
    assert (Service.objects.get().name, Probe.objects.get(kind="http").interval_s) == ("Orders", 30)


def test_what_differs_is_changed_when_asked_for() -> None:
    loaded(ORDERS)
    receipt = loaded({"slug": "orders", "name": "New", "probes": [{"kind": "http", "interval_s": 90}]}, overwrite=True)
    assert (receipt.rows[0].what, receipt.rows[0].lines[0]) == ("change", "set name: Orders → New")
    service, probe = Service.objects.get(), Probe.objects.get(kind="http")
    assert (service.name, service.headers, probe.interval_s, probe.params["paths"]) == (
        "New",
        {"X-Key": "s3cret"},
        90,
        ["/users"],
    )
    assert Feed.objects.count() == 1


def test_a_new_probe_of_a_known_service_is_added() -> None:
    make_service("http://orders.example", slug="orders")
    assert told(loaded({"slug": "orders", "probes": [{"kind": "memory"}]})) == [("orders", "change", ["set memory: a new probe"])]
    assert Probe.objects.get().kind == "memory"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"base_url": "http://169.254.169.254"}, "$.services[1].base_url"),
        ({"slug": "a b"}, "$.services[1].slug"),
        ({"slug": "import"}, "$.services[1].slug"),
        ({"name": ""}, "$.services[1].name"),
        ({"owner": "nobody"}, "$.services[1].owner"),
        ({"headers": {"Host": "x"}}, "$.services[1].headers"),
        ({"probes": [{"kind": "telepathy"}]}, "$.services[1].probes[0].kind"),
        ({"probes": [{"kind": "http", "interval_s": 1}]}, "$.services[1].probes[0].interval_s"),
        ({"probes": [{"kind": "http", "params": {"requests": 0}}]}, "$.services[1].probes[0].params.requests"),
        ({"probes": [{"kind": "http", "feeds": [{"metric": "latency", "kpi": "no/such"}]}]},
         "$.services[1].probes[0].feeds[0].kpi"),
    ],
)  # fmt: skip
def test_one_error_saves_nothing_at_all_and_says_where(change: dict[str, Any], path: str) -> None:
    receipt = loaded(ORDERS, ORDERS | {"slug": "users"} | change)
    assert [where for where, _ in receipt.errors] == [path]
    assert (Service.objects.count(), Probe.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a: [", "$"), ("", "$"), ("- 1", "$"), ("format: other/1\nservices: []", "$.format"),
        ("format: milepost-services/1", "$"),
        ("format: milepost-services/1\nservices: [{slug: a, surprise: 1}]", "$.services[0]"),
        ("format: milepost-services/1\nservices: [{slug: a}, {slug: a}]", "$.services[1].slug"),
        ("a: &a [1]\nb: *a", "$"), ("!!python/object/apply:os.system ['true']", "$"),
    ],
)  # fmt: skip
def test_a_bad_file_says_where(text: str, path: str) -> None:
    with pytest.raises(manifest.Malformed) as bad:
        manifest.read(text)
    assert bad.value.path == path


def test_every_mistake_of_a_file_is_named() -> None:
    bad = {"slug": 1, "surprise": 1, "probes": [{"interval_s": "x"}, {"kind": "http", "feeds": [{"metric": "latency"}]}]}
    with pytest.raises(manifest.Malformed) as found:
        manifest.parse({"format": manifest.FORMAT, "services": [bad, {"slug": "b", "tags": 1}]})
    assert [path for path, _ in found.value.errors] == [
        "$.services[0].slug", "$.services[0].probes[0]", "$.services[0].probes[0].interval_s",
        "$.services[0].probes[1].feeds[0]", "$.services[0]", "$.services[1].tags",
    ]  # fmt: skip
    with pytest.raises(manifest.Malformed) as found:
        manifest.parse({"format": manifest.FORMAT, "services": [1] * 1000})
    assert len(found.value.errors) == 100


def test_every_mistake_of_a_new_service_is_named() -> None:
    probes = [{"kind": "nosuch"}, {"kind": "http", "feeds": [{"metric": "latency", "kpi": "mine/none"}]}]
    receipt = loaded(ORDERS | {"base_url": "ftp://x", "probes": probes})
    assert [path for path, _ in receipt.errors] == [
        "$.services[0].base_url", "$.services[0].probes[0].kind", "$.services[0].probes[1].feeds[0].kpi",
    ]  # fmt: skip


def test_a_dry_run_counts_the_probes_and_feeds_that_would_come() -> None:
    (row,) = loaded(ORDERS, dry_run=True).rows
    assert (row.probes, row.feeds) == (2, 1)


@pytest.mark.parametrize("query", ["dry_run=maybe", "dry_run=", "dryrun=1", "overwrite=2"])
def test_an_option_that_cannot_be_read_saves_nothing(as_engineer: Client, query: str) -> None:
    body = {"format": manifest.FORMAT, "services": [ORDERS]}
    response = as_engineer.post(f"/api/v1/services/import/?{query}", body, content_type="application/json")
    assert (response.status_code, Service.objects.count()) == (422, 0)
    assert response.json()["errors"][0]["path"] == f"?{query.partition('=')[0]}"


@pytest.mark.parametrize(("text", "status"), [("", 200), ("\na: [", 400)])
def test_the_api_takes_the_yaml_that_it_gives(as_engineer: Client, text: str, status: int) -> None:
    entries = manifest.parse({"format": manifest.FORMAT, "services": [ORDERS]}).services
    data = manifest.write(entries) + text
    response = as_engineer.post("/api/v1/services/import/?dry_run=1", data, content_type="application/yaml")
    assert response.status_code == status, response.content


def test_a_pasted_file_with_a_mistake_is_not_shown_again(as_engineer: Client) -> None:
    text = "format: milepost-services/1\nservices: [{slug: a, headers: {A: SEKRETECHO}, surprise: 1}]"
    response = as_engineer.post("/services/import/", {"text": text})
    assert (response.status_code, "SEKRETECHO" in response.content.decode()) == (422, False)


def test_an_export_reads_back_as_the_same_and_holds_no_secret() -> None:
    loaded(ORDERS)
    text = manifest.write(entries_of(Service.objects.all()))
    assert "s3cret" not in text
    assert load(manifest.read(text).services, asked=Asked(None, NOW, overwrite=True)).count("same") == 1


@pytest.mark.parametrize("how_many", [1, 30])
def test_an_export_takes_the_same_few_queries(how_many: int, django_assert_num_queries: Any) -> None:
    for _ in range(how_many):
        make_probe()
    with django_assert_num_queries(3):
        list(entries_of(Service.objects.all()))


def test_the_commands(tmp_path: Path) -> None:
    file, out = tmp_path / "services.yaml", io.StringIO()
    loaded(ORDERS)
    call_command("export_services", stdout=out)
    file.write_text(out.getvalue().replace("name: Orders", "name: New"))
    call_command("import_services", str(file), "--overwrite", "--dry-run", stdout=out)
    assert "set name: Orders → New" in out.getvalue()
    assert Service.objects.get().name == "Orders"
    call_command("import_services", str(file), "--overwrite", stdout=out)
    assert Service.objects.get().name == "New"
    file.write_text("nonsense")
    with pytest.raises(CommandError, match=r"\$:"):
        call_command("import_services", str(file))


def test_the_page_previews_and_applies_without_showing_secrets(as_engineer: Client) -> None:
    entries = manifest.parse({"format": manifest.FORMAT, "services": [ORDERS]}).services
    preview = as_engineer.post("/services/import/", {"text": manifest.write(entries)}).content.decode()
    assert "orders" in preview
    assert "s3cret" not in preview
    assert Service.objects.count() == 0
    sealed = preview.partition('name="sealed" value="')[2].partition('"')[0]
    assert as_engineer.post("/services/import/", {"sealed": sealed, "go": "apply"}).status_code == 302
    assert Service.objects.get().headers == {"X-Key": "s3cret"}
    changed = manifest.write([entries[0].__class__(slug="orders", name="New")])
    again = as_engineer.post("/services/import/", {"text": changed}).content.decode()
    assert "set name: Orders → New" in again
    sealed = again.partition('name="sealed" value="')[2].partition('"')[0]
    as_engineer.post("/services/import/", {"sealed": sealed, "go": "apply"})
    assert Service.objects.get().name == "Orders"
    as_engineer.post("/services/import/", {"sealed": sealed, "go": "apply", "overwrite": "1"})
    assert Service.objects.get().name == "New"


@pytest.mark.parametrize(
    ("data", "why"), [({"text": "a: ["}, "not YAML"), ({}, "Choose a file"), ({"go": "apply", "sealed": "x"}, "too old")]
)
def test_a_page_says_what_is_wrong_with_a_file(as_engineer: Client, data: dict[str, str], why: str) -> None:
    response = as_engineer.post("/services/import/", data)
    assert (response.status_code, why in response.content.decode()) == (422, True)


def test_the_export_is_for_readers_and_the_import_for_engineers(as_viewer: Client) -> None:
    make_service(slug="orders", headers={"X-Key": "s3cret"})
    response = as_viewer.get("/services/export/")
    assert ("orders" in response.content.decode(), "s3cret" in response.content.decode()) == (True, False)
    assert as_viewer.get("/services/import/").status_code == 403


def test_the_api_discovers_imports_and_exports(people: Any, api: Any, make_token: Any, reachable: None, service_url: str) -> None:
    client: APIClient = api(make_token(people.engineer, ["read", "probes:write"]))
    url = "/api/v1/services"
    found = client.post(f"{url}/discover/", {"base_url": service_url}, format="json").json()
    assert (found["reachable"], found["metrics"]["preset"], found["proposal"]["probes"][0]["kind"]) == (
        True,
        "process only",
        "http",
    )
    assert Service.objects.count() == 0
    body = {"format": manifest.FORMAT, "services": [found["proposal"]]}
    assert client.post(f"{url}/import/?dry_run=1", body, format="json").json()["services"][0]["what"] == "create"
    assert Service.objects.count() == 0
    assert client.post(f"{url}/import/", body, format="json").status_code == 200
    assert client.get(f"{url}/export/").json()["services"][0]["base_url"] == service_url
    wrong = client.post(f"{url}/import/", {"format": manifest.FORMAT, "services": [{"slug": "a b"}]}, format="json")
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (422, "$.services[0].slug")
    narrow: APIClient = api(make_token(people.engineer, ["read", "probes:write"], services=["orders"]))
    assert narrow.post(f"{url}/discover/", {"base_url": service_url}, format="json").status_code == 403
    assert narrow.get(f"{url}/export/").json()["services"] == []


@pytest.mark.parametrize(
    ("field", "place"),
    [("metrics_url", "http://10.0.0.1/metrics"), ("health_path", "http://other.example/health"), ("metrics", "/metrics")],
)
def test_the_api_looks_only_where_a_service_could_have_its_metrics_and_health(
    people: Any, api: Any, make_token: Any, dead_url: str, field: str, place: str
) -> None:
    client: APIClient = api(make_token(people.engineer, ["read", "probes:write"]))
    answer = client.post("/api/v1/services/discover/", {"base_url": dead_url, field: place}, format="json")
    assert [error["path"] for error in answer.json()["errors"]] == [f"$.{field}"]


def test_a_refused_address_is_answered_with_its_reason_and_noted_without_a_password(
    people: Any, api: Any, make_token: Any, reachable: None
) -> None:
    client: APIClient = api(make_token(people.engineer, ["read", "probes:write"]))
    for base_url in ("http://10.0.0.1", "http://reader:s3cret@10.0.0.1"):
        found = client.post("/api/v1/services/discover/", {"base_url": base_url}, format="json").json()
        assert (bool(found["refused"]), found["proposal"]) == (True, None)
    entry = AuditEntry.objects.get(action="service.refuse")
    assert (entry.subject, entry.token, "PROBE_ALLOW" in entry.why) == ("http://10.0.0.1", "test", True)


def test_an_import_beside_an_edit_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded(ORDERS)
    read = importing._whole

    def meanwhile(services: Any) -> Any:
        found = list(read(services))
        Service.objects.update(version=9)
        return found

    monkeypatch.setattr(importing, "_whole", meanwhile)
    receipt = loaded(ORDERS | {"name": "Other"}, overwrite=True)
    assert receipt.errors == [("$.services[0]", "It was changed by somebody else meanwhile: import it again.")]
