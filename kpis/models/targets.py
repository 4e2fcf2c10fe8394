"""Commitments as versions, and the exceptions from them."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from accounts.days import last_day
from kpis.models.scorecards import KPI


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

    kpi = models.ForeignKey(KPI, verbose_name="KPI", on_delete=models.PROTECT, related_name="targets")
    number = models.PositiveIntegerField(help_text="Version within the KPI, from 1.")
    comparator = models.CharField(max_length=2, choices=[(sign, sign) for sign in ("<", "<=", ">", ">=")])
    value = models.FloatField()
    alert_threshold = models.FloatField(null=True, blank=True)
    for_s = models.PositiveIntegerField(
        verbose_name="breached after, s", default=0, help_text="Seconds past the threshold before it is breached."
    )
    recover_s = models.PositiveIntegerField(
        verbose_name="recovered after, s", default=0, help_text="Seconds on the good side before a breach ends."
    )
    severity = models.CharField(max_length=10, choices=Severity, default=Severity.MEDIUM)
    baseline = models.FloatField(null=True, blank=True)
    baseline_on = models.DateField(null=True, blank=True)
    baseline_stated = models.CharField(max_length=200, blank=True, help_text="A range or bound as the source states it.")
    baseline_since = models.DateTimeField(null=True, blank=True, help_text="Where the baseline was taken from measurements.")
    baseline_until = models.DateTimeField(null=True, blank=True)
    baseline_runs = models.PositiveIntegerField(null=True, blank=True, help_text="How many runs or results it stands on.")
    baseline_samples = models.PositiveBigIntegerField(null=True, blank=True)
    due_on = models.DateField(null=True, blank=True)
    typed = models.CharField(max_length=60, blank=True, help_text="The target as it was typed.")
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

    kpi = models.ForeignKey(KPI, verbose_name="KPI", on_delete=models.PROTECT, related_name="waivers")
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
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="Who ended it before its day; empty when it ran out by itself.",
    )  # fmt: skip

    class Meta:
        ordering = ["-requested_at"]

    def __str__(self) -> str:
        return f"{self.kpi} waived until {last_day(self.expires_at):%Y-%m-%d}"
