"""Definitions and decisions in the admin site go through the same verbs as everywhere else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry
from kpis import defining, targets, waivers
from kpis.models import KPI, Decision, Rule, Scorecard, Target, Waiver
from kpis.standing import standing
from tests.factories import People
from tests.kpis.factories import make_kpi, make_scorecard, make_target, record_values

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
INLINES = {f"{name}-{what}_FORMS": 0 for name in ("targets", "waivers", "reviews", "series") for what in ("TOTAL", "INITIAL")}
TARGETS, WAIVERS, KPIS = "/admin/kpis/target/", "/admin/kpis/waiver/", "/admin/kpis/kpi/"


@pytest.fixture
def kpi(people: People) -> KPI:
    return make_kpi("latency", name="Latency", scorecard=make_scorecard("shop"))


def figures(text: str = "< 450", **fields: Any) -> dict[str, Any]:
    return {"target": text, "for_s": 0, "recover_s": 0, "severity": "medium", "rationale": "tighter", **fields}


def act(client: Client, url: str, action: str, *rows: Any) -> str:
    chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(url, chosen, follow=True).content.decode()


def test_editing_a_target_makes_a_version_and_changes_no_row(kpi: KPI, people: People, as_admin: Client) -> None:
    old = make_target(kpi, "<", 500)
    answer = as_admin.post(f"{TARGETS}{old.pk}/change/", figures(), follow=True)
    assert "Version 2 waits for approval by somebody else." in answer.content.decode()
    rows = Target.objects.order_by("number").values_list("number", "value", "decision", "proposed_by")
    assert list(rows) == [(1, 500, "approved", None), (2, 450, "proposed", people.administrator.pk)]
    assert AuditEntry.objects.filter(action="target.propose").count() == 1


def test_nobody_approves_their_own_in_the_admin_site(kpi: KPI, people: People, as_admin: Client) -> None:
    as_admin.post(f"{TARGETS}add/", figures(kpi=kpi.pk))
    own = Target.objects.get()
    others = targets.propose(kpi=kpi, actor=people.engineer, target="< 400", rationale="r")
    told = act(as_admin, TARGETS, "approve", own, others)
    assert "Somebody other than the proposer approves a target." in told
    assert "1 approved." in told
    assert list(Target.objects.order_by("number").values_list("decision", flat=True)) == ["proposed", "approved"]


def test_old_points_stay_judged_by_the_version_of_their_time(kpi: KPI, people: People, as_admin: Client) -> None:
    now = timezone.now()
    make_target(kpi, "<", 500, effective_from=now - timedelta(days=9))
    record_values(kpi, [480], until=now)
    row = targets.propose(kpi=kpi, actor=people.engineer, target="< 450", rationale="r")
    act(as_admin, TARGETS, "approve", row)
    assert standing(kpi, now=now - timedelta(seconds=1)).target_text == "< 500"
    assert standing(kpi, now=timezone.now()).target_text == "< 450"


WRONG = [({"target": "> 450"}, "write &lt; or &lt;="), ({"target": "soon"}, "soon"), ({"rationale": ""}, "required")]


@pytest.mark.parametrize(("wrong", "said"), WRONG)
def test_wrong_figures_stand_beside_their_field(kpi: KPI, as_admin: Client, wrong: dict[str, Any], said: str) -> None:
    answer = as_admin.post(f"{TARGETS}add/", figures(kpi=kpi.pk) | wrong)
    assert (answer.status_code, said in answer.content.decode()) == (200, True)
    assert not Target.objects.exists()


def test_history_of_versions_stands_on_the_kpi_and_cannot_be_written(kpi: KPI, as_admin: Client) -> None:
    make_target(kpi, "<", 500)
    page = as_admin.get(f"{KPIS}{kpi.pk}/change/").content.decode()
    assert "&lt;\u00a0500\u00a0ms" in page
    assert 'name="targets-0-value"' not in page


def test_waiver_is_asked_for_and_decided(kpi: KPI, people: People, as_admin: Client) -> None:
    record_values(kpi, [700])
    until = timezone.now() + timedelta(days=3)
    form = {"kpi": kpi.pk, "reason": "rebuilt", "expires_at_0": f"{until:%Y-%m-%d}", "expires_at_1": "12:00:00"}
    assert as_admin.post(f"{WAIVERS}add/", form).status_code == 302
    own = Waiver.objects.get()
    assert "Somebody other than the person who asked" in act(as_admin, WAIVERS, "approve", own)
    other = waivers.request_waiver(kpi=kpi, actor=people.manager, reason="r", expires_at=until, now=timezone.now())
    act(as_admin, WAIVERS, "approve", other)
    act(as_admin, WAIVERS, "end", other)
    other.refresh_from_db()
    assert (other.decision, other.ended_by) == (Decision.APPROVED, people.administrator)
    assert as_admin.post(f"{WAIVERS}{other.pk}/change/", {"reason": "bent"}).status_code == 403


def kpi_form(kpi: KPI, client: Client, **fields: Any) -> dict[str, Any]:
    shown = client.get(f"{KPIS}{kpi.pk}/change/").context["adminform"].form.initial
    kept = {name: value for name, value in shown.items() if value is not None and value is not False}
    return INLINES | kept | fields


def test_edited_kpi_counts_up_and_leaves_its_history(kpi: KPI, as_admin: Client) -> None:
    assert as_admin.post(f"{KPIS}{kpi.pk}/change/", kpi_form(kpi, as_admin, name="Response")).status_code == 302
    assert KPI.objects.values_list("name", "version").get() == ("Response", 2)
    entry = AuditEntry.objects.get(action="kpi.change")
    assert (entry.before, entry.after, entry.why) == ({"name": "Latency"}, {"name": "Response"}, "in the admin site")


@pytest.mark.parametrize("used", [lambda kpi: record_values(kpi, [1]), make_target])
def test_what_figures_and_targets_rest_on_stays(kpi: KPI, as_admin: Client, used: Callable[[KPI], object]) -> None:
    used(kpi)
    as_admin.post(f"{KPIS}{kpi.pk}/change/", kpi_form(kpi, as_admin, unit="s", direction="higher"))
    assert KPI.objects.values_list("unit", "direction").get() == ("ms", "lower")


def test_scorecard_and_kpi_are_made_here(as_admin: Client) -> None:
    none = {"kpis-TOTAL_FORMS": 0, "kpis-INITIAL_FORMS": 0}
    as_admin.post("/admin/kpis/scorecard/add/", {"name": "Shop", "slug": "shop", "description": ""} | none)
    card = Scorecard.objects.get(slug="shop")
    shown = as_admin.get(f"{KPIS}add/").context["adminform"].form
    fields = {
        name: field.initial for name, field in shown.fields.items() if field.initial is not None and field.initial is not False
    }
    fields = {name: value() if callable(value) else value for name, value in fields.items()}
    made = as_admin.post(
        f"{KPIS}add/", fields | {"scorecard": card.pk, "key": "p95", "name": "p95", "unit": "ms", "direction": "lower"}
    )
    assert made.status_code == 302, made.context["adminform"].form.errors
    assert AuditEntry.objects.filter(action__in=["scorecard.create", "kpi.create"]).count() == 2


def test_bulk_archive_and_restore(kpi: KPI, as_admin: Client) -> None:
    assert "1 archived." in act(as_admin, KPIS, "archive", kpi)
    assert "It is archived already." in act(as_admin, KPIS, "archive", kpi)
    assert as_admin.post(f"{KPIS}{kpi.pk}/change/", {"name": "bent"}).status_code == 403
    assert "1 restored." in act(as_admin, KPIS, "restore", kpi)
    assert KPI.objects.get().archived_at is None


def test_a_rule_that_cannot_be_followed_is_refused(kpi: KPI, as_admin: Client) -> None:
    fields = {"kind": "burn_rate", "kpi": kpi.pk, "severity": "high", "for_s": 0, "recover_s": 0, "objective": 1, "min_events": 1}
    answer = as_admin.post("/admin/kpis/rule/add/", fields | {"enabled": "on"})
    assert set(answer.context["adminform"].form.errors) == {"kpi", "objective"}
    assert Rule.objects.count() == 0


def test_a_rule_is_not_made_twice_and_can_be_switched_off(kpi: KPI, as_admin: Client) -> None:
    fields = {"kind": "stale", "kpi": kpi.pk, "severity": "high", "for_s": 0, "recover_s": 0, "min_events": 1}
    for _ in range(2):
        answer = as_admin.post("/admin/kpis/rule/add/", fields | {"enabled": "on"})
    assert list(answer.context["adminform"].form.errors) == ["kpi"]
    rule = Rule.objects.get()
    form = as_admin.get(f"/admin/kpis/rule/{rule.pk}/change/").context["adminform"].form
    assert as_admin.post(f"/admin/kpis/rule/{rule.pk}/change/", fields | {"opened": form["opened"].value()}).status_code == 302
    assert not Rule.objects.get().enabled


def meanwhile(row: KPI | Scorecard, people: People, **changes: Any) -> None:
    row.refresh_from_db()
    defining.change(row=row, changes=changes, actor=people.manager, now=timezone.now())


def test_who_saves_second_is_told_and_may_save_again(kpi: KPI, people: People, as_admin: Client) -> None:
    mine = kpi_form(kpi, as_admin, description="mine")
    meanwhile(kpi, people, name="Theirs")
    answer = as_admin.post(f"{KPIS}{kpi.pk}/change/", mine)
    told = answer.context["adminform"].form.non_field_errors()[0]
    assert (answer.status_code, "Somebody else changed it meanwhile" in told) == (200, True)
    assert "Name is now “Theirs”, you wrote “Latency”" in told
    assert KPI.objects.values_list("name", "description").get() == ("Theirs", "")
    opened = answer.context["adminform"].form["opened"].value()
    assert as_admin.post(f"{KPIS}{kpi.pk}/change/", mine | {"opened": opened}).status_code == 302
    assert KPI.objects.values_list("name", "description", "version").get() == ("Latency", "mine", 3)


def test_scorecard_is_not_saved_over_either(kpi: KPI, people: People, as_admin: Client) -> None:
    card, url = kpi.scorecard, f"/admin/kpis/scorecard/{kpi.scorecard_id}/change/"
    none = {"kpis-TOTAL_FORMS": 0, "kpis-INITIAL_FORMS": 0}
    meanwhile(card, people, name="Theirs")
    assert as_admin.post(url, none | {"name": "Mine", "description": "", "opened": 1}).status_code == 200
    assert as_admin.post(url, none | {"name": "Mine", "description": ""}).status_code == 200
    assert Scorecard.objects.values_list("name", "version").get() == ("Theirs", 2)


def test_kpi_of_an_archived_scorecard_is_refused_beside_it(kpi: KPI, people: People, as_admin: Client) -> None:
    defining.archive(row=kpi.scorecard, actor=people.manager, now=timezone.now())
    fields = {"scorecard": kpi.scorecard_id, "key": "new", "name": "New"}
    assert "scorecard" in as_admin.post(f"{KPIS}add/", fields).context["adminform"].form.errors
