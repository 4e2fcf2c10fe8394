"""Maintenance windows: planned by people, once or again and again. What happens in one is no fault of the service.

Nothing runs in a window by its schedule; what somebody asks for runs marked, and feeds no KPI. So uptime counts the attempts
outside of windows alone.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from accounts import audit
from accounts.models import User
from accounts.prepared import Prepared, Slot
from accounts.versions import figures
from kpis import recurrence
from probes.models import Maintenance, Probe, Service
from probes.rows import renew

FIELDS = ("reason", "starts_at", "ends_at", "rule", "zone", "service", "tag", "ended_at")
SPREAD_S = 60
"""Over so long what waited for the end of a window begins again, a fleet's worth at a time."""


class BadWindow(ValueError):
    """Fields that cannot work: field → what is wrong."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


@transaction.atomic
def plan(*, fields: Mapping[str, Any], actor: User, now: datetime, token: str = "") -> Maintenance:
    """Plan a window. Raises BadWindow."""
    window = Maintenance(created_by=actor, **fields)
    if errors := faults(window, now):
        raise BadWindow(errors)
    _find_next(window, now)
    window.save()
    audit.record(actor=actor, action="maintenance.plan", subject=window, after=figures(window, FIELDS), token=token)
    return window


@transaction.atomic
def end(*, window: Maintenance, actor: User, now: datetime, token: str = "") -> Maintenance:
    """End it now, and what it would have repeated: its services are measured again. Ending it twice changes nothing."""
    window = Maintenance.objects.select_for_update(of=("self",)).get(pk=window.pk)
    if window.ended_at is None:
        held = window.holds_until(now) is not None
        window.ended_at, window.begins_at, window.until = now, None, None
        window.save(update_fields=["ended_at", "begins_at", "until"])
        if held:
            _bring_back(window, now)
        audit.record(actor=actor, action="maintenance.end", subject=window, after=figures(window, ["ended_at"]), token=token)
    return window


def faults(window: Maintenance, now: datetime) -> dict[str, str]:
    errors = {} if window.reason.strip() else {"reason": "Say what is done."}
    if bool(window.service_id) == bool(window.tag):
        errors["service"] = "Choose a service or name a tag" + (", not both." if window.tag else ".")
    return errors | recurrence.faults(window.window, now)


def doubts(window: Maintenance) -> list[str]:
    """What can work, and is a typing error more often: a tag may still be given to a service."""
    tagged = Service.objects.exclude(tags=[]).values_list("tags", flat=True)
    if not window.tag or any(window.tag in tags for tags in tagged):
        return []
    return [f"No service has the tag “{window.tag}” yet: the window is about none until one gets it."]


_HOLDING = Prepared(lambda: Maintenance.objects.filter(begins_at__lte=Slot("now"), until__gt=Slot("now")))


def holding(now: datetime) -> list[Maintenance]:
    """The windows that hold."""
    return _HOLDING(now=now)


def touching(since: datetime, now: datetime) -> list[Maintenance]:
    """The windows that held at some time of a stretch, also those that began and ended in it."""
    rows = Maintenance.objects.filter(Q(ended_at=None) | Q(ended_at__gt=since), starts_at__lt=now)
    return [row for row in rows.exclude(rule="", ends_at__lte=since) if row.held(since, now)]


def over(windows: Sequence[Maintenance], service: Service) -> Maintenance | None:
    """Of these windows, the one that holds longest for a service."""
    found = [one for one in windows if one.covers(service)]
    return max(found, key=lambda one: one.until or one.ends_at, default=None)


def put_off(probe: Probe, window: Maintenance) -> None:
    """Move a probe behind a window, at a random place in its first interval. The caller saves it."""
    wait_s = random.uniform(0, min(probe.interval_s, SPREAD_S))  # noqa: S311 - spreads a fleet, guards nothing
    probe.next_run_at = (window.until or window.ends_at) + timedelta(seconds=wait_s)


def look_ahead(*, now: datetime) -> None:
    """Find the next occurrence of windows whose last one is over."""
    for window in Maintenance.objects.filter(until__lte=now):
        _find_next(window, now)
        Maintenance.objects.filter(pk=window.pk, ended_at=None).update(begins_at=window.begins_at, until=window.until)


def _find_next(window: Maintenance, now: datetime) -> None:
    window.begins_at, window.until = next(iter(window.window.coming(now)), (None, None))


def _bring_back(window: Maintenance, now: datetime) -> None:
    """Make probes that were moved behind the window due within their interval."""
    named = Q(service=window.service_id) if window.service_id else ~Q(service__tags=[])
    later = Probe.objects.filter(named, enabled=True, next_run_at__gt=now).select_related("service").order_by("pk")
    later = later.select_for_update(of=("self",))
    probes = [one for one in later if one.next_run_at > now + timedelta(seconds=one.interval_s) and window.covers(one.service)]
    for probe in probes:
        wait_s = random.uniform(0, min(probe.interval_s, SPREAD_S))  # noqa: S311 - spreads a fleet, guards nothing
        probe.next_run_at = now + timedelta(seconds=wait_s)
    renew(probes, ["next_run_at"])
