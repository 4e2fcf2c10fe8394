"""Where alerts are told: channels and their routes, planned quiet, and the messages on their way."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from kpis.models.alerts import Incident, Transition
from kpis.models.scorecards import KPI, Scorecard
from kpis.models.targets import Severity
from kpis.recurrence import Window
from kpis.sending import kind_choices
from outgoing.secrets import EncryptedJSONField

RANKS = {severity.value: rank for rank, severity in enumerate(Severity)}


class Channel(models.Model):
    """A way to people. What it needs to send is secret: encrypted at rest, never shown again."""

    name = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=20, choices=kind_choices)
    config = EncryptedJSONField(default=dict, blank=True, editable=False)
    shown = models.CharField(max_length=200, blank=True, help_text="What may be shown of its address.")
    enabled = models.BooleanField(default=True)
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    quiet_zone = models.CharField(max_length=60, default="UTC")
    quiet_below = models.CharField(
        max_length=10, choices=Severity, default=Severity.CRITICAL, help_text="In quiet hours only this and worse comes through."
    )
    digest_until = models.DateTimeField(null=True, blank=True, help_text="After a digest, what comes is gathered until then.")
    claimed_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Route(models.Model):
    """Which alerts a channel is told of: those that fit any of its routes."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="routes")
    severity = models.CharField(max_length=10, choices=Severity, default=Severity.LOW, help_text="This and worse.")
    scorecard = models.ForeignKey(Scorecard, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    service = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.channel}: {self.severity}"

    def takes(self, incident: Incident, subject: str) -> bool:
        """Whether it is to be told of an incident that is about this subject."""
        return (
            RANKS[incident.severity] >= RANKS[self.severity]
            and self.scorecard_id in (None, incident.scorecard_id)
            and self.service in ("", subject)
        )


class SilenceQuerySet(models.QuerySet["Silence"]):
    def touching(self, start: datetime, end: datetime) -> Self:
        """Those that may hold in a span of time; a recurring one is asked itself."""
        return self.filter(Q(ends_at__gte=start) | ~Q(rule=""), Q(ended_at=None) | Q(ended_at__gt=start), starts_at__lte=end)


class Silence(models.Model):
    """Planned quiet: notification is muted, measurement never."""

    reason = models.CharField(max_length=300)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    rule = models.CharField(max_length=200, blank=True, help_text="RFC 5545, such as FREQ=WEEKLY;BYDAY=SA.")
    zone = models.CharField(max_length=60, default="UTC")
    scorecard = models.ForeignKey(Scorecard, null=True, blank=True, on_delete=models.CASCADE, related_name="silences")
    kpi = models.ForeignKey(KPI, verbose_name="KPI", null=True, blank=True, on_delete=models.CASCADE, related_name="silences")
    service = models.CharField(max_length=80, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When somebody ended it before its time.")

    objects = SilenceQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_at"]

    def __str__(self) -> str:
        return self.reason

    @property
    def window(self) -> Window:
        return Window(self.starts_at, self.ends_at, self.rule, self.zone)

    def covers(self, incident: Incident, subject: str) -> bool:
        """Whether it is about an incident with this subject; without a scope it is about every one."""
        return (
            self.scorecard_id in (None, incident.scorecard_id)
            and self.kpi_id in (None, incident.kpi_id)
            and self.service in ("", subject)
        )

    def holds_until(self, at: datetime) -> datetime | None:
        """When the quiet that holds at a time ends; None where none holds."""
        if self.ended_at is not None and self.ended_at <= at:
            return None
        found = self.window.covering(at)
        return found[1] if found else None

    def next_at(self, now: datetime) -> datetime | None:
        """When it begins the next time; None for what is over, or holds already and does not come again."""
        if self.ended_at is not None:
            return None
        return next((begin for begin, _ in self.window.coming(now) if begin > now), None)


class MessageState(models.TextChoices):
    WAITING = "waiting", "waiting"
    SENDING = "sending", "being sent"
    SENT = "sent", "sent"
    DEAD = "dead", "given up"


class MessageQuerySet(models.QuerySet["Message"]):
    def undelivered(self) -> Self:
        """Dead letters that nobody has put aside yet; a test that failed was seen by whoever asked for it."""
        return self.filter(state=MessageState.DEAD, seen_at=None).exclude(deliveries=None)


class Message(models.Model):
    """One message to one channel, sent in the order of their ids. Its key stays the same at every attempt."""

    key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="messages")
    state = models.CharField(max_length=8, choices=MessageState, default=MessageState.WAITING)
    title = models.CharField(max_length=300)
    body = models.TextField()
    event = models.JSONField(default=dict)
    good = models.BooleanField(default=False)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True, help_text="When a person put it aside after it was given up.")
    seen_by = models.CharField(max_length=200, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["channel", "id"], condition=~Q(state__in=["sent", "dead"]), name="message_on_its_way")]

    def __str__(self) -> str:
        return self.title


class Delivery(models.Model):
    """That a channel is to be told of a transition: once, whatever happens."""

    transition = models.ForeignKey(Transition, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    message = models.ForeignKey(Message, null=True, blank=True, on_delete=models.CASCADE, related_name="deliveries")
    due_at = models.DateTimeField(null=True, blank=True, help_text="The end of quiet hours; empty means at once.")

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [models.UniqueConstraint(fields=["transition", "channel"], name="told_once")]
        indexes = [models.Index(fields=["channel", "id"], condition=Q(message=None), name="delivery_to_compose")]

    def __str__(self) -> str:
        return f"{self.channel}: {self.transition}"
