"""Every page of the admin site, walked as an administrator over rows of every kind."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Failure
from kpis import targets, waivers
from kpis.models import KPI, Review
from probes.models import Heartbeat
from roadmap import closing
from roadmap.models import BenefitKpi, CostEntry, Gate, Mitigation, RiskTrigger
from tests.factories import People, make_token
from tests.kpis.factories import record_values
from tests.probes.factories import make_probe, make_run
from tests.roadmap.factories import load_source, make_benefit, make_cost, make_risk

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
BAD = re.compile(r"(?<!, )\b(kpis?|Kpis?|url|sha256|roi|s|ms|h|pct)$|\b(kpi|Kpi|Roi) ")
OURS = ("accounts", "kpis", "probes", "roadmap")


def registered() -> Iterator[tuple[type[Model], ModelAdmin[Any]]]:
    return ((model, how) for model, how in admin.site._registry.items() if model._meta.app_label in (*OURS, "auth"))


def address(model: type[Model], page: str = "") -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/{page}"


@pytest.fixture
def rows(people: People, as_engineer: Client) -> None:
    """Two or more rows of nearly everything."""
    now = timezone.now()
    roadmap = load_source()
    for kpi in KPI.objects.order_by("pk")[:2]:
        record_values(kpi, [40, 50], until=now)
        targets.propose(kpi=kpi, actor=people.engineer, target=f"{'<' if kpi.direction == 'lower' else '>'} 45", rationale="r")
        waivers.request_waiver(kpi=kpi, actor=people.manager, reason="r", expires_at=now + timedelta(days=2), now=now)
        Review.objects.create(kpi=kpi, reviewed_by=people.manager, reviewed_at=now, note="still holds")
        probe = make_probe(feeds={"latency": kpi})
        make_run(probe)
        benefit, cost, risk = make_benefit(roadmap), make_cost(roadmap), make_risk(roadmap)
        BenefitKpi.objects.create(benefit=benefit, kpi=kpi)
        CostEntry.objects.create(cost=cost, booked_on=now.date(), amount=5, by=people.manager)
        Mitigation.objects.create(risk=risk, text="m", owner=people.manager)
        RiskTrigger.objects.create(risk=risk, kpi=kpi)
        Heartbeat.objects.get_or_create(role=f"worker-{kpi.pk}", defaults={"at": now})
        Failure.objects.create(key=f"login:{kpi.pk}", at=now)
        make_token(people.engineer, ["read"])
        body = {"milepost": 1, "samples": [{"name": f"test_{kpi.key}", "kpi": kpi.key, "unit": kpi.unit, "value": 40}]}
        as_engineer.post("/api/v1/results/?service=orders", json.dumps(body), content_type="application/json")
    for gate in Gate.objects.order_by("pk")[:2]:
        closing.request_waiver(gate=gate, actor=people.manager, reason="r", expires_at=now + timedelta(days=2), now=now)


def test_every_model_is_registered() -> None:
    ours = [model for app in OURS for model in apps.get_app_config(app).get_models()]
    assert [model.__name__ for model in ours if model not in admin.site._registry] == []


def test_names_are_those_of_the_field() -> None:
    """No "Kpi states", no "For s": what a column of code abbreviates is written out."""
    wrong = []
    for model, _ in registered():
        meta = model._meta
        if meta.app_label in OURS:
            names = [
                meta.verbose_name,
                meta.verbose_name_plural,
                *(getattr(one, "verbose_name", "") for one in meta.get_fields()),
            ]
            wrong += [(model.__name__, str(name)) for name in names if BAD.search(str(name))]
    assert wrong == []


def test_every_page_opens(rows: None, as_admin: Client) -> None:
    wrong = []
    for model, how in registered():
        pages = {address(model): 200, address(model, "?q=a"): 200}
        pages[address(model, "add/")] = 200 if how.has_add_permission(_of(as_admin)) else 403
        row = model._default_manager.order_by("pk").first()
        if row is not None:
            pages[address(model, f"{row.pk}/change/")] = 200
            pages[address(model, f"{row.pk}/history/")] = 200
        wrong += [(url, found) for url, status in pages.items() if (found := as_admin.get(url).status_code) != status]
    assert wrong == []


def _of(client: Client) -> Any:
    return client.get("/admin/").wsgi_request


def test_lists_say_more_than_a_name_and_can_be_searched() -> None:
    thin = [model.__name__ for model, how in registered() if len(how.list_display) < 2 or not how.search_fields]
    assert thin == ["Heartbeat"]


def test_lists_ask_as_much_for_one_row_as_for_many(rows: None, as_admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    as_admin.get("/admin/")
    grown = []
    for model, how in registered():
        asked = []
        for per_page in (1, 50):
            monkeypatch.setattr(how, "list_per_page", per_page)
            with CaptureQueriesContext(connection) as queries:
                as_admin.get(address(model))
            asked.append(len(queries))
        if asked[0] != asked[1] or asked[1] > 25:
            grown.append((model.__name__, *asked))
    assert grown == []


GOVERNED = [
    "accounts.user", "accounts.auditentry", "accounts.apitoken", "kpis.scorecard", "kpis.kpi", "kpis.target", "kpis.waiver",
    "kpis.series", "kpis.measurement", "kpis.rollup", "kpis.currentvalue", "kpis.kpistate", "kpis.submission", "kpis.sample",
    "kpis.review", "kpis.incident", "kpis.transition", "probes.service", "probes.probe", "probes.run", "roadmap.roadmap",
    "roadmap.gate", "roadmap.gatewaiver", "roadmap.costentry",
]  # fmt: skip


def test_governed_rows_are_never_deleted(rows: None, as_admin: Client) -> None:
    for label in GOVERNED:
        model = apps.get_model(label)
        before = model._default_manager.count()
        row = model._default_manager.order_by("pk").first()
        if row is not None:
            assert as_admin.post(address(model, f"{row.pk}/delete/"), {"post": "yes"}).status_code == 403, label
            chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
            as_admin.post(address(model), chosen)
        assert model._default_manager.count() == before, label


def test_what_was_measured_is_only_looked_at(rows: None, as_admin: Client) -> None:
    for label in ("kpis.measurement", "kpis.rollup", "kpis.submission", "probes.run", "kpis.review"):
        model = apps.get_model(label)
        row = model._default_manager.order_by("pk")[0]
        assert as_admin.post(address(model, f"{row.pk}/change/"), {"value": "9"}).status_code == 403, label
        assert as_admin.post(address(model, "add/"), {"value": "9"}).status_code == 403, label


def test_secrets_of_services_are_never_shown(as_admin: Client, rows: None) -> None:
    probe = make_probe()
    probe.service.database_dsn = "postgres://who:hidden-word@db/x"
    probe.service.headers = {"X": "hidden-word"}
    probe.service.save()
    page = as_admin.get(f"/admin/probes/service/{probe.service_id}/change/").content.decode()
    assert "hidden-word" not in page


def test_it_belongs_to_the_site(as_admin: Client) -> None:
    page = as_admin.get("/admin/").content.decode()
    for said in ('href="/approvals/"', "Back to Milepost", "css/admin.css", "Skip to main content"):
        assert said in page
