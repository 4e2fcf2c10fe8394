"""Scorecards, KPIs, their targets, and what was measured."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class Direction(models.TextChoices):
    LOWER = "lower", "lower is better"
    HIGHER = "higher", "higher is better"


class Aggregation(models.TextChoices):
    """How one series' measurements in the window become one figure; `mean` is weighted by count."""

    LAST = "last", "newest"
    MEAN = "mean", "mean"
    SUM = "sum", "sum"
    MIN = "min", "minimum"
    MAX = "max", "maximum"
    P50 = "p50", "median"
    P90 = "p90", "90th percentile"
    P95 = "p95", "95th percentile"
    P99 = "p99", "99th percentile"


class Across(models.TextChoices):
    """How the figures of several series become one."""

    WORST = "worst", "worst series"
    MERGED = "merged", "merged histograms"
    MEAN = "mean", "mean of series"
    SUM = "sum", "sum of series"
    NAMED = "named", "one named series"


class Category(models.TextChoices):
    TECHNICAL = "technical", "Technical"
    SCALABILITY = "scalability", "Scalability"
    RELIABILITY = "reliability", "Reliability"
    USER_EXPERIENCE = "user_experience", "User experience"
    OPERATIONS = "operations", "Operations"


class Scorecard(models.Model):
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class KPI(models.Model):
    """A governed figure. Its key is unique within its scorecard."""

    scorecard = models.ForeignKey(Scorecard, on_delete=models.PROTECT, related_name="kpis")
    key = models.SlugField()
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    category = models.CharField(max_length=20, choices=Category, default=Category.TECHNICAL)
    metric = models.CharField(max_length=40, blank=True, help_text="The reading that usually feeds it, such as latency.")
    unit = models.CharField(max_length=20, help_text="A unit of kpis.units, such as ms, %, MB, count, 1/s.")
    direction = models.CharField(max_length=10, choices=Direction)
    aggregation = models.CharField(max_length=10, choices=Aggregation, default=Aggregation.LAST)
    across = models.CharField(max_length=10, choices=Across, default=Across.WORST)
    across_subject = models.CharField(max_length=80, blank=True)
    window_s = models.PositiveIntegerField(default=3600)
    freshness_s = models.PositiveIntegerField(default=86400)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    position = models.PositiveIntegerField(default=0)
    public_badge = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["scorecard_id", "position", "key"]
        constraints = [models.UniqueConstraint(fields=["scorecard", "key"], name="kpi_key_unique_in_scorecard")]
        verbose_name = "KPI"

    def __str__(self) -> str:
        return self.name


class Decision(models.TextChoices):
    PROPOSED = "proposed", "waits for approval"
    APPROVED = "approved", "approved"
    REJECTED = "rejected", "rejected"
    WITHDRAWN = "withdrawn", "withdrawn"


class Severity(models.TextChoices):
    LOW = "low", "low"
    MEDIUM = "medium", "medium"
    HIGH = "high", "high"
    CRITICAL = "critical", "critical"


class Target(models.Model):
    """One version of a commitment. Figures are in the KPI's unit; a null is *not stated*."""

    kpi = models.ForeignKey(KPI, on_delete=models.PROTECT, related_name="targets")
    number = models.PositiveIntegerField(help_text="Version within the KPI, from 1.")
    comparator = models.CharField(max_length=2, choices=[(sign, sign) for sign in ("<", "<=", ">", ">=")])
    value = models.FloatField()
    alert_threshold = models.FloatField(null=True, blank=True)
    for_s = models.PositiveIntegerField(default=0, help_text="Seconds past the threshold before it is breached.")
    recover_s = models.PositiveIntegerField(default=0, help_text="Seconds on the good side before a breach ends.")
    severity = models.CharField(max_length=10, choices=Severity, default=Severity.MEDIUM)
    baseline = models.FloatField(null=True, blank=True)
    baseline_on = models.DateField(null=True, blank=True)
    baseline_stated = models.CharField(max_length=200, blank=True, help_text="A range or bound as the source states it.")
    due_on = models.DateField(null=True, blank=True)
    stated = models.CharField(max_length=200, blank=True, help_text="The target as the source states it.")
    rationale = models.TextField(blank=True)
    decision = models.CharField(max_length=10, choices=Decision, default=Decision.PROPOSED)
    effective_from = models.DateTimeField(null=True, blank=True)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_note = models.TextField(blank=True)
    self_approved = models.BooleanField(default=False)

    class Meta:
        ordering = ["kpi_id", "-number"]
        constraints = [models.UniqueConstraint(fields=["kpi", "number"], name="target_number_unique_in_kpi")]

    def __str__(self) -> str:
        return f"{self.kpi} {self.comparator} {self.value:g}"


