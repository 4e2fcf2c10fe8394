from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import AuditEntry
from tests.roadmap.factories import make_cost

pytestmark = pytest.mark.django_db


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
