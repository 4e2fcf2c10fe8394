"""Services, the standing orders to measure them, and what came of each run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models

from kpis.models import KPI
from kpis.recurrence import Window
from outgoing.secrets import EncryptedJSONField, EncryptedTextField
from probes.addresses import origin
from probes.kinds import kind_choices
from probes.kinds.base import Outcome


class Proof(models.TextChoices):
    """How it was shown that a service's owner agrees to be loaded."""

    FILE = "file", "token file"
    HEADER = "header", "token header"
    APPROVED = "approved", "approved by an administrator"


class Service(models.Model):
    """A running application that an engineer registered."""

    slug = models.SlugField(unique=True, max_length=80)
    name = models.CharField(max_length=120)
    base_url = models.CharField(verbose_name="base URL", max_length=200, help_text="Such as http://orders.internal:8000")
    origin = models.CharField(max_length=220, default="", editable=False, help_text="Host and port of its base URL.")
    environment = models.CharField(max_length=40, default="production", blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    tags = models.JSONField(default=list, blank=True)
    links = models.JSONField(default=list, blank=True, help_text='Shown on its page: [{"name": "Switches", "url": "…"}]')
    metrics_url = models.CharField(
        verbose_name="metrics URL", max_length=300, default="/metrics", blank=True, help_text="Path or full address."
    )
    health_path = models.CharField(max_length=200, default="/health", blank=True)
    headers = EncryptedJSONField(default=dict, blank=True, help_text="Sent with every request; stored encrypted, never shown.")
    database_dsn = EncryptedTextField(
        verbose_name="database DSN", default="", blank=True, help_text="Of its PostgreSQL; stored encrypted, never shown."
    )
    redis_url = EncryptedTextField(
        verbose_name="Redis URL", default="", blank=True, help_text="Of its Redis; stored encrypted, never shown."
    )
    confirmed_at = models.DateTimeField(null=True, blank=True, help_text="When its owner was shown to agree to load runs.")
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    confirmed_how = models.CharField(max_length=20, blank=True, choices=Proof)
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_why = models.CharField(max_length=200, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.origin = origin(self.base_url)
        super().save(*args, **kwargs)


class Probe(models.Model):
    """A standing order: measure one service in one way at an interval."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="probes")
    kind = models.CharField(max_length=20, choices=kind_choices)
    params = models.JSONField(default=dict, blank=True)
    interval_s = models.PositiveIntegerField(verbose_name="interval, s", default=60, validators=[MinValueValidator(5)])
    enabled = models.BooleanField(default=True)
    next_run_at = models.DateTimeField(db_index=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="Failed runs in a row.")
    memory = models.JSONField(default=dict, blank=True, help_text="What the kind keeps between runs, such as the last scrape.")
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["service_id", "pk"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.service}"


class Maintenance(models.Model):
    """Planned time in which a service, or all that have a tag, are not measured: it tells nothing of how they do.

    `begins_at` and `until` are the occurrence that holds or comes next; empty once it is over.
    """

    reason = models.CharField(max_length=200)
    service = models.ForeignKey(Service, null=True, blank=True, on_delete=models.CASCADE, related_name="maintenances")
    tag = models.CharField(max_length=60, blank=True, help_text="Instead of one service: all that have it.")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    rule = models.CharField(max_length=200, blank=True, help_text="RFC 5545, such as FREQ=WEEKLY;BYDAY=SA.")
    zone = models.CharField(max_length=60, default="UTC")
    begins_at = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True, db_index=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When somebody ended it before its time.")

    class Meta:
        ordering = ["-starts_at", "-pk"]

    def __str__(self) -> str:
        return self.reason

    @property
    def window(self) -> Window:
        return Window(self.starts_at, self.ends_at, self.rule, self.zone)

    def covers(self, service: Service) -> bool:
        return self.service_id == service.pk if self.service_id else self.tag in service.tags

    def holds_until(self, at: datetime) -> datetime | None:
        """When the occurrence that holds at a time ends; None where none holds."""
        return self.until if self.begins_at and self.until and self.begins_at <= at < self.until else None

    def held(self, since: datetime, now: datetime) -> bool:
        """Whether it held at some time of a stretch."""
        spans = [(begin, min(end, self.ended_at or end)) for begin, end in self.window.between(since, now)]
        return any(begin < end and begin < now and end > since for begin, end in spans)

    def next_at(self, now: datetime) -> datetime | None:
        """When it begins the next time; None where it does not come again."""
        if self.until is None:
            return None
        return next((begin for begin, _ in self.window.coming(now) if begin > now), None)


class Feed(models.Model):
    """Which KPI a metric of a probe feeds."""

    probe = models.ForeignKey(Probe, on_delete=models.CASCADE, related_name="feeds")
    metric = models.CharField(max_length=40)
    kpi = models.ForeignKey(KPI, verbose_name="KPI", on_delete=models.CASCADE, related_name="feeds")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["probe", "metric", "kpi"], name="feed_identity")]

    def __str__(self) -> str:
        return f"{self.metric} → {self.kpi}"


class RunState(models.TextChoices):
    QUEUED = "queued", "queued"
    RUNNING = "running", "running"
    DONE = "done", "done"


OUTCOMES = [(outcome.value, outcome.value.replace("_", " ")) for outcome in Outcome]


class Run(models.Model):
    """One execution of a probe. A failed one has no readings."""

    probe = models.ForeignKey(Probe, on_delete=models.CASCADE, related_name="runs", db_index=False)
    state = models.CharField(max_length=10, choices=RunState, default=RunState.QUEUED)
    outcome = models.CharField(max_length=20, blank=True, choices=OUTCOMES)
    reason = models.CharField(max_length=80, blank=True)
    error = models.TextField(blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    due_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    stop_asked_at = models.DateTimeField(null=True, blank=True)
    queue_delay_ms = models.PositiveIntegerField(verbose_name="queue delay, ms", null=True, blank=True)
    readings = models.JSONField(default=list, blank=True, help_text="What was read: metric, value, unit, count, note.")
    recorded = models.JSONField(default=list, blank=True, help_text="What reached a KPI, or why it did not.")
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-due_at", "-pk"]
        # Nearly all runs are done: an index of that state would only mislead the planner. What is not done has not finished,
        # which SQLite must be told in these words to look here instead of reading every run that there was.
        indexes = [
            models.Index(fields=["probe", "-due_at", "-id"], name="run_of_probe"),
            models.Index(fields=["due_at"], name="run_by_time"),
            models.Index(fields=["state", "due_at"], name="run_not_done", condition=models.Q(finished_at=None)),
        ]

    def __str__(self) -> str:
        return f"Run {self.pk}"


class LoadSecond(models.Model):
    """One second of a load run as its live page shows it; `second` counts from the start of the run."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="seconds")
    second = models.PositiveIntegerField()
    figures = models.JSONField()

    class Meta:
        ordering = ["second", "pk"]
        indexes = [models.Index(fields=["run", "second"])]

    def __str__(self) -> str:
        return f"second {self.second} of {self.run}"


class LoadPart(models.Model):
    """A load run's share that another worker carries out; without secrets, which that worker reads from the service."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="parts")
    profile = models.JSONField()
    first = models.PositiveIntegerField()
    shards = models.PositiveIntegerField()
    of = models.PositiveIntegerField()
    made_at = models.DateTimeField(auto_now_add=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    start_at = models.FloatField(null=True, blank=True, help_text="When all shards begin, in seconds of the wall clock.")
    stop_asked_at = models.DateTimeField(null=True, blank=True)
    result = models.BinaryField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"shards {self.first + 1} to {self.first + self.shards} of {self.run}"


class LoadRow(models.Model):
    """One second of a part, until it is merged."""

    part = models.ForeignKey(LoadPart, on_delete=models.CASCADE, related_name="rows")
    row = models.BinaryField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"row of {self.part}"


class Heartbeat(models.Model):
    """When a part of the engine was last alive."""

    role = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.role} {self.at:%H:%M:%S}"
