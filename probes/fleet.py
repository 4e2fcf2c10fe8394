"""What is done to many services at once: pause, resume, run now, archive, restore; each change in the trail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from accounts import audit
from accounts.models import User
from probes.claiming import LOAD
from probes.models import Probe, Run, RunState, Service
from probes.registering import stop_waiting

MOST_ASKED = 500
"""So many runs are asked for at once; more would only hold up the schedule of everything else."""


class TooMany(ValueError):
    """More than may be asked for at once; the text says how many."""


@dataclass
class Done:
    """How many services were changed (or runs asked for), and why some were not."""

    count: int = 0
    left: list[str] = field(default_factory=list)


def locked(slugs: Sequence[str]) -> list[Service]:
    return list(Service.objects.select_for_update(of=("self",)).filter(slug__in=slugs).order_by("pk"))


@transaction.atomic
def pause(*, slugs: Sequence[str], actor: User | None, now: datetime, why: str = "", token: str = "") -> Done:
    """Nothing of these is measured until they are resumed; what was waiting ends."""
    found = [one for one in locked(slugs) if one.paused_at is None and one.archived_at is None]
    Service.objects.filter(pk__in=[one.pk for one in found]).update(paused_at=now, paused_why=why[:200])
    _stop(found, now, "The service was paused before this run began.")
    for one in found:
        audit.record(actor=actor, action="service.pause", subject=one, why=why, token=token)
    return Done(len(found))


@transaction.atomic
def resume(*, slugs: Sequence[str], actor: User | None, now: datetime, why: str = "", token: str = "") -> Done:
    """Measured again, from now on."""
    found = [one for one in locked(slugs) if one.paused_at is not None and one.archived_at is None]
    Service.objects.filter(pk__in=[one.pk for one in found]).update(paused_at=None, paused_why="")
    Probe.objects.filter(service__in=found, next_run_at__lt=now).exclude(kind=LOAD).update(next_run_at=now)
    for one in found:
        audit.record(actor=actor, action="service.resume", subject=one, why=why, token=token)
    return Done(len(found))


@transaction.atomic
def archive(*, slugs: Sequence[str], actor: User | None, now: datetime, why: str = "", token: str = "") -> Done:
    """They leave lists and schedule; their measurements, runs and page stay."""
    found = [one for one in locked(slugs) if one.archived_at is None]
    Service.objects.filter(pk__in=[one.pk for one in found]).update(archived_at=now)
    _stop(found, now, "The service was archived before this run began.")
    for one in found:
        audit.record(actor=actor, action="service.archive", subject=one, why=why, token=token)
    return Done(len(found))


@transaction.atomic
def restore(*, slugs: Sequence[str], actor: User | None, now: datetime, why: str = "", token: str = "") -> Done:
    found = [one for one in locked(slugs) if one.archived_at is not None]
    Service.objects.filter(pk__in=[one.pk for one in found]).update(archived_at=None)
    Probe.objects.filter(service__in=found, next_run_at__lt=now).exclude(kind=LOAD).update(next_run_at=now)
    for one in found:
        audit.record(actor=actor, action="service.restore", subject=one, why=why, token=token)
    return Done(len(found))


@transaction.atomic
def run_now(*, slugs: Sequence[str], actor: User | None, now: datetime, why: str = "", token: str = "") -> Done:
    """A queued run for each enabled probe but load, and each made due: the next tick finds them. Raises TooMany."""
    services = locked(slugs)
    ready = [one for one in services if one.paused_at is None and one.archived_at is None]
    done = Done(left=[f"{one.name} is {'archived' if one.archived_at else 'paused'}" for one in services if one not in ready])
    probes = list(Probe.objects.filter(service__in=ready, enabled=True).exclude(kind=LOAD))
    if len(probes) > MOST_ASKED:
        raise TooMany(f"{len(probes)} runs at once; at most {MOST_ASKED}.")
    waiting = set(
        Run.objects.filter(probe__in=probes, state=RunState.QUEUED, finished_at=None).values_list("probe_id", flat=True)
    )
    Run.objects.bulk_create([Run(probe=one, due_at=now, requested_by=actor) for one in probes if one.pk not in waiting])
    Probe.objects.filter(pk__in=[one.pk for one in probes]).update(next_run_at=now)
    done.count = len(probes)
    return done


ACTIONS: dict[str, Callable[..., Done]] = {
    "pause": pause, "resume": resume, "run": run_now, "archive": archive, "restore": restore,
}  # fmt: skip


def _stop(services: Sequence[Service], now: datetime, text: str) -> None:
    stop_waiting(Run.objects.filter(probe__service__in=services), now=now, text=text)
