from contextlib import nullcontext
from datetime import date, timedelta
from decimal import Decimal as D
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEntry, User
from kpis import targets
from kpis.models import Target
from roadmap import closing, document, editing, loading, records, working
from roadmap.models import Cost, Gate, GateWaiver, Mitigation, Phase, Risk, Roadmap, Task
from tests.factories import make_user
from tests.roadmap.factories import FIXTURES, NOW, START, load_source, source

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    return User.objects.create(username="somebody")


def test_load_brings_everything() -> None:
    plan = load_source()
    assert (plan.phases.count(), Task.objects.count(), Gate.objects.count()) == (6, 19, 6)
    assert (plan.costs.count(), plan.benefits.count(), plan.risks.count(), Mitigation.objects.count()) == (3, 4, 5, 13)
    assert (plan.load_profiles.count(), plan.alert_rules.count(), plan.scorecard.kpis.count()) == (8, 1, 17)
    assert (plan.starts_on, Phase.objects.get(number=6).ends_on) == (START, date(2026, 12, 20))
    assert AuditEntry.objects.get(action="roadmap.load").after["created"] == 76


def test_loading_again_changes_nothing() -> None:
    load_source()
    receipt = loading.load(source(), now=NOW)
    assert (receipt.created, receipt.changed, receipt.kept) == ([], [], [])
    assert set(Task.objects.values_list("version", flat=True)) == {1}
    assert Roadmap.objects.get().starts_on == START


def test_what_people_changed_stays(person: User) -> None:
    load_source()
    task = Task.objects.get(key="indexes")
    working.tick(task=task, actor=person, now=NOW)
    editing.change(row=Cost.objects.get(key="infrastructure"), changes={"amount": D(650)}, actor=person)
    editing.remove(row=Risk.objects.get(key="dependencies"), actor=person)
    loading.load(source(), now=NOW)
    assert Task.objects.get(pk=task.pk).state == "done"
    assert Cost.objects.get(key="infrastructure").amount == 650
    assert not Risk.objects.filter(key="dependencies").exists()


def test_untouched_fields_follow_a_newer_file(person: User) -> None:
    load_source()
    editing.change(row=Cost.objects.get(key="infrastructure"), changes={"name": "Servers"}, actor=person)
    newer = source()
    newer.costs[1] = msgspec.structs.replace(newer.costs[1], name="Hosting", amount=D(550))
    receipt = loading.load(newer, now=NOW)
    cost = Cost.objects.get(key="infrastructure")
    assert (cost.name, cost.amount, cost.version) == ("Servers", 550, 3)
    assert (receipt.changed, receipt.kept) == (["cost infrastructure"], ["cost infrastructure: name"])


def test_dry_run_tells_and_writes_nothing() -> None:
    receipt = loading.load(source(), now=NOW, dry_run=True)
    assert len(receipt.created) == 76
    assert not Roadmap.objects.exists()


def test_start_defaults_to_monday_of_this_week() -> None:
    loading.load(source(), now=NOW)
    assert Roadmap.objects.get().starts_on == date(2026, 11, 16)


def test_unknown_people_are_said_not_invented() -> None:
    plan = source()
    plan.phases[0].tasks[0].assignee = "nobody"
    receipt = loading.load(plan, now=NOW)
    assert receipt.unknown_people == ["nobody"]
    assert Task.objects.get(key="query-optimisation").assignee is None


def command(*options: str) -> str:
    out = StringIO()
    call_command("load_roadmap", FIXTURES / "roadmap.yaml", "--start", "2026-09-28", *options, stdout=out)
    return out.getvalue()


def test_command_says_what_a_dry_run_would_do() -> None:
    assert command("--dry-run") == "fastapi-easy-performance would be: 76 created, 0 changed, 0 unchanged\n"
    assert not Roadmap.objects.exists()


def test_command(tmp_path: Path) -> None:
    assert command() == "fastapi-easy-performance: 76 created, 0 changed, 0 unchanged\n"
    assert Roadmap.objects.get().starts_on == START
    (tmp_path / "bad.yaml").write_text("format: 1", encoding="utf-8")
    with pytest.raises(CommandError, match=r"\$"):
        call_command("load_roadmap", tmp_path / "bad.yaml")


def test_bad_value_leaves_nothing_behind() -> None:
    plan = source()
    plan.phases[0].tasks[0].title = "x" * 500
    with pytest.raises(document.Malformed, match="title"):
        loading.load(plan, now=NOW)
    assert not Roadmap.objects.exists()


def test_start_that_people_moved_stays(person: User) -> None:
    plan = load_source()
    editing.change(row=plan, changes={"starts_on": date(2026, 10, 5)}, actor=person)
    loading.load(source(), now=NOW)
    loading.load(source(), now=NOW, starts_on=START)
    assert Roadmap.objects.get().starts_on == date(2026, 10, 5)


def test_targets_hold_from_the_start_of_the_plan() -> None:
    plan = load_source()
    days = {target.effective_from.date() for kpi in plan.scorecard.kpis.all() for target in kpi.targets.all()}
    assert days == {START}


@pytest.mark.parametrize(("role", "decision"), [("manager", "proposed"), ("administrator", "proposed"), ("", "approved")])
def test_a_document_decides_only_at_the_command_line(role: str, decision: str) -> None:
    """A plan that a person brings in commits nobody, whatever they may: its targets and waivers wait for another one."""
    asker, actor = make_user("manager", "asker"), make_user(role) if role else None
    waiver = records.Waiver(
        reason="r", expires_at=NOW, requested_by=asker.username, requested_at=NOW, decision="approved", decided_by=asker.username
    )
    plan = source()
    first = msgspec.structs.replace(plan.phases[0], gate=msgspec.structs.replace(plan.phases[0].gate, waivers=[waiver]))
    loading.load(msgspec.structs.replace(plan, phases=[first, *plan.phases[1:]]), now=NOW, actor=actor)
    assert set(Target.objects.values_list("decision", flat=True)) == {decision}
    asked_by = actor or asker
    assert GateWaiver.objects.values_list("decision", "requested_by").get() == (decision, asked_by.pk)
    assert (GateWaiver.objects.get().decided_by is None) is (decision == "proposed")


@pytest.mark.parametrize("allowed", [False, True])
def test_who_brings_a_document_in_approves_it_only_where_self_approval_is_allowed(settings: Any, allowed: bool) -> None:
    settings.ALLOW_SELF_APPROVAL = allowed
    loader, asker = make_user("administrator"), make_user("manager", "asker")
    soon = NOW + timedelta(days=9)
    waiver = records.Waiver(reason="r", expires_at=soon, requested_by=asker.username, requested_at=NOW, decision="approved")
    plan = source()
    first = msgspec.structs.replace(plan.phases[0], gate=msgspec.structs.replace(plan.phases[0].gate, waivers=[waiver]))
    loading.load(msgspec.structs.replace(plan, phases=[first, *plan.phases[1:]]), now=NOW, actor=loader)
    target, held = Target.objects.order_by("pk")[0], GateWaiver.objects.get()
    with nullcontext() if allowed else pytest.raises(targets.Refused):
        targets.approve(target=target, actor=loader, now=NOW)
    with nullcontext() if allowed else pytest.raises(editing.Refused):
        closing.approve_waiver(waiver=held, actor=loader, now=NOW)
    for row in (target, held):
        row.refresh_from_db()
        assert (row.decision == "approved", row.self_approved) == (allowed, allowed)
