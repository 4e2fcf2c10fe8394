"""From transitions to messages: which channels are told of what, when, and many at once as one digest.

Each step is one transaction over rows, so that a process may be killed between any two of them: nothing is lost, and
nothing is told twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from kpis.alerting import State
from kpis.messages import digest, single
from kpis.models import Channel, Delivery, Incident, Message, Outbox, Silence, Transition
from kpis.models.channels import RANKS
from kpis.recurrence import quiet_until

MOST = 1000
DIGEST_OVER = 3
"""More transitions than these at once become one message."""

DIGEST_PAUSE = timedelta(seconds=60)
LOOK_AGAIN = timedelta(seconds=60)
"""So often a silence is asked again: it may be ended before its time."""


def route(*, now: datetime) -> int:
    """Hand what is due to the channels that want it; returns how many transitions were decided."""
    return _route(now) if _to_route(now).exists() else 0


def _to_route(now: datetime) -> QuerySet[Transition]:
    due = Q(due_at__lte=now) | Q(at__gt=now)  # what lies in the future was written before the clock was stepped back
    return Transition.objects.filter(due, outbox__in=(Outbox.DUE, Outbox.HELD))


@transaction.atomic
def _route(now: datetime) -> int:
    rows = _to_route(now).select_for_update(of=("self",)).select_related("incident__kpi")
    steps = list(rows.order_by("pk")[:MOST])
    channels = list(Channel.objects.filter(enabled=True, archived_at=None).defer("config").prefetch_related("routes"))
    silences = list(Silence.objects.touching(now, now))
    told = _told(steps)
    deliveries = []
    for one in steps:
        wanted = _decide(one, channels, silences, told, now)
        deliveries += [Delivery(transition=one, channel=channel, due_at=_quiet(channel, one, now)) for channel in wanted]
        if one.state == State.FIRING:
            told.setdefault(one.incident_id, set()).update(channel.pk for channel in wanted)
    Transition.objects.bulk_update(steps, ["outbox", "due_at"], batch_size=200)
    Delivery.objects.bulk_create(deliveries, ignore_conflicts=True)
    return sum(one.outbox != Outbox.HELD for one in steps)


def _told(steps: Sequence[Transition]) -> dict[int, set[int]]:
    """The channels that were told that an incident fires, by its id."""
    found: dict[int, set[int]] = {}
    rows = Delivery.objects.filter(transition__incident__in={one.incident_id for one in steps}, transition__state=State.FIRING)
    for incident, channel in rows.values_list("transition__incident", "channel"):
        found.setdefault(incident, set()).add(channel)
    return found


def _decide(
    one: Transition, channels: Sequence[Channel], silences: Sequence[Silence], told: dict[int, set[int]], now: datetime
) -> list[Channel]:
    """The channels that are told now, and what becomes of the transition.

    In a silence it is held back. After it, a breach that is over by then is told no more; that something is over, or
    acknowledged, is told to those who were told that it fires.
    """
    incident = one.incident
    until = silenced_until(incident, silences, now, subject=one.subject)
    if until is not None:
        one.outbox, one.due_at = Outbox.HELD, min(until, now + LOOK_AGAIN)
        return []
    passed = one.state != incident.state or one.subject != incident.subject
    if one.outbox == Outbox.HELD and passed and one.state != State.RESOLVED:
        one.outbox = Outbox.MUTED
        return []
    if one.state == State.FIRING:
        wanted = [channel for channel in channels if any(route.takes(incident, one.subject) for route in channel.routes.all())]
    else:
        wanted = [channel for channel in channels if channel.pk in told.get(one.incident_id, ())]
    nobody = Outbox.MUTED if one.outbox == Outbox.HELD else Outbox.NOBODY
    one.outbox = Outbox.ROUTED if wanted else nobody
    return wanted


def silenced_until(
    incident: Incident, silences: Iterable[Silence], at: datetime, *, subject: str | None = None
) -> datetime | None:
    """When the last of the silences that hold for an incident ends, with the subject that it has or had; None: none holds."""
    about = incident.subject if subject is None else subject
    ends = [end for one in silences if one.covers(incident, about) and (end := one.holds_until(at)) is not None]
    return max(ends, default=None)


def _quiet(channel: Channel, one: Transition, now: datetime) -> datetime | None:
    if channel.quiet_from is None or channel.quiet_until is None:
        return None
    if RANKS[one.incident.severity] >= RANKS[channel.quiet_below]:
        return None
    return quiet_until(now, channel.quiet_from, channel.quiet_until, channel.quiet_zone)


def compose(*, now: datetime) -> int:
    """Write the messages of what channels are to be told; returns how many."""
    waiting = _to_compose(now).values_list("channel", flat=True).distinct().order_by("channel")
    return sum(_compose(channel, now) for channel in list(waiting))


@transaction.atomic
def _compose(channel_id: int, now: datetime) -> int:
    channel = Channel.objects.select_for_update().defer("config").get(pk=channel_id)
    if channel.digest_until is not None and now < channel.digest_until <= now + DIGEST_PAUSE:
        return 0
    rows = _to_compose(now).filter(channel=channel).select_related("transition__incident__kpi__scorecard")
    found = list(rows.order_by("transition__at", "pk")[:MOST])
    groups = [found] if len(found) > DIGEST_OVER else [[one] for one in found]
    for group in groups:
        steps = [one.transition for one in group]
        text = single(steps[0], channel=channel) if len(steps) == 1 else digest(steps, channel=channel)
        message = Message.objects.create(
            channel=channel, title=text.title, body=text.body, event=text.event, good=text.good, created_at=now
        )
        Delivery.objects.filter(pk__in=[one.pk for one in group]).update(message=message)
    if len(found) > DIGEST_OVER:
        Channel.objects.filter(pk=channel_id).update(digest_until=now + DIGEST_PAUSE)
    return len(groups)


def _to_compose(now: datetime) -> QuerySet[Delivery]:
    due = Q(due_at=None) | Q(due_at__lte=now)
    return Delivery.objects.filter(due, message=None, channel__enabled=True, channel__archived_at=None)
