"""Scorecards and their KPIs."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from kpis.units import UNITS


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


PERCENTILES = [Aggregation.P50, Aggregation.P90, Aggregation.P95, Aggregation.P99]


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
        constraints = [
            models.UniqueConstraint(fields=["scorecard", "key"], name="kpi_key_unique_in_scorecard"),
            models.CheckConstraint(
                condition=~Q(aggregation__in=PERCENTILES, across__in=[Across.MEAN, Across.SUM]),
                name="kpi_percentiles_never_averaged",
                violation_error_message="Percentiles are never averaged: use the worst, a named or the merged series.",
            ),
        ]
        verbose_name = "KPI"

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse what could never be measured or judged. Raises ValidationError by field."""
        errors: dict[str, Any] = {}
        if self.unit not in UNITS:
            errors["unit"] = f"Use one of {', '.join(UNITS)}."
        if self.across == Across.NAMED and not self.across_subject:
            errors["across_subject"] = "Name the series that stands for the KPI."
        if self.window_s < 1:
            errors["window_s"] = "A window lasts at least a second."
        if self.freshness_s < 1:
            errors["freshness_s"] = "A freshness limit is at least a second."
        if errors:
            raise ValidationError(errors)
