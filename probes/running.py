"""Running what is due: claim, measure, save; until nothing is due and nothing is under way."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from functools import cache

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from outgoing.addresses import AddressPolicy
from probes import heartbeat
from probes.claiming import LOAD, claim
from probes.finishing import finish
from probes.measuring import RUN_S, Stopwatches
from probes.models import Probe, Run, RunState

TAKE_UP_S = 30.0
"""So long a tick goes on claiming while earlier runs are under way: a slow service never holds up the schedule."""

MOST_UNDER_WAY = 20
"""More at once would wait for each other and read slower than the services are; what is not claimed waits for a free slot."""

LOOK_AGAIN_S = 0.25
KEPT = timedelta(days=30)


class CannotRun(ValueError):
    """Asked for a run that no worker would take up; the text says why."""


@cache
def policy() -> AddressPolicy:
    """The operator's allow-list; Milepost's own database and broker are never reached."""
    return AddressPolicy.of(settings.PROBE_ALLOW, settings.PROBE_DENY)


def work(*, take_up_s: float = TAKE_UP_S) -> int:
    """Measure what is due; returns how many runs were saved. What is under way at the end is waited for."""
    claims = claim(now=timezone.now(), most=MOST_UNDER_WAY)
    if not claims:
        return 0
    saved, begun = 0, time.monotonic()
    with Stopwatches(policy()) as stopwatches:
        stopwatches.start(claims)
        while stopwatches.under_way and time.monotonic() < begun + take_up_s + RUN_S:
            heartbeat.beat("worker", now=timezone.now())
            if ended := stopwatches.ended(wait_s=LOOK_AGAIN_S):
                saved += finish(ended, now=timezone.now())
            free = MOST_UNDER_WAY - stopwatches.under_way
            if free > 0 and time.monotonic() < begun + take_up_s:
                stopwatches.start(claim(now=timezone.now(), most=free))
    return saved


@transaction.atomic
def ask(*, probe: Probe, actor: User | None, now: datetime) -> Run:
    """ "Run now": a queued run, and the probe made due. Nothing is sent to the broker: the next tick finds it.

    Asked twice, it is the same run. Raises CannotRun.
    """
    locked = Probe.objects.select_for_update(of=("self",)).select_related("service").get(pk=probe.pk)
    if not locked.enabled and locked.kind != LOAD:
        raise CannotRun("This probe is disabled; enable it to run it.")
    if locked.service.paused_at or locked.service.archived_at:
        raise CannotRun(f"{locked.service} is paused; resume it to measure it.")
    waiting = locked.runs.filter(state=RunState.QUEUED).first()
    run = waiting or Run.objects.create(probe=locked, due_at=now, requested_by=actor)
    Probe.objects.filter(pk=probe.pk).update(next_run_at=now)
    return run


def prune(*, now: datetime, batch: int = 2000, batches: int = 20) -> int:
    """Forget old runs, some at a time; returns how many."""
    total = 0
    for _ in range(batches):
        old = list(Run.objects.filter(due_at__lt=now - KEPT, state=RunState.DONE).values_list("pk", flat=True)[:batch])
        total += Run.objects.filter(pk__in=old).delete()[0]
        if len(old) < batch:
            break
    return total
