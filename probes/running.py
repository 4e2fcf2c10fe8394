"""Running what is due: claim, measure, save; until nothing is due and nothing is under way."""

from __future__ import annotations

import resource
import threading
import time
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import cache
from multiprocessing.sharedctypes import RawValue

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from outgoing.addresses import AddressPolicy
from probes import heartbeat
from probes.claiming import BATCH, LOAD, claim
from probes.finishing import Ended, finish
from probes.measuring import RUN_S, Stopwatches
from probes.models import Probe, Run, RunState

TAKE_UP_S = RUN_S + 5
"""So long a tick goes on claiming while earlier runs are under way. It is longer than any run, so that of two processes that
take turns one is always free: a slow service never holds up the schedule."""

MOST_UNDER_WAY = 1000
"""Most of them wait for slow services; what is not claimed waits for a free place."""

FIRST = 100
"""Claimed at once where nothing is under way: what is measured while more is claimed costs no time."""

OWN_FILES, FILES_OF_A_RUN = 200, 2

LOOK_AGAIN_S = 0.25
KEPT = timedelta(days=30)
_taking_up = threading.Lock()
_stopping = RawValue("b", 0)
"""In memory that a worker shares with the processes that it forks."""


class CannotRun(ValueError):
    """Asked for a run that no worker would take up; the text says why."""


@cache
def policy() -> AddressPolicy:
    """The operator's allow-list; Milepost's own database and broker are never reached."""
    return AddressPolicy.of(settings.PROBE_ALLOW, settings.PROBE_DENY)


def work(*, take_up_s: float = TAKE_UP_S) -> int:
    """Measure what is due; returns how many runs were saved. What is under way at the end is waited for.

    One thread of a process takes up at a time: two would measure each other.
    """
    if _stopping.value or not _taking_up.acquire(blocking=False):
        return 0
    with ExitStack() as turn:
        turn.callback(_taking_up.release)
        claims = claim(now=timezone.now(), most=min(places(), FIRST))
        if not claims:
            return 0
        with Stopwatches(policy()) as stopwatches:
            stopwatches.start(claims)
            if len(claims) == FIRST:
                _take_more(stopwatches)
            saved = _take_up(stopwatches, until=time.monotonic() + take_up_s)
            turn.close()
            return saved + _see_out(stopwatches, until=time.monotonic() + RUN_S)


def _take_up(stopwatches: Stopwatches, *, until: float) -> int:
    """Go on claiming while there is work, at most until then: before what has ended is saved, so that more is measured meanwhile.

    Once more where nothing is left under way: what was saved may have kept others of its service waiting.
    """
    saved = 0
    while stopwatches.under_way and time.monotonic() < until and not _stopping.value:
        ended = _ended(stopwatches)
        try:
            _take_more(stopwatches)
        finally:  # what was measured is kept, whatever the claim comes to
            saved += finish(ended, now=timezone.now())
        if not stopwatches.under_way:
            _take_more(stopwatches)
    return saved


def _take_more(stopwatches: Stopwatches) -> None:
    if (free := places() - stopwatches.under_way) > 0:
        stopwatches.start(claim(now=timezone.now(), most=min(free, BATCH)))


def _see_out(stopwatches: Stopwatches, *, until: float) -> int:
    saved = 0
    while stopwatches.under_way and time.monotonic() < until:
        saved += finish(_ended(stopwatches), now=timezone.now())
    return saved


def _ended(stopwatches: Stopwatches) -> list[Ended]:
    heartbeat.beat("worker", now=timezone.now())
    return stopwatches.ended(wait_s=LOOK_AGAIN_S)


def stop_taking_up() -> None:
    """This worker is asked to end: what is under way is seen out, and nothing new begun."""
    _stopping.value = 1


@cache
def places() -> int:
    """How many runs may be under way, of which each needs a file or two: as many as the system lets this process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OWN_FILES + FILES_OF_A_RUN * MOST_UNDER_WAY
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MOST_UNDER_WAY if soft == resource.RLIM_INFINITY else max(1, min(MOST_UNDER_WAY, (soft - OWN_FILES) // FILES_OF_A_RUN))


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
