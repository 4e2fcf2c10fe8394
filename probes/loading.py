"""Load runs: who may start one, how much of it, and stopping it."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts import audit
from accounts.models import User
from probes.claiming import LOAD
from probes.kinds.base import Outcome
from probes.kinds.load import Params
from probes.load.profile import Caps, Profile, check
from probes.models import Probe, Run, RunState, Service
from probes.running import CannotRun, ask

SMALL = Caps(users=10, rate=50, seconds=120)
"""So much load anybody's service bears, whatever its profile is called; more needs its owner's word."""

WITHIN = timedelta(minutes=10)
"""In any stretch of this length all runs at an address that is not confirmed take no longer together than one may."""

UNASKED = "it is loaded by hand only. A run that repeats by itself needs its owner's token or an administrator's approval."


def caps() -> Caps:
    return Caps(users=settings.LOAD_MAX_USERS, rate=settings.LOAD_MAX_RATE, seconds=settings.LOAD_MAX_SECONDS)


@transaction.atomic
def start(*, probe: Probe, actor: User | None, now: datetime) -> Run:
    """Ask for a load run. Raises CannotRun, saying what stands against it."""
    if why := forbidden(probe, now=now):
        raise CannotRun(why)
    if running_on(probe.service).exclude(probe=probe).exists():
        raise CannotRun("Another load run is under way on this target; two at once falsify each other.")
    run = ask(probe=probe, actor=actor, now=now)
    audit.record(actor=actor, action="load.start", subject=run, after={"probe": str(probe), "params": probe.params})
    return run


def run_now(*, probe: Probe, actor: User | None, now: datetime) -> Run:
    """ "Run now" for every kind. Raises CannotRun."""
    return (start if probe.kind == LOAD else ask)(probe=probe, actor=actor, now=now)


def forbidden(probe: Probe, *, now: datetime) -> str:
    """Why this load may not be put on its service; empty where it may. Asked again when the run begins."""
    params = msgspec.convert(probe.params, Params)
    try:
        profile = params.profile()
        check(profile, caps())
    except ValueError as error:
        return f"This profile cannot be run: {error}."
    if probe.service.confirmed_at:
        return ""
    why = UNASKED if probe.enabled else _too_much(profile, params) or _too_often(probe.service, profile, now)
    return why and f"{probe.service} is not confirmed: {why}"


def _too_much(profile: Profile, params: Params) -> str:
    """Why this is more than anybody's service bears; empty where it is not."""
    try:
        check(profile, SMALL)
    except ValueError:
        small = False
    else:
        small = params.search == "none"
    if not small:
        return (
            f"more than {SMALL.users} users, {SMALL.rate:g} requests/s or {SMALL.seconds:g} s need its owner's token or an "
            "administrator's approval."
        )
    if profile.rate > SMALL.rate:
        users = max(stage.users for stage in profile.stages)
        return (
            f"{users} users may send {SMALL.rate:g} requests/s together, and would send more. Let each think for "
            f"{users / SMALL.rate * 1000:g} ms or longer, or write {SMALL.rate:g}/s."
        )
    return ""


def _too_often(service: Service, profile: Profile, now: datetime) -> str:
    ended = _at(service).filter(finished_at__gt=now - WITHIN).exclude(outcome=Outcome.REFUSED)
    spans = ended.values_list("started_at", "finished_at")
    taken_s = sum((finished - began).total_seconds() for began, finished in spans if began and finished)
    if taken_s + profile.seconds <= SMALL.seconds:
        return ""
    return (
        f"its load runs may take {SMALL.seconds:g} s together in any {WITHIN.total_seconds() / 60:g} minutes; those of the last "
        f"took {taken_s:.0f} s. Wait, or ask for less than {profile.seconds:g} s."
    )


def loaded_lately(service: Service, *, now: datetime) -> bool:
    """Whether a load run of this service waits, is under way, or counts still for what its address may bear."""
    lately = Q(finished_at=None) | Q(finished_at__gt=now - WITHIN)
    return Run.objects.filter(lately, probe__service=service, probe__kind=LOAD).exists()


def running_on(service: Service) -> QuerySet[Run]:
    """Load runs that wait or are under way at the same address."""
    return _at(service).filter(state__in=(RunState.QUEUED, RunState.RUNNING), finished_at=None)


def _at(service: Service) -> QuerySet[Run]:
    """Load runs at the same address, whatever service it is registered as."""
    return Run.objects.filter(probe__service__origin=service.origin, probe__kind=LOAD).select_related("probe__service")


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
