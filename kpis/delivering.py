"""Sending messages: a channel is claimed, its messages go out in order, each is claimed before it is sent and marked after.

A process that is killed before a message was claimed loses nothing and repeats nothing. One that is killed in the moment of
sending leaves it open whether the message arrived: it is sent again with the same key, so that a receiver can tell.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts import audit
from accounts.models import User
from kpis.models import Channel, Message, MessageState
from kpis.sending import KINDS, Envelope, Undelivered
from outgoing.addresses import AddressPolicy, Refused

logger = logging.getLogger(__name__)
Clock = Callable[[], datetime]

LEASE = timedelta(seconds=60)
"""A channel whose sender was killed is taken up again after so long."""

BUDGET_S = 20.0
FIRST_S, LONGEST_S = 10.0, 300.0
GIVE_UP = timedelta(hours=24)
MOST_ODD = 6
"""What fails on this side, and not at the receiver, comes right by itself seldom: it holds the channel up for minutes."""

ON_ITS_WAY = (MessageState.WAITING, MessageState.SENDING)


class CannotResend(ValueError):
    """What cannot be sent again, in words."""


def policy() -> AddressPolicy:
    """What channels may reach: an allow-list of its own, and never Milepost's own parts."""
    return AddressPolicy.of(settings.CHANNEL_ALLOW, settings.PROBE_DENY, setting="CHANNEL_ALLOW")


def deliver(*, clock: Clock = timezone.now) -> int:
    """Send what waits on every channel that nobody else is sending on; returns how many messages were taken or given up."""
    waiting = Message.objects.filter(state__in=ON_ITS_WAY, channel__enabled=True, channel__archived_at=None)
    channels = waiting.values_list("channel", flat=True).distinct().order_by("channel")
    claims = ((channel, _claim(channel, clock())) for channel in list(channels))
    return sum(_deliver(channel, lease, clock) for channel, lease in claims if lease is not None)


def _claim(channel_id: int, now: datetime) -> datetime | None:
    """The end of the lease, by compare-and-set; None where somebody else has it.

    A lease that ends later than any lease may is one of a clock that was stepped back.
    """
    lease = now + LEASE
    free = Q(claimed_until=None) | Q(claimed_until__lte=now) | Q(claimed_until__gt=lease)
    return lease if Channel.objects.filter(free, pk=channel_id).update(claimed_until=lease) else None


def _deliver(channel_id: int, lease: datetime, clock: Clock) -> int:
    """Ends where the lease ran out in a slow attempt and somebody else sends now: theirs is neither used nor given back."""
    taken, until = 0, time.monotonic() + BUDGET_S
    try:
        while time.monotonic() < until:
            now = clock()
            message = _next(channel_id, now)
            if message is None or not attempt(message, now=now):
                break
            taken += 1
            longer = clock() + LEASE
            if not Channel.objects.filter(pk=channel_id, claimed_until=lease).update(claimed_until=longer):
                break
            lease = longer
    finally:
        Channel.objects.filter(pk=channel_id, claimed_until=lease).update(claimed_until=None)
    return taken


def _next(channel_id: int, now: datetime) -> Message | None:
    """The oldest message that was not taken yet, if its time has come: none overtakes another."""
    waiting = Message.objects.filter(channel=channel_id, state__in=ON_ITS_WAY).select_related("channel")
    message = waiting.defer("channel__config").order_by("pk").first()
    if message is None or message.next_at is None or not now < message.next_at <= now + timedelta(seconds=3600):
        return message
    return None


def attempt(message: Message, *, now: datetime) -> bool:
    """Send one message of a claimed channel; returns whether the next one may go: it was taken, or given up."""
    claimed = Message.objects.filter(pk=message.pk, state__in=ON_ITS_WAY)
    if not claimed.update(state=MessageState.SENDING, attempts=F("attempts") + 1):
        return True
    message.refresh_from_db(fields=["attempts"])
    try:
        _send(message, now)
    except Undelivered as error:
        return _put_off(message, error, now)
    Message.objects.filter(pk=message.pk).update(state=MessageState.SENT, sent_at=now, error="", next_at=None)
    return True


def _send(message: Message, now: datetime) -> None:
    """Raise Undelivered, whatever went wrong."""
    event = {"id": str(message.key), "at": now.isoformat(), "title": message.title, **message.event}
    envelope = Envelope(key=str(message.key), at=now, title=message.title, body=message.body, event=event, good=message.good)
    try:
        KINDS[message.channel.kind].send(message.channel.config, envelope, policy())
    except Undelivered:
        raise
    except Refused as refused:
        raise Undelivered(str(refused), permanent=True) from refused
    except Exception as error:
        logger.exception("sending to the channel %s failed", message.channel_id)
        over = message.attempts >= MOST_ODD
        raise Undelivered("sending failed here and not at the receiver; the log has the details", permanent=over) from error


def _put_off(message: Message, error: Undelivered, now: datetime) -> bool:
    over = error.permanent or now - message.created_at > GIVE_UP
    wait_s = error.retry_after_s or min(FIRST_S * 2 ** min(message.attempts - 1, 10), LONGEST_S)
    Message.objects.filter(pk=message.pk).update(
        state=MessageState.DEAD if over else MessageState.WAITING,
        error=str(error)[:300],
        next_at=None if over else now + timedelta(seconds=wait_s),
    )
    return over


@transaction.atomic
def resend(*, message: Message, actor: User, now: datetime) -> Message:
    """Put a message that was given up on its way again, with its old key. Raises CannotResend."""
    message = Message.objects.select_for_update(of=("self",)).select_related("channel").get(pk=message.pk)
    if message.state != MessageState.DEAD:
        raise CannotResend(f"This message is {message.get_state_display()}.")
    message.state, message.attempts, message.next_at, message.created_at = MessageState.WAITING, 0, None, now
    message.seen_at, message.seen_by = None, ""
    message.save(update_fields=["state", "attempts", "next_at", "created_at", "seen_at", "seen_by"])
    audit.record(actor=actor, action="message.resend", subject=message.channel, after={"message": message.title})
    return message


@transaction.atomic
def put_aside(*, messages: QuerySet[Message], actor: User, now: datetime) -> int:
    """Somebody has seen that these could not be delivered; returns how many that were. They may still be sent again."""
    found = list(messages.undelivered().select_for_update(of=("self",)).select_related("channel").order_by("pk"))  # type: ignore[attr-defined]
    Message.objects.filter(pk__in=[one.pk for one in found]).update(seen_at=now, seen_by=str(actor)[:200])
    for one in found:
        audit.record(actor=actor, action="message.aside", subject=one.channel, after={"message": one.title})
    return len(found)


def test(*, channel: Channel, actor: User, now: datetime) -> Message:
    """Send a message at once that says that it is a test; it tells whether it was taken and why not."""
    message = Message.objects.create(
        channel=channel,
        state=MessageState.DEAD,
        title=f"Test of the channel {channel.name}",
        body=f"{actor} asked for this test. Alerts that fit its routes arrive here.\n\n{settings.BASE_URL}",
        event={"type": "test", "alerts": []},
        created_at=now,
    )
    message.attempts = 1
    try:
        _send(message, now)
    except Undelivered as error:
        message.error = str(error)[:300]
    else:
        message.state, message.sent_at = MessageState.SENT, now
    message.save()
    audit.record(actor=actor, action="channel.test", subject=channel, after={"sent": message.state == MessageState.SENT})
    return message
