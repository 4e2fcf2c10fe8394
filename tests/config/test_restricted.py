"""A token that is for some services, walked over everything that changes something: it changes what is of these alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import get_resolver
from django.utils import timezone
from rest_framework.permissions import SAFE_METHODS
from rest_framework.test import APIClient

from accounts.models import AuditEntry
from accounts.permissions import TOKEN_SCOPES
from kpis import streams
from kpis.models import KPI, Incident, Measurement, Rule, Series, Silence, Submission, Target, Waiver
from probes.models import Maintenance, Probe, Run, RunState, Service
from tests.config.test_urls import addresses
from tests.factories import DOCUMENT, People
from tests.kpis.factories import make_kpi, make_scorecard, record_values
from tests.probes.factories import make_load_probe, make_probe, make_run, make_service

pytestmark = pytest.mark.django_db
NOW = timezone.now()
ENDS = {"starts_at": NOW + timedelta(days=1), "ends_at": NOW + timedelta(days=2)}
PLAN = {"reason": "move"} | {name: at.isoformat() for name, at in ENDS.items()}
WAIVER = {"kpi": "shop/latency", "reason": "rebuilt", "expires_at": ENDS["ends_at"].isoformat()}
RULE = {"kind": "absent", "kpi": "shop/latency", "service": "theirs", "every_s": 120, "severity": "critical"}
POINT = {"kpi": "shop/latency", "subject": "theirs", "environment": "test", "at": NOW.isoformat(), "value": 1}
RESULTS = {"service": "theirs", "results": {"milepost": 1, "samples": [{"name": "latency", "unit": "ms", "value": 1}]}}
PROBE = {"kind": "http"}
ADDRESS = "http://orders.example"
NAMED = {"name": "Mine", "base_url": ADDRESS}
ENTRY = {"slug": "theirs", **NAMED}
OTHERS: list[tuple[str, str, Any]] = [
    ("post", "series/{series}/set-aside/", {"why": "x"}), ("post", "series/{aside}/take-back/", {"why": "x"}),
    ("post", "measurements/", [POINT]), ("post", "results/", RESULTS), ("post", "results/{result}/invalidate/", {"why": "x"}),
    ("post", "waivers/", WAIVER), ("post", "waivers/", WAIVER | {"subject": "theirs"}),
    ("post", "waivers/{waiver}/withdraw/", {}), ("post", "waivers/{running}/end/", {}),
    ("post", "alerts/{alert}/acknowledge/", {}),
    ("post", "rules/", {"kind": "stale", "scorecard": "shop"}), ("post", "rules/", RULE),
    ("patch", "rules/{rule}/", {"enabled": False}), ("delete", "rules/{rule}/", None),
    ("post", "silences/", PLAN | {"service": "theirs"}), ("post", "silences/", PLAN | {"everything": True}),
    ("post", "silences/{silence}/end/", None),
    ("post", "services/", {"slug": "fresh", "name": "New", "base_url": ADDRESS}),
    ("post", "services/discover/", {"base_url": "http://127.0.0.1:9"}),
    ("post", "services/import/?overwrite=1", {"format": "milepost-services/1", "services": [ENTRY]}),
    ("post", "services/actions/", {"action": "pause", "services": ["mine", "theirs"]}),
    ("post", "services/theirs/confirm/", None), ("patch", "services/theirs/", NAMED),
    ("post", "services/theirs/probes/", PROBE), ("patch", "probes/{probe}/", {"enabled": False}),
    ("post", "probes/{probe}/run/", None), ("post", "runs/{run}/stop/", None),
    ("post", "maintenance/", PLAN | {"service": "theirs"}), ("post", "maintenance/", PLAN | {"tag": "all"}),
    ("post", "maintenance/{window}/end/", None),
]  # fmt: skip
DECIDED = [("post", "waivers/{waiver}/approve/"), ("post", "waivers/{waiver}/reject/")]
"""By people alone: no token does it, whatever it is for."""


@pytest.fixture
def rows(people: People) -> dict[str, Any]:
    kpi = make_kpi("latency", scorecard=make_scorecard("shop"))
    for subject in ("mine", "theirs"):
        make_service(ADDRESS, slug=subject, tags=["all"])
        record_values(kpi, [700], subject=subject)
    record_values(kpi, [700], subject="theirs", environment="old")
    theirs, by = Service.objects.get(slug="theirs"), people.administrator
    load = make_load_probe()
    Probe.objects.filter(pk=load.pk).update(service=theirs)
    aside = Series.objects.get(environment="old")
    streams.set_aside(series=aside, actor=by, why="moved", now=NOW)
    held: dict[str, Any] = {"kpi": kpi, "subject": "theirs", "reason": "x", "expires_at": ENDS["ends_at"], "requested_by": by}
    made = {
        "series": Series.objects.exclude(pk=aside.pk).get(subject="theirs"), "aside": aside, "probe": make_probe(theirs),
        "run": make_run(load, state=RunState.QUEUED, outcome="", finished_at=None),
        "window": Maintenance.objects.create(reason="move", service=theirs, created_by=by, **ENDS),
        "silence": Silence.objects.create(reason="move", service="theirs", created_by=by, **ENDS),
        "rule": Rule.objects.create(kind="absent", kpi=kpi, service="theirs", every_s=60, created_by=by),
        "waiver": Waiver.objects.create(**held),
        "running": Waiver.objects.create(**held, decision="approved", decided_by=people.approver, decided_at=NOW),
        "alert": Incident.objects.create(
            kpi=kpi, scorecard=kpi.scorecard, subject="theirs", state="firing", reopen_s=1, kind="threshold", severity="low",
            key=f"threshold:{kpi.pk}", title="Slow", **dict.fromkeys(("opened_at", "fired_at", "moved_at"), NOW),
        ),
        "result": Submission.objects.create(
            service="theirs", format="milepost", payload_sha256="0" * 64, submitted_by=by, verdict="pass", document=DOCUMENT
        ),
    }  # fmt: skip
    return {name: row.pk for name, row in made.items()}


@pytest.fixture
def mine(people: People, api: Any, make_token: Any) -> APIClient:
    client: APIClient = api(make_token(people.administrator, TOKEN_SCOPES, services=["mine"]))
    return client


@pytest.fixture
def anybody(people: People, api: Any, make_token: Any) -> APIClient:
    client: APIClient = api(make_token(people.administrator, TOKEN_SCOPES))
    return client


def everything() -> list[Any]:
    """The trail too: to look at a place leaves what was refused there, and nothing else."""
    models = (
        Service, Probe, Run, Maintenance, Series, Measurement, Silence, Rule, Waiver, Incident, Submission, Target, KPI,
        AuditEntry,
    )  # fmt: skip
    return [list(model._default_manager.order_by("pk").values()) for model in models]


def _changes() -> list[tuple[str, str, bool]]:
    """Each address of the API with a method that changes something, and whether it looks at services itself."""
    found = []
    for path, _ in sorted(set(addresses(get_resolver()))):
        if path.startswith("/api/v1/") and (view := get_resolver().resolve(path).func):
            for method in getattr(getattr(view, "cls", None), "scopes", {}):
                if method not in SAFE_METHODS:
                    found.append((method.lower(), path, view.cls.per_service))
    return found


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, own in _changes() if not own])
def test_what_is_of_every_service_is_not_changed(mine: APIClient, method: str, path: str) -> None:
    answer = getattr(mine, method)(path, {}, format="json")
    needs_people = "/approve/" in path or "/reject/" in path
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (
        403, "missing-scope" if needs_people else "restricted",
    )  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body"), OTHERS)
def test_what_is_of_another_service_is_not_changed(
    mine: APIClient, rows: dict[str, Any], method: str, path: str, body: Any
) -> None:
    before = everything()
    answer = getattr(mine, method)(f"/api/v1/{path.format(**rows)}", body, format="json")
    assert answer.status_code in (403, 404, 422), answer.content
    assert everything() == before


@pytest.mark.parametrize(("method", "path", "body"), OTHERS)
def test_a_token_for_all_services_changes_each_of_these(
    anybody: APIClient, rows: dict[str, Any], method: str, path: str, body: Any
) -> None:
    """So that none is refused to the others for another reason. A place without the confirming token answers 409."""
    before = everything()
    answer = getattr(anybody, method)(f"/api/v1/{path.format(**rows)}", body, format="json")
    assert answer.status_code < 300 or (answer.status_code == 409 and "/confirm/" in path), answer.content
    assert everything() != before


@pytest.mark.parametrize(("method", "path"), DECIDED)
def test_what_people_decide_is_decided_by_no_token(anybody: APIClient, rows: dict[str, Any], method: str, path: str) -> None:
    before = everything()
    answer = getattr(anybody, method)(f"/api/v1/{path.format(**rows)}", {}, format="json")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:milepost:problem:missing-scope")
    assert everything() == before


def test_every_view_that_looks_at_services_itself_is_walked() -> None:
    resolve = get_resolver().resolve
    uuid = "00000000-0000-0000-0000-000000000000"
    names = dict.fromkeys(("series", "waiver", "alert", "rule", "silence", "probe", "run", "window", "aside", "running"), 1) | {
        "result": uuid
    }
    paths = [(method, path.partition("?")[0]) for method, path, _ in OTHERS] + DECIDED
    walked = {(method, resolve(f"/api/v1/{path.format(**names)}").url_name) for method, path in paths}
    assert walked == {(method, resolve(path).url_name) for method, path, own in _changes() if own}


def test_of_its_own_service_it_asks_for_a_waiver_and_ends_it(mine: APIClient, rows: dict[str, Any]) -> None:
    made = mine.post("/api/v1/waivers/", WAIVER | {"subject": "mine"}, format="json")
    assert made.status_code == 201, made.content
    assert mine.post(f"/api/v1/waivers/{made.json()['id']}/withdraw/", {}, format="json").status_code == 200
