"""Planned quiet: agreed by people, ended by its time or before it. It mutes notification, never measurement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.models import User
from accounts.versions import figures
from kpis import recurrence
from kpis.models import Incident, Rule, Series, Silence

FIELDS = ("reason", "starts_at", "ends_at", "rule", "zone", "scorecard", "kpi", "service", "ended_at")


class BadSilence(ValueError):
    """Fields that cannot work: field → what is wrong."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


@transaction.atomic
def plan(*, fields: Mapping[str, Any], actor: User, now: datetime, everything: bool = False, token: str = "") -> Silence:
    """Plan quiet, for what the fields name or for `everything`: nothing named is not taken for all. Raises BadSilence."""
    silence = Silence(created_by=actor, **fields)
    if errors := faults(silence, now) | _scope_faults(silence, everything):
        raise BadSilence(errors)
    silence.save()
    audit.record(actor=actor, action="silence.plan", subject=silence, after=figures(silence, FIELDS), token=token)
    return silence


@transaction.atomic
def end(*, silence: Silence, actor: User, now: datetime, token: str = "") -> Silence:
    """End it now; what it holds back is told within a minute. Ending it twice changes nothing."""
    silence = Silence.objects.select_for_update(of=("self",)).get(pk=silence.pk)
    if silence.ended_at is None:
        silence.ended_at = now
        silence.save(update_fields=["ended_at"])
        audit.record(actor=actor, action="silence.end", subject=silence, after=figures(silence, ["ended_at"]), token=token)
    return silence


def faults(silence: Silence, now: datetime) -> dict[str, str]:
    said = {} if silence.reason.strip() else {"reason": "Say why it is quiet."}
    return said | recurrence.faults(silence.window, now)


def _scope_faults(silence: Silence, everything: bool) -> dict[str, str]:
    named = bool(silence.scorecard or silence.kpi or silence.service)
    if everything and named:
        return {"everything": "Either everything, or what is named: not both."}
    if not everything and not named:
        return {"everything": "Name a scorecard, a KPI or a service, or say that it is about everything."}
    if silence.kpi and silence.scorecard and silence.kpi.scorecard_id != silence.scorecard_id:
        return {"kpi": "This KPI is of another scorecard."}
    if silence.service and not _known(silence.service):
        return {"service": f"Nothing is known of a service {silence.service!r}."}
    return {}


def _known(service: str) -> bool:
    """Whether something was measured of it, is expected of it or has fired for it."""
    lookups = (
        Series.objects.filter(subject=service),
        Rule.objects.filter(service=service),
        Incident.objects.filter(subject=service),
    )
    return any(found.exists() for found in lookups)
