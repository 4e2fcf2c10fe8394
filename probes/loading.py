"""Load runs: who may start one, how much of it, and stopping it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from accounts import audit
from accounts.models import User
from probes.claiming import LOAD
from probes.kinds.base import Outcome
from probes.kinds.load import Params
from probes.load.profile import Caps, Profile, check
from probes.models import Probe, Run, RunState, Service
from probes.running import CannotRun, ask

SMALL = Caps(users=10, rate=50, seconds=120)
"""So much load anybody's service bears; more needs its owner's word."""


def caps() -> Caps:
    return Caps(users=settings.LOAD_MAX_USERS, rate=settings.LOAD_MAX_RATE, seconds=settings.LOAD_MAX_SECONDS)


@transaction.atomic
def start(*, probe: Probe, actor: User | None, now: datetime) -> Run:
    """Ask for a load run. Raises CannotRun, saying what stands against it."""
    if why := forbidden(probe):
        raise CannotRun(why)
    if running_on(probe.service).exclude(probe=probe).exists():
        raise CannotRun("Another load run is under way on this target; two at once falsify each other.")
    run = ask(probe=probe, actor=actor, now=now)
    audit.record(actor=actor, action="load.start", subject=run, after={"probe": str(probe), "params": probe.params})
    return run


def run_now(*, probe: Probe, actor: User | None, now: datetime) -> Run:
    """ "Run now" for every kind. Raises CannotRun."""
    return (start if probe.kind == LOAD else ask)(probe=probe, actor=actor, now=now)


def forbidden(probe: Probe) -> str:
    """Why this load may not be put on its service; empty where it may. Asked again when the run begins."""
    params = msgspec.convert(probe.params, Params)
    try:
        profile = params.profile()
        check(profile, caps())
    except ValueError as error:
        return f"This profile cannot be run: {error}."
    if not probe.service.confirmed_at and (params.search != "none" or not _small(profile)):
        return (
            f"{probe.service} is not confirmed: more than {SMALL.users} users, {SMALL.rate:g} requests/s or {SMALL.seconds:g} s "
            "need its owner's token or an administrator's approval."
        )
    return ""


def _small(profile: Profile) -> bool:
    try:
        check(profile, SMALL)
    except ValueError:
        return False
    return True


def running_on(service: Service) -> Any:
    """Load runs that wait or are under way on the same origin, whatever service it is registered as."""
    parts = urlsplit(service.base_url)
    origin = f"{parts.scheme}://{parts.netloc}"
    same = Q(probe__service__base_url=origin) | Q(probe__service__base_url__startswith=f"{origin}/")
    return Run.objects.filter(same, probe__kind=LOAD, state__in=(RunState.QUEUED, RunState.RUNNING), finished_at=None)


@transaction.atomic
def stop(*, run: Run, actor: User | None, now: datetime, token: str = "") -> bool:
    """Stop a run that waits, or ask the worker to stop it within two seconds. Returns whether there was something to stop."""
    waiting = Run.objects.filter(pk=run.pk, state=RunState.QUEUED).update(
        state=RunState.DONE, outcome=Outcome.STOPPED, reason="stopped before it began", finished_at=now
    )
    asked = Run.objects.filter(pk=run.pk, state=RunState.RUNNING, probe__kind=LOAD, stop_asked_at=None).update(stop_asked_at=now)
    if waiting or asked:
        audit.record(actor=actor, action="load.stop", subject=run, token=token)
    return bool(waiting or asked)
