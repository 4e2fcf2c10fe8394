"""What a token that is restricted to scorecards does with services: it sees them, and changes none that feeds another's KPI."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from probes.models import Maintenance, Probe, Run, RunState, Service
from probes.urls import api_urlpatterns
from tests.factories import People
from tests.kpis.factories import make_kpi, make_scorecard
from tests.probes.factories import make_load_probe, make_probe, make_run, make_service

pytestmark = pytest.mark.django_db
URL = "/api/v1"
SOON = timezone.now() + timedelta(days=1)
WINDOW = {"reason": "move", "starts_at": SOON.isoformat(), "ends_at": (SOON + timedelta(hours=1)).isoformat()}
MANIFEST = {"format": "milepost-services/1", "services": [{"slug": "shared", "name": "Mine"}]}
CHANGES: list[tuple[str, str, str, Any]] = [
    ("service-detail", "patch", "/services/shared/", {"name": "Mine"}),
    ("service-confirm", "post", "/services/shared/confirm/", None),
    ("service-import", "post", "/services/import/", MANIFEST),
    ("service-import", "post", "/services/import/?dry_run=1", MANIFEST),
    *(("services-act", "post", "/services/actions/", {"action": action, "services": ["own", "shared"]})
      for action in ("pause", "resume", "run", "archive", "restore")),
    ("probe-list", "post", "/services/shared/probes/", {"kind": "http"}),
    ("probe-detail", "patch", "/probes/{probe}/", {"enabled": False, "feeds": []}),
    ("probe-run", "post", "/probes/{probe}/run/", None),
    ("run-stop", "post", "/runs/{run}/stop/", None),
    ("maintenance-list", "post", "/maintenance/", WINDOW | {"service": "shared"}),
    ("maintenance-list", "post", "/maintenance/", WINDOW | {"tag": "all"}),
    ("maintenance-end", "post", "/maintenance/{window}/end/", None),
    ("maintenance-end", "post", "/maintenance/{by_tag}/end/", None),
]  # fmt: skip
FREE = {"service-list", "service-discover"}
"""A new service feeds nothing that was there, and a look saves nothing."""


@pytest.fixture
def mine(people: People, api: Callable[[str], APIClient], make_token: Callable[..., str]) -> APIClient:
    return api(make_token(people.engineer, ["read", "probes:write"], scorecards=["mine"]))


@pytest.fixture
def rows(people: People) -> dict[str, int]:
    """`shared` feeds a KPI of each scorecard, `own` one of `mine` alone."""
    ours, theirs = make_kpi("p95", scorecard=make_scorecard("mine")), make_kpi("p95", scorecard=make_scorecard("theirs"))
    shared, own = (make_service("http://orders.example", slug=slug, tags=["all"]) for slug in ("shared", "own"))
    make_probe(own, feeds={"latency": ours})
    probe = make_probe(shared, feeds={"latency": ours})
    probe.feeds.create(metric="latency", kpi=theirs)
    recorded = [{"metric": "latency", "kpi": f"{card}/p95", "value": 7.5, "unit": "ms"} for card in ("mine", "theirs")]
    make_run(probe, recorded=recorded)
    load = make_load_probe()
    Probe.objects.filter(pk=load.pk).update(service=shared)
    run = make_run(load, state=RunState.QUEUED, outcome="", finished_at=None)
    window, by_tag = (
        Maintenance.objects.create(
            reason="move", starts_at=SOON, ends_at=SOON + timedelta(hours=1), created_by=people.engineer, **about
        )
        for about in ({"service": shared}, {"tag": "all"})
    )
    return {"probe": probe.pk, "run": run.pk, "window": window.pk, "by_tag": by_tag.pk}


def everything() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (Service, Probe, Run, Maintenance)]


@pytest.mark.parametrize(("name", "method", "path", "body"), CHANGES)
def test_what_feeds_a_hidden_scorecard_is_not_changed(
    mine: APIClient, rows: dict[str, int], name: str, method: str, path: str, body: Any
) -> None:
    before = everything()
    answer = getattr(mine, method)(URL + path.format(**rows), body, format="json")
    assert (answer.status_code, answer.json()["title"]) == (403, "Forbidden")
    assert "restricted to scorecards" in answer.json()["detail"]
    assert "theirs" not in answer.content.decode()
    assert everything() == before


def _endpoints() -> Iterator[tuple[str, set[str]]]:
    for pattern in api_urlpatterns:
        yield str(pattern.name), set(pattern.callback.cls.scopes)  # type: ignore[union-attr]


def test_every_change_of_services_is_walked() -> None:
    changing = {name for name, methods in _endpoints() if methods - {"GET"}}
    assert changing == {name for name, *_ in CHANGES} | FREE


def test_no_answer_names_a_hidden_scorecard(mine: APIClient, rows: dict[str, int]) -> None:
    parts = {"slug": "shared", "pk": rows["probe"]}
    for pattern in api_urlpatterns:
        if "GET" not in pattern.callback.cls.scopes:  # type: ignore[union-attr]
            continue
        path = str(pattern.pattern).replace("<slug:slug>", "shared")
        numbers = Run.objects.values_list("pk", flat=True) if path.startswith("runs") else [parts["pk"]]
        for number in numbers:
            answer = mine.get(f"{URL}/{path.replace('<int:pk>', str(number))}")
            assert (answer.status_code, "theirs" in answer.content.decode()) == (200, False), path
    assert mine.get(f"{URL}/probes/{rows['probe']}/").json()["feeds"] == [{"metric": "latency", "kpi": "mine/p95"}]


def test_what_feeds_its_own_scorecards_alone_is_changed(mine: APIClient, rows: dict[str, int]) -> None:
    own = Probe.objects.get(service__slug="own")
    assert mine.patch(f"{URL}/services/own/", {"name": "Mine"}, format="json").status_code == 200
    assert mine.patch(f"{URL}/probes/{own.pk}/", {"interval_s": 90}, format="json").status_code == 200
    assert mine.post(f"{URL}/probes/{own.pk}/run/").status_code == 202
    assert mine.post(f"{URL}/services/actions/", {"action": "pause", "services": ["own"]}, format="json").status_code == 200
    assert mine.post(f"{URL}/maintenance/", WINDOW | {"service": "own"}, format="json").status_code == 201