class Waiver(models.Model):
    """An approved, dated exception: the KPI (on a subject, or everywhere) does not count until it expires."""

    kpi = models.ForeignKey(KPI, on_delete=models.PROTECT, related_name="waivers")
    subject = models.CharField(max_length=80, blank=True)
    reason = models.TextField()
    expires_at = models.DateTimeField()
    decision = models.CharField(max_length=10, choices=Decision, default=Decision.PROPOSED)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_note = models.TextField(blank=True)
    self_approved = models.BooleanField(default=False)

    class Meta:
        ordering = ["-requested_at"]

    def __str__(self) -> str:
        return f"{self.kpi} waived until {self.expires_at:%Y-%m-%d}"


class Series(models.Model):
    """One stream of measurements of one KPI."""

    kpi = models.ForeignKey(KPI, on_delete=models.PROTECT, related_name="series")
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

    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="measurements")
    at = models.DateTimeField()
    origin = models.CharField(max_length=80, help_text="What produced it: run:<id>, result:<uuid>, api:<token>, manual:<user>.")
    value = models.FloatField()
    count = models.PositiveBigIntegerField(default=1)
    histogram = models.BinaryField(null=True, blank=True)
    reported = models.BooleanField(default=False, help_text="A percentile that the source gave ready-made.")
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["series", "at", "origin"], name="measurement_identity")]
        indexes = [models.Index(fields=["series", "at"], include=["value", "count"], name="measurement_cover")]

    def __str__(self) -> str:
        return f"{self.value:g} at {self.at:%Y-%m-%d %H:%M:%S}"


class Rollup(models.Model):
    """The measurements of one series in one hour or day, UTC."""

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="rollups")
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

    kpi = models.OneToOneField(KPI, on_delete=models.CASCADE, primary_key=True, related_name="state")
    status = models.CharField(max_length=10)
    since = models.DateTimeField()
    memory = models.JSONField(default=dict, blank=True, help_text="evaluation.Memory as written by the judge.")


class Submission(models.Model):
    """What a CI job sent, and the verdict it got."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scorecard = models.ForeignKey(Scorecard, null=True, blank=True, on_delete=models.PROTECT, related_name="submissions")
    service = models.CharField(max_length=80, blank=True)
    environment = models.CharField(max_length=40, blank=True)
    commit = models.CharField(max_length=64, blank=True)
    branch = models.CharField(max_length=200, blank=True)
    pull_request = models.CharField(max_length=40, blank=True)
    run_url = models.URLField(blank=True)
    testbed = models.JSONField(default=dict, blank=True)
    format = models.CharField(max_length=40)
    payload_sha256 = models.CharField(max_length=64)
    idempotency_key = models.CharField(max_length=200, blank=True)
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    token = models.CharField(max_length=120, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(auto_now_add=True)
    verdict = models.CharField(max_length=12)
    document = models.JSONField(help_text="The whole verdict document as answered.")
    invalidated_at = models.DateTimeField(null=True, blank=True)
    invalidated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    invalidated_why = models.TextField(blank=True)

    class Meta:
        ordering = ["-received_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["submitted_by", "idempotency_key"], condition=~Q(idempotency_key=""), name="submission_idempotency"
            )
        ]

    def __str__(self) -> str:
        return f"{self.format} {self.commit[:7]} {self.verdict}"


class Sample(models.Model):
    """One named figure of a submission, mapped to a KPI or not."""

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="samples")
    name = models.CharField(max_length=300)
    metric = models.CharField(max_length=40)
    kpi = models.ForeignKey(KPI, null=True, blank=True, on_delete=models.PROTECT, related_name="samples")
    value = models.FloatField()
    unit = models.CharField(max_length=20)
    count = models.PositiveBigIntegerField(default=1)
    failures = models.PositiveBigIntegerField(default=0)
    histogram = models.BinaryField(null=True, blank=True)
    reported = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["name", "metric"])]
