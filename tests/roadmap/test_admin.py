from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry
from roadmap.models import Roadmap, Task
from tests.factories import People
from tests.kpis.factories import make_scorecard
from tests.roadmap.factories import make_cost, make_phase, make_roadmap, make_task

pytestmark = pytest.mark.django_db


def test_saving_counts_as_an_edit(as_admin: Client) -> None:
    cost = make_cost(name="Servers")
    form = {
        "roadmap": cost.roadmap_id, "key": cost.key, "name": "Hosting", "kind": "one_off", "amount": "100.00", "position": 0,
        "opened": 1,
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


def everything(client: Client, url: str) -> dict[str, Any]:
    """What a browser would send of a form that is looked at and saved."""
    context: Any = client.get(url).context
    sets = [one.formset for one in context["inline_admin_formsets"]]
    sent: dict[str, Any] = {}
    for form in (context["adminform"].form, *(form for one in sets for form in one.forms)):
        sent |= {form.add_prefix(name): form[name].value() for name in form.fields if form[name].value() is not None}
    for one in sets:
        sent |= {one.management_form.add_prefix(name): value for name, value in one.management_form.initial.items()}
    return sent


def test_who_saves_second_reads_what_stands_in_words(as_admin: Client, people: People) -> None:
    plan = make_roadmap(name="Plan")
    sent = everything(as_admin, f"/admin/roadmap/roadmap/{plan.pk}/change/")
    plan.members.add(people.viewer)
    Roadmap.objects.update(version=2, scorecard=make_scorecard("shop", name="Shop"))
    told = as_admin.post(f"/admin/roadmap/roadmap/{plan.pk}/change/", sent).content.decode()
    assert "Scorecard is now “Shop”, you wrote “" in told
    assert "Members is now “viewer”, you wrote “”" in told


def test_row_below_another_is_not_saved_over(as_admin: Client) -> None:
    """Somebody ticks a task off and renames it while its phase stands open in the admin site."""
    task = make_task(make_phase(make_roadmap()), title="Index")
    sent = everything(as_admin, f"/admin/roadmap/phase/{task.phase_id}/change/")
    Task.objects.filter(pk=task.pk).update(title="Index, by another", version=2)
    answer = as_admin.post(f"/admin/roadmap/phase/{task.phase_id}/change/", sent)
    assert (answer.status_code, "Somebody else changed it meanwhile" in answer.content.decode()) == (200, True)
    assert Task.objects.values_list("title", "version").get() == ("Index, by another", 2)
