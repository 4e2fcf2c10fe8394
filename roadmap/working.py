"""Task states: who moved a task and when is kept, and every move can be undone."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import audit
from accounts.models import User
from accounts.versions import locked
from roadmap.editing import Refused
from roadmap.models import Phase, RoadmapState, Task, TaskState


def set_state(
    *, task: Task, state: str, actor: User, now: datetime, note: str = "", version: int | None = None, token: str = ""
) -> Task:
    """Move a task to a state. Setting the state that it has already is no change and no conflict: two people who tick
    the same box agree. The first task that is begun dates the start of its phase.
    Raises StaleEdit (see `accounts.versions`), Refused, ValidationError."""
    if state not in TaskState.values:
        raise ValidationError({"state": f"{state!r} is none of {', '.join(TaskState.values)}."})
    with transaction.atomic():
        current = Task.objects.select_for_update(of=("self",)).select_related("phase__roadmap").filter(pk=task.pk).first()
        if current is not None and current.state == state and (not note or note == current.state_note):
            return current
        current = locked(task, version)
        if current.phase.roadmap.state == RoadmapState.CLOSED:
            raise Refused("this roadmap is closed")
        if current.phase.finished_on is not None:
            raise Refused("its phase is closed")
        before = {"state": current.state}
        current.state_before, current.state, current.state_note = current.state, state, note
        current.state_changed_at, current.state_changed_by = now, actor
        current.version += 1
        current.save()
        if current.phase.started_on is None and state in (TaskState.IN_PROGRESS, TaskState.DONE):
            Phase.objects.filter(pk=current.phase_id, started_on=None).update(started_on=now.date())
        after = {"state": state, **({"note": note} if note else {})}
        audit.record(actor=actor, action="task.state", subject=current, before=before, after=after, why=note, token=token)
    return current


def tick(*, task: Task, actor: User, now: datetime, version: int | None = None, token: str = "") -> Task:
    return set_state(task=task, state=TaskState.DONE, actor=actor, now=now, version=version, token=token)


def undo(*, task: Task, actor: User, now: datetime, version: int | None = None, token: str = "") -> Task:
    """Back to the state before the last move; the move and its undoing both stay in the history."""
    if not task.state_before:
        raise Refused("there is nothing to undo")
    return set_state(task=task, state=task.state_before, actor=actor, now=now, version=version, token=token)
