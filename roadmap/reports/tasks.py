"""Check lists: a row per task, read without building two thousand model instances."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from roadmap.models import Task
from roadmap.schedule import Work

FIELDS = (
    "id", "phase_id", "title", "state", "priority", "assignee_id", "due_on", "effort_planned_h", "effort_spent_h",
    "state_changed_at", "state_changed_by_id", "state_note", "state_before", "version",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    initials: str


@dataclass(frozen=True, slots=True)
class TaskRow:
    """`assignee` and `changed_by` are None where nobody is stated; `before` is what undo goes back to."""

    id: int
    phase_id: int
    title: str
    state: str
    priority: str
    assignee: Person | None
    due_on: date | None
    effort_planned_h: Decimal | None
    effort_spent_h: Decimal | None
    changed_at: datetime | None
    changed_by: Person | None
    note: str
    before: str
    version: int

    @property
    def work(self) -> Work:
        return Work(self.state, self.effort_planned_h, self.effort_spent_h)

    @property
    def settled(self) -> bool:
        return self.state in ("done", "dropped")


def person(user: User | None) -> Person | None:
    if user is None:
        return None
    name = user.get_full_name() or user.username
    words = name.replace(".", " ").replace("-", " ").split()
    return Person(name, (words[0][:1] + words[-1][:1] if len(words) > 1 else name[:2]).upper())


def people(ids: Iterable[int | None]) -> dict[int | None, Person | None]:
    """One query for everyone named on the page."""
    wanted = {pk for pk in ids if pk is not None}
    return {user.pk: person(user) for user in User.objects.filter(pk__in=wanted).only("username", "first_name", "last_name")}


def task_rows(tasks: QuerySet[Task]) -> list[TaskRow]:
    """Two queries, whatever the number of tasks."""
    values: list[Any] = list(tasks.order_by("phase__number", "position", "id").values_list(*FIELDS))
    names = people([row[5] for row in values] + [row[10] for row in values])
    return [_row(list(row), names) for row in values]


def _row(values: list[Any], names: dict[int | None, Person | None]) -> TaskRow:
    """The two persons by name, everything else as read."""
    values[5], values[10] = names.get(values[5]), names.get(values[10])
    return TaskRow(*values)
