"""That somebody looked at a KPI and found that what is said of it still holds."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from kpis.models.scorecards import KPI


class Review(models.Model):
    """One acknowledged review. Append-only."""

    kpi = models.ForeignKey(KPI, verbose_name="KPI", on_delete=models.PROTECT, related_name="reviews")
    due_on = models.DateField(null=True, blank=True, help_text="The day that it answers; empty where none was due.")
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reviewed_at = models.DateTimeField()
    note = models.TextField()

    class Meta:
        ordering = ["-reviewed_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.kpi} reviewed on {self.reviewed_at:%Y-%m-%d}"
