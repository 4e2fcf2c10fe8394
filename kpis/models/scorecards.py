"""Scorecards and their KPIs."""

from __future__ import annotations

import math
from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from kpis import rhythm
from kpis.reductions import AGGREGATIONS, SHARES
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


TAKEN_SLUGS = frozenset({"new"})
TAKEN_KEYS = frozenset({"csv", "edit", "archive", "restore", "delete", "import", "new"})
"""Words that the addresses of pages need for themselves."""


class Scorecard(models.Model):
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a slug that its page could not have."""
        if self._state.adding and self.slug in TAKEN_SLUGS:
            raise ValidationError({"slug": f"“{self.slug}” is an address of its own here: choose another."})


class KpiQuerySet(models.QuerySet["KPI"]):
    def active(self) -> Self:
        """Those that are measured, judged and counted: neither they nor their scorecard are archived."""
        return self.filter(archived_at=None, scorecard__archived_at=None)

    def archived(self) -> Self:
        return self.exclude(archived_at=None, scorecard__archived_at=None)


class KPI(models.Model):
    """A governed figure. Its key is unique within its scorecard.

    With a reference value it is a reduction: what arrives is the raw figure, in the reference's unit, and the KPI is how
    much less that is than the reference (`kpis.reductions`).
    """

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
    window_s = models.PositiveIntegerField(verbose_name="window, s", default=3600)
    freshness_s = models.PositiveIntegerField(verbose_name="freshness limit, s", default=86400)
    reference = models.FloatField(null=True, blank=True, help_text="The raw figure that a reduction is told against.")
    reference_unit = models.CharField(max_length=20, blank=True, help_text="The unit of the raw figures and of the reference.")
    reference_on = models.DateField(null=True, blank=True, help_text="The day that the reference is of.")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        help_text="Who is asked to decide about its targets.",
    )  # fmt: skip
    rationale = models.TextField(blank=True, help_text="Why this figure is governed.")
    review_rule = models.CharField(max_length=120, blank=True, help_text="How often it is reviewed, such as FREQ=MONTHLY.")
    review_from = models.DateField(null=True, blank=True, help_text="The day of the first review.")
    position = models.PositiveIntegerField(default=0)
    public_badge = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = KpiQuerySet.as_manager()

    class Meta:
        ordering = ["scorecard_id", "position", "key"]
        constraints = [
            models.UniqueConstraint(fields=["scorecard", "key"], name="kpi_key_unique_in_scorecard"),
            models.CheckConstraint(
                condition=~Q(aggregation__in=PERCENTILES, across__in=[Across.MEAN, Across.SUM]),
                name="kpi_percentiles_never_averaged",
                violation_error_message="Percentiles are never averaged: use the worst, a named or the merged series.",
            ),
            models.CheckConstraint(
                condition=Q(reference=None, reference_unit="", reference_on=None) | Q(reference__gt=0) & ~Q(reference_unit=""),
                name="kpi_reference_with_its_unit",
                violation_error_message="A reference value is more than 0 and has a unit.",
            ),
        ]
        verbose_name = "KPI"

    def __str__(self) -> str:
        return self.name

    @property
    def is_archived(self) -> bool:
        return self.archived_at is not None or self.scorecard.archived_at is not None

    @property
    def is_reduction(self) -> bool:
        return self.reference is not None

    @property
    def measured_unit(self) -> str:
        """The unit of the figures that arrive; of a reduction that of its raw figures."""
        return self.reference_unit if self.is_reduction else self.unit

    def clean(self) -> None:
        """Refuse what could never be measured or judged. Raises ValidationError by field."""
        errors: dict[str, Any] = self._faults_of_reference()
        if self._state.adding and self.key in TAKEN_KEYS:
            errors["key"] = f"“{self.key}” is an address of the scorecard's own: choose another."
        if self.unit not in UNITS:
            errors["unit"] = f"Use one of {', '.join(UNITS)}."
        if self.aggregation in PERCENTILES and self.across in (Across.MEAN, Across.SUM):
            errors["across"] = "Percentiles are never averaged or summed: take the worst, merged or a named series."
        if self.across == Across.NAMED and not self.across_subject:
            errors["across_subject"] = "Name the series that stands for the KPI."
        if self.window_s < 1:
            errors["window_s"] = "A window lasts at least a second."
        if self.freshness_s < 1:
            errors["freshness_s"] = "A freshness limit is at least a second."
        errors |= self._faults_of_review()
        if errors:
            raise ValidationError(errors)

    def _faults_of_review(self) -> dict[str, Any]:
        if not self.review_rule:
            return {"review_from": "Say how often it is reviewed."} if self.review_from else {}
        if self.review_from is None:
            return {"review_from": "Say when the first review is."}
        try:
            rhythm.check(self.review_rule, self.review_from)
        except rhythm.BadRhythm as error:
            return {"review_rule": str(error)}
        return {}

    def _faults_of_reference(self) -> dict[str, Any]:
        errors: dict[str, Any] = {}
        if self.reference is None:
            stray = [name for name in ("reference_unit", "reference_on") if getattr(self, name)]
            return dict.fromkeys(stray, "Without a reference value there is nothing to say of it.")
        if not (math.isfinite(self.reference) and self.reference > 0):
            errors["reference"] = "A reference value is more than 0: nothing is less than nothing."
        if self.reference_unit not in UNITS:
            errors["reference_unit"] = "Say in which unit the raw figures and their reference are."
        if self.unit not in SHARES:
            errors["unit"] = "A reduction is a share: use % or ratio."
        if self.direction != Direction.HIGHER:
            errors["direction"] = "Of a reduction, higher is better."
        if self.aggregation not in AGGREGATIONS:
            errors["aggregation"] = "A reduction is the newest, mean, minimum or maximum: its sums and percentiles mean nothing."
        return errors
