from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import Client

from accounts.models import AuditEntry
from roadmap.models import Roadmap
from tests.roadmap.factories import load_source, make_cost

pytestmark = pytest.mark.django_db
MODELS = [model for model in admin.site._registry if model._meta.app_label == "roadmap"]


@pytest.fixture
def plan() -> Roadmap:
    return load_source()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.model_name)
def test_lists_and_forms_open(as_admin: Client, plan: Roadmap, model: type) -> None:
    name = model._meta.model_name
    assert as_admin.get(f"/admin/roadmap/{name}/?q=a").status_code == 200
    row = model.objects.first()
    assert as_admin.get(f"/admin/roadmap/{name}/{row.pk}/change/").status_code == 200


def test_saving_counts_as_an_edit(as_admin: Client) -> None:
    cost = make_cost(name="Servers")
    form = {
        "roadmap": cost.roadmap_id, "key": cost.key, "name": "Hosting", "kind": "one_off", "amount": "100.00", "position": 0,
        "entries-TOTAL_FORMS": 1, "entries-INITIAL_FORMS": 0, "entries-0-booked_on": "2026-10-01", "entries-0-amount": "9.90",
        "entries-0-cost": cost.pk,
    }  # fmt: skip
    answer = as_admin.post(f"/admin/roadmap/cost/{cost.pk}/change/", form)
    assert answer.status_code == 302
    cost.refresh_from_db()
    assert (cost.name, cost.version, cost.entries.count()) == ("Hosting", 2, 1)
    entries = AuditEntry.objects.filter(action__startswith="cost").order_by("pk")
    assert [(entry.action, entry.after.get("name")) for entry in entries] == [
        ("cost.change", "Hosting"),
        ("costentry.create", None),
    ]


def test_removing_is_kept_in_the_history(as_admin: Client) -> None:
    cost = make_cost(name="Servers")
    as_admin.post(f"/admin/roadmap/cost/{cost.pk}/delete/", {"post": "yes"})
    assert AuditEntry.objects.get(action="cost.remove").subject == "Servers"
