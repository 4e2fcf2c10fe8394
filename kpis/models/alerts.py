"""Alerts: what is watched, the incidents that it opened, and every step of their lives."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from kpis.alerting import State
from kpis.models.scorecards import KPI, Scorecard
from kpis.models.targets import Severity


class Kind(models.TextChoices):
    """What opens an incident. The first two need no rule: they follow from the target, and from availability."""

    THRESHOLD = "threshold", "past its alert threshold"
    OUTAGE = "outage", "not available"
    STALE = "stale", "too old"
    NO_DATA = "no_data", "never measured"
    BURN_RATE = "burn_rate", "error budget burns"
    ABSENT = "absent", "did not arrive"


RULED = [(kind.value, kind.label) for kind in (Kind.STALE, Kind.NO_DATA, Kind.BURN_RATE, Kind.ABSENT)]


class Rule(models.Model):
    """What is watched beyond thresholds and outages: on one KPI, or on every KPI of a scorecard."""

    kind = models.CharField(max_length=10, choices=RULED)
    scorecard = models.ForeignKey(Scorecard, null=True, blank=True, on_delete=models.CASCADE, related_name="alert_rules")
    kpi = models.ForeignKey(KPI, verbose_name="KPI", null=True, blank=True, on_delete=models.CASCADE, related_name="alert_rules")
    service = models.CharField(max_length=80, blank=True, help_text="Whose CI result is expected; empty for a manual entry.")
    branch = models.CharField(max_length=200, blank=True, help_text="The branch whose CI result is expected.")
    severity = models.CharField(max_length=10, choices=Severity, default=Severity.MEDIUM)
    for_s = models.PositiveIntegerField(
        verbose_name="lasts, s", default=0, help_text="Seconds that it lasts before it is an alert."
    )
    recover_s = models.PositiveIntegerField(
        verbose_name="good again for, s", default=0, help_text="Seconds that it is good again before the alert is over."
    )
    every_s = models.PositiveIntegerField(
        verbose_name="expected every, s", null=True, blank=True, help_text="The rhythm in which something is expected."
    )
    objective = models.FloatField(null=True, blank=True, help_text="The share of good events that is promised, such as 0.999.")
    min_events = models.PositiveIntegerField(default=100, help_text="With fewer events a burn rate tells nothing.")
    enabled = models.BooleanField(default=True)
    fault = models.CharField(max_length=300, blank=True, editable=False, help_text="Why the last look at it failed.")
    fault_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Since when it cannot be followed.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(scorecard__isnull=False) | Q(kpi__isnull=False),
                name="alert_rule_watches_something",
                violation_error_message="A rule watches a KPI or a scorecard.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kpi or self.scorecard}: {self.get_kind_display()}"


class IncidentQuerySet(models.QuerySet["Incident"]):
    def pending(self) -> Self:
        """Those that are bad, but not for long enough to be alerts."""
        return self.filter(state=State.PENDING)

    def open(self) -> Self:
        """Those that are alerts now: firing or acknowledged."""
        return self.filter(state__in=(State.FIRING, State.ACKNOWLEDGED))

    def alive(self, now: datetime, longest_s: int) -> Self:
        """Those that may still move: open, or resolved so lately that they may be reopened."""
        return self.filter(~Q(state=State.RESOLVED) | Q(resolved_at__gte=now - timedelta(seconds=longest_s)))


class Incident(models.Model):
    """One alert with its life. `key` says what it is about; of one thing there is one incident at a time."""

    key = models.CharField(max_length=160)
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=12, choices=[(state.value, state.value) for state in State])
    severity = models.CharField(max_length=10, choices=Severity)
    title = models.CharField(max_length=300)
    kpi = models.ForeignKey(KPI, verbose_name="KPI", null=True, blank=True, on_delete=models.PROTECT, related_name="incidents")
    scorecard = models.ForeignKey(Scorecard, null=True, blank=True, on_delete=models.PROTECT, related_name="incidents")
    rule = models.ForeignKey(Rule, null=True, blank=True, on_delete=models.SET_NULL, related_name="incidents")
    subject = models.CharField(max_length=80, blank=True, help_text="The service, or whatever else was measured.")
    value = models.FloatField(null=True, blank=True, help_text="The figure behind its newest transition.")
    origin = models.CharField(max_length=80, blank=True, help_text="What measured it: run:<id>, result:<uuid>, …")
    measured_at = models.DateTimeField(null=True, blank=True)
    reopen_s = models.PositiveIntegerField(
        verbose_name="reopened within, s", help_text="Seconds after its end in which it is the same incident again."
    )
    opened_at = models.DateTimeField()
    fires_at = models.DateTimeField(null=True, blank=True, help_text="While pending: when it fires if it stays so.")
    fired_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=200, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    moved_at = models.DateTimeField(help_text="Of its newest transition; it never moves at an earlier time.")
    steps = models.PositiveIntegerField(default=0, help_text="How many transitions it has.")
    counted_at = models.DateTimeField(null=True, blank=True, help_text="When its length was written down as a time to recovery.")

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-moved_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["key"], condition=~Q(state=State.RESOLVED), name="one_open_incident_per_key")
        ]
        indexes = [
            models.Index(fields=["key", "-id"], name="incident_key"),
            models.Index(fields=["state", "-moved_at"], name="incident_state"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def place(self) -> str:
        """What it is about, where its title does not say so."""
        return place(self.title, self.subject)


def place(title: str, subject: str) -> str:
    """The subject, unless the title has it as a word of its own: `web` is no part of `web-vitals`."""
    return "" if re.search(rf"(?<![\w-]){re.escape(subject)}(?![\w-])", title) else subject


class Outbox(models.TextChoices):
    """What became of telling somebody about a transition."""

    DUE = "due", "waits to be told"
    HELD = "held", "held back by a silence"
    ROUTED = "routed", "handed to its channels"
    NOBODY = "nobody", "no channel wants it"
    MUTED = "muted", "silenced"
    QUIET = "quiet", "nothing to tell"


class Transition(models.Model):
    """One step of an incident, with the measurement behind it; written with it in one transaction, and told from here."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="transitions")
    number = models.PositiveIntegerField(help_text="Within the incident, from 1.")
    state = models.CharField(max_length=12, choices=[(state.value, state.value) for state in State])
    at = models.DateTimeField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    by = models.CharField(max_length=200, blank=True, help_text="Who did it, where a person did.")
    note = models.TextField(blank=True)
    subject = models.CharField(max_length=80, blank=True, help_text="What the incident was about then.")
    value = models.FloatField(null=True, blank=True)
    origin = models.CharField(max_length=80, blank=True)
    measured_at = models.DateTimeField(null=True, blank=True)
    outbox = models.CharField(max_length=8, choices=Outbox, default=Outbox.QUIET)
    due_at = models.DateTimeField()

    class Meta:
        ordering = ["incident_id", "number"]
        constraints = [models.UniqueConstraint(fields=["incident", "number"], name="transition_number")]
        indexes = [models.Index(fields=["due_at"], condition=Q(outbox__in=["due", "held"]), name="transition_due")]

    def __str__(self) -> str:
        return f"{self.incident}: {self.state}"

    @property
    def place(self) -> str:
        """What it was about then, where the title of the incident does not say so."""
        return place(self.incident.title, self.subject)
