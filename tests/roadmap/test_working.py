from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from accounts.models import AuditEntry, User
from accounts.versions import StaleEdit
from roadmap import schedule, working
from roadmap.editing import Refused
from roadmap.judging import work_of
from roadmap.models import Phase, Task
from tests.roadmap.factories import NOW, make_phase, make_roadmap, make_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    return User.objects.create(username="somebody")


def test_tick_keeps_who_and_when(person: User) -> None:
    task = working.tick(task=make_task(), actor=person, now=NOW)
    assert (task.state, task.state_changed_by, task.state_changed_at, task.version) == ("done", person, NOW, 2)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.before, entry.after) == ("task.state", person, {"state": "to_do"}, {"state": "done"})


def test_two_of_four_ticked_is_half(person: User) -> None:
    phase = make_phase()
    for task in [make_task(phase) for _ in range(4)][:2]:
        working.tick(task=task, actor=person, now=NOW)
    assert schedule.progress(work_of(phase.tasks.all())).share == schedule.Decimal("0.5")


@pytest.mark.parametrize("state", ["in_progress", "blocked", "done", "dropped"])
def test_undo_goes_back(person: User, state: str) -> None:
    task = working.set_state(task=make_task(), state=state, actor=person, now=NOW, note="because")
    assert task.state_note == "because"
    task = working.undo(task=task, actor=person, now=NOW)
    assert (task.state, task.state_before, task.version) == ("to_do", state, 3)
    assert AuditEntry.objects.count() == 2


def test_undo_without_a_move_is_refused(person: User) -> None:
    with pytest.raises(Refused, match="nothing to undo"):
        working.undo(task=make_task(), actor=person, now=NOW)


def test_same_state_again_is_no_change(person: User) -> None:
    task = make_task()
    working.tick(task=task, actor=person, now=NOW)
    other = User.objects.create(username="other")
    again = working.tick(task=task, actor=other, now=NOW + timedelta(hours=1), version=1)
    assert (again.state_changed_by, again.version, AuditEntry.objects.count()) == (person, 2, 1)


def test_stale_edit_tells_the_current_state(person: User) -> None:
    task = make_task()
    working.tick(task=task, actor=person, now=NOW)
    with pytest.raises(StaleEdit) as stale:
        working.set_state(task=task, state="dropped", actor=person, now=NOW, version=1)
    assert stale.value.current.state == "done"
    assert Task.objects.get(pk=task.pk).state == "done"


def test_removed_task_is_stale(person: User) -> None:
    task = make_task()
    Task.objects.filter(pk=task.pk).delete()
    with pytest.raises(StaleEdit) as stale:
        working.tick(task=task, actor=person, now=NOW)
    assert stale.value.current is None


def test_unknown_state_is_invalid(person: User) -> None:
    with pytest.raises(ValidationError, match="finished"):
        working.set_state(task=make_task(), state="finished", actor=person, now=NOW)


def test_first_task_begun_starts_its_phase(person: User) -> None:
    task = make_task()
    working.set_state(task=task, state="in_progress", actor=person, now=NOW)
    assert Phase.objects.get(pk=task.phase_id).started_on == NOW.date()


def test_closed_plans_stand_still(person: User) -> None:
    with pytest.raises(Refused, match="this roadmap is closed"):
        working.tick(task=make_task(make_phase(make_roadmap(state="closed"))), actor=person, now=NOW)
    with pytest.raises(Refused, match="its phase is closed"):
        working.tick(task=make_task(make_phase(finished_on=NOW.date())), actor=person, now=NOW)
