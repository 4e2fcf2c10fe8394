"""Planned quiet: agreed by people, ended by its time or before it. It mutes notification, never measurement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from accounts import audit
from accounts.models import User
from accounts.versions import figures
from kpis.models import Silence
from kpis.recurrence import LONGEST, BadRecurrence, parsed

FIELDS = ("reason", "starts_at", "ends_at", "rule", "zone", "scorecard", "kpi", "service", "ended_at")


class BadSilence(ValueError):
    """Fields that cannot work: field → what is wrong."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


@transaction.atomic
def plan(*, fields: Mapping[str, Any], actor: User, now: datetime, token: str = "") -> Silence:
    """Plan quiet. Raises BadSilence."""
    silence = Silence(created_by=actor, **fields)
    if errors := faults(silence, now):
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
    errors: dict[str, str] = {}
    if not silence.reason.strip():
        errors["reason"] = "Say why it is quiet."
    if silence.ends_at <= silence.starts_at:
        errors["ends_at"] = "It ends after it begins."
    elif silence.ends_at - silence.starts_at > LONGEST:
        errors["ends_at"] = f"At most {LONGEST.days} days at a time."
    elif not silence.rule and silence.ends_at <= now:
        errors["ends_at"] = "It ends in the future."
    try:
        place = ZoneInfo(silence.zone)
    except (KeyError, ValueError, OSError):
        errors["zone"] = "Write a time zone such as Europe/Berlin."
        return errors
    if silence.rule:
        try:
            parsed(silence.rule, silence.starts_at.astimezone(place).replace(tzinfo=None))
        except BadRecurrence as error:
            errors["rule"] = str(error)
        else:
            if not errors and not silence.window.between(now, now + timedelta(days=400), most=1):
                errors["rule"] = "It never holds in the next year."
    return errors
