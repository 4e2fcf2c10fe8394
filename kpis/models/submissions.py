"""What CI jobs sent."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q

from kpis.models.scorecards import KPI, Scorecard


class Submission(models.Model):
    """What a CI job sent, and the verdict it got."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scorecard = models.ForeignKey(Scorecard, null=True, blank=True, on_delete=models.PROTECT, related_name="submissions")
    service = models.CharField(max_length=80, blank=True)
    environment = models.CharField(max_length=40, blank=True)
    commit = models.CharField(max_length=64, blank=True)
    branch = models.CharField(max_length=200, blank=True)
    pull_request = models.CharField(max_length=40, blank=True)
    run_url = models.CharField(verbose_name="run URL", max_length=500, blank=True, validators=[URLValidator(["http", "https"])])
    testbed = models.JSONField(default=dict, blank=True)
    format = models.CharField(max_length=40)
    payload_sha256 = models.CharField(verbose_name="SHA-256 of the payload", max_length=64)
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
    kpi = models.ForeignKey(KPI, verbose_name="KPI", null=True, blank=True, on_delete=models.PROTECT, related_name="samples")
    value = models.FloatField()
    unit = models.CharField(max_length=20)
    count = models.PositiveBigIntegerField(default=1)
    failures = models.PositiveBigIntegerField(default=0)
    histogram = models.BinaryField(null=True, blank=True)
    reported = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["name", "metric"])]
