from decimal import Decimal as D

import pytest
from django.core.exceptions import ValidationError

from accounts.models import AuditEntry, User
from accounts.versions import StaleEdit
from roadmap import editing
from roadmap.editing import Refused
from roadmap.models import Benefit, Cost, Gate, Mitigation, Phase, Risk, Task
from tests.roadmap.factories import (
    NOW,
    make_benefit,
    make_cost,
    make_impact,
    make_kpi,
    make_phase,
    make_risk,
    make_roadmap,
    make_task,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    return User.objects.create(username="somebody")


def test_change_writes_fields_version_and_history(person: User) -> None:
    cost = editing.change(row=make_cost(), changes={"amount": D("120.50"), "name": "Servers"}, actor=person, why="Quote")
    assert (cost.amount, cost.name, cost.version) == (D("120.50"), "Servers", 2)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.why, entry.before["amount"], entry.after["amount"]) == (
        "cost.change",
        "Quote",
        "100.00",
        "120.50",
    )


def test_change_to_the_same_writes_nothing(person: User) -> None:
    cost = make_cost(name="Servers")
    assert editing.change(row=cost, changes={"name": "Servers"}, actor=person).version == 1
    assert not AuditEntry.objects.exists()


def test_second_of_two_editors_is_told_and_nothing_is_lost(person: User) -> None:
    task = make_task()
    editing.change(row=task, changes={"title": "First"}, actor=person, version=1)
    with pytest.raises(StaleEdit) as stale:
        editing.change(row=task, changes={"title": "Second"}, actor=person, version=1)
    assert stale.value.current.title == "First"
    assert Task.objects.get(pk=task.pk).title == "First"


@pytest.mark.parametrize("fields", [{"state": "done"}, {"version": 9}, {"stated_total": 1}])
def test_fields_outside_the_list_are_refused(person: User, fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="cannot be changed here"):
        editing.change(row=make_task(), changes=fields, actor=person)


def test_invalid_values_are_refused(person: User) -> None:
    with pytest.raises(ValidationError, match="less than or equal to 5"):
        editing.change(row=make_risk(), changes={"likelihood": 6}, actor=person)
    with pytest.raises(ValidationError, match="phase_weeks_in_order"):
        editing.change(row=make_phase(), changes={"week_from": 9}, actor=person)


def test_closed_roadmap_cannot_be_edited(person: User) -> None:
    with pytest.raises(Refused, match="closed"):
        editing.change(row=make_cost(make_roadmap(state="closed")), changes={"name": "x"}, actor=person)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (Phase, {"number": 7, "name": "After", "week_from": 13, "week_to": 14}),
        (Cost, {"name": "Training", "kind": "one_off", "amount": D(5)}),
        (Benefit, {"name": "Calm", "monthly_amount": D(5)}),
        (Risk, {"title": "Fire"}),
    ],
)
def test_create_below_a_roadmap(person: User, model: type, fields: dict[str, object]) -> None:
    row = editing.create(model=model, parent=make_roadmap(), fields=fields, actor=person)
    assert model.objects.get().pk == row.pk
    assert AuditEntry.objects.get().action == f"{model._meta.model_name}.create"


def test_created_phase_has_a_gate(person: User) -> None:
    fields = {"number": 1, "name": "Begin", "week_from": 1, "week_to": 1}
    phase = editing.create(model=Phase, parent=make_roadmap(), fields=fields, actor=person)
    assert Gate.objects.get().phase == phase


def test_keys_come_from_names_and_stay_unique(person: User) -> None:
    phase = make_phase()
    tasks = [editing.create(model=Task, parent=phase, fields={"title": "Add an index"}, actor=person) for _ in range(3)]
    assert [(task.key, task.position) for task in tasks] == [("add-an-index", 0), ("add-an-index-2", 1), ("add-an-index-3", 2)]


def test_remove_keeps_history(person: User) -> None:
    risk = make_risk(title="Fire")
    editing.create(model=Mitigation, parent=risk, fields={"text": "Extinguisher"}, actor=person)
    editing.remove(row=risk, actor=person)
    assert not Risk.objects.exists()
    assert AuditEntry.objects.latest("pk").before["title"] == "Fire"


def test_booked_cost_stays(person: User) -> None:
    cost = make_cost()
    editing.book(cost=cost, amount=D("10.25"), booked_on=NOW.date(), actor=person, note="Bill")
    with pytest.raises(Refused, match="booked"):
        editing.remove(row=cost, actor=person)
    assert cost.entries.get().by == person


def test_rest_on_replaces_the_links(person: User) -> None:
    benefit = make_benefit()
    kpis = [make_kpi(benefit.roadmap.scorecard) for _ in range(2)]
    benefit = editing.rest_on(benefit=benefit, weights={kpis[0]: D(1)}, actor=person)
    benefit = editing.rest_on(benefit=benefit, weights={kpis[1]: D(3)}, actor=person, version=2)
    assert [(link.kpi, link.weight) for link in benefit.links.all()] == [(kpis[1], D(3))]


def test_links_stay_within_the_scorecard(person: User) -> None:
    stranger = make_kpi(make_roadmap().scorecard)
    with pytest.raises(ValidationError, match="another scorecard"):
        editing.rest_on(benefit=make_benefit(), weights={stranger: D(1)}, actor=person)
    with pytest.raises(ValidationError, match="another scorecard"):
        editing.listen_to(risk=make_risk(), kpis=[stranger], actor=person)


def test_statement_is_confirmed_with_evidence(person: User) -> None:
    impact = make_impact(make_phase())
    with pytest.raises(ValidationError, match="evidence"):
        editing.confirm(impact=impact, actor=person, now=NOW, evidence=" ")
    assert editing.confirm(impact=impact, actor=person, now=NOW, evidence="Log").confirmed_by == person


def test_measured_promise_is_not_confirmed_by_hand(person: User) -> None:
    phase = make_phase()
    impact = make_impact(phase, kpi=make_kpi(phase.roadmap.scorecard))
    with pytest.raises(Refused, match="measured"):
        editing.confirm(impact=impact, actor=person, now=NOW, evidence="Trust me")


def test_roadmap_moves_one_step_at_a_time(person: User) -> None:
    plan = make_roadmap()
    with pytest.raises(Refused, match="draft cannot become active"):
        editing.move(roadmap=plan, state="active", actor=person, now=NOW)
    for state in ("approved", "active", "closed"):
        plan = editing.move(roadmap=plan, state=state, actor=person, now=NOW)
    assert (plan.state, plan.state_changed_by, plan.version) == ("closed", person, 4)
