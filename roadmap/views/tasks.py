"""Moving tasks: tick, reopen, start, block, drop, undo; in place or as a plain form."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.audit import actor_of
from accounts.permissions import Scope, require
from accounts.requests import back_to, said
from roadmap import working
from roadmap.models import Task
from roadmap.views.pages import TROUBLES, complain


@require_POST
@require(Scope.PLAN_WRITE)
def task_state(request: HttpRequest, pk: int) -> HttpResponse:
    """`move` is <state>.<version> (a button of a list), or `state`, `version` and `note` come as fields of their own."""
    task = get_object_or_404(Task.objects.select_related("phase__roadmap"), pk=pk)
    state, _, version = request.POST.get("move", "").partition(".")
    state = state or request.POST.get("state", "")
    number = version or request.POST.get("version", "")
    try:
        _move(request, task, state, int(number) if number.isdecimal() else None)
    except TROUBLES as error:
        complain(request, error)
    phase = task.phase
    default = f"{reverse('roadmap:roadmap-detail', args=[phase.roadmap.slug])}?open={phase.number}"
    return redirect(back_to(request, default, anchor=f"task-{pk}"))


def _move(request: HttpRequest, task: Task, state: str, version: int | None) -> None:
    actor, token = actor_of(request)
    now = timezone.now()
    if state == "undo":
        moved = working.undo(task=task, actor=actor, now=now, version=version, token=token)
    else:
        note = said(request, "note")
        moved = working.set_state(task=task, state=state, actor=actor, now=now, note=note, version=version, token=token)
    messages.success(request, f"{moved.title}: {moved.get_state_display().lower()}.")
