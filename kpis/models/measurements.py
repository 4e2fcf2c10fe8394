"""What was measured, rolled up, and where it stands now."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from kpis.models.scorecards import KPI


class Series(models.Model):
    """One stream of measurements of one KPI."""

    kpi = models.ForeignKey(KPI, verbose_name="KPI", on_delete=models.PROTECT, related_name="series")
    subject = models.CharField(max_length=80)
    environment = models.CharField(max_length=40, blank=True)
    enabled = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kpi", "subject", "environment"], name="series_identity")]
        verbose_name_plural = "series"

    def __str__(self) -> str:
        return f"{self.subject} {self.environment}".strip()


class Measurement(models.Model):
    """One point of a series, in the KPI's unit. Append-only."""

    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="measurements", db_index=False)
    at = models.DateTimeField()
    origin = models.CharField(max_length=80, help_text="What produced it: run:<id>, result:<uuid>, api:<token>, manual:<user>.")
    value = models.FloatField()
    count = models.PositiveBigIntegerField(default=1)
    histogram = models.BinaryField(null=True, blank=True)
    reported = models.BooleanField(default=False, help_text="A percentile that the source gave ready-made.")
    raw = models.FloatField(null=True, blank=True, help_text="What came, where the value is a reduction computed from it.")
    note = models.CharField(max_length=300, blank=True, help_text="What the person who typed it says of it.")
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        # On PostgreSQL the migration has put value and count into this index too, so that it answers every reading of a
        # stretch of time without a look at the table; elsewhere Django would not make a unique index that includes columns.
        constraints = [models.UniqueConstraint(fields=["series", "at", "origin"], name="measurement_identity")]

    def __str__(self) -> str:
        return f"{self.value:g} at {self.at:%Y-%m-%d %H:%M:%S}"


class Rollup(models.Model):
    """The measurements of one series in one hour or day, UTC."""

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="rollups", db_index=False)
    resolution = models.CharField(max_length=4, choices=[("hour", "hour"), ("day", "day")])
    at = models.DateTimeField(help_text="Start of the bucket.")
    points = models.PositiveIntegerField()
    count = models.PositiveBigIntegerField()
    total = models.FloatField(help_text="Sum of value × count.")
    plain_total = models.FloatField(help_text="Sum of value.")
    low = models.FloatField()
    high = models.FloatField()
    last = models.FloatField()
    last_at = models.DateTimeField()
    reported = models.BooleanField(default=False)
    histogram = models.BinaryField(null=True, blank=True)
    percentile = models.FloatField(null=True, blank=True, help_text="The KPI's percentile as read from the histogram.")
    sample_low = models.FloatField(null=True, blank=True, help_text="Lowest sample of the histogram.")
    sample_high = models.FloatField(null=True, blank=True, help_text="Highest sample of the histogram.")
    sample_count = models.PositiveBigIntegerField(null=True, blank=True, help_text="How many samples the histogram holds.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["series", "resolution", "at"], name="rollup_identity")]


class CurrentValue(models.Model):
    """The newest state of a series: its window's aggregate, so that a page reads one row, whatever the history."""

    series = models.OneToOneField(Series, on_delete=models.CASCADE, primary_key=True, related_name="current")
    at = models.DateTimeField(help_text="Time of the newest measurement.")
    value = models.FloatField(help_text="Aggregate over the KPI's window that ends at `at`.")
    count = models.PositiveBigIntegerField()
    histogram = models.BinaryField(null=True, blank=True)
    reported = models.BooleanField(default=False)
    origin = models.CharField(max_length=80)


class KpiState(models.Model):
    """What the judge must remember of a KPI between two looks (hysteresis), and since when its status holds."""

    kpi = models.OneToOneField(KPI, verbose_name="KPI", on_delete=models.CASCADE, primary_key=True, related_name="state")
    status = models.CharField(max_length=10)
    since = models.DateTimeField()
    memory = models.JSONField(default=dict, blank=True, help_text="evaluation.Memory as written by the judge.")

    class Meta:
        verbose_name = "KPI state"


class IngestReceipt(models.Model):
    """The answer to a batch that came with an Idempotency-Key, so that the same key gets the same answer again.

    Without figures the batch is being stored, or its process died: the same body completes it, another one is refused.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    payload_sha256 = models.CharField(verbose_name="SHA-256 of the payload", max_length=64)
    stored = models.PositiveIntegerField(null=True)
    ignored = models.PositiveIntegerField(null=True)
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="ingest_idempotency")]

    def __str__(self) -> str:
        return "being stored" if self.stored is None else f"{self.stored} stored, {self.ignored} ignored"
