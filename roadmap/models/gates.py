"""The exit gate of a phase. Its state is derived when read (`roadmap.gates`); here are its criteria and decisions."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from accounts.days import last_day
from kpis.models import KPI, Decision
from roadmap.models.plan import Phase


class Gate(models.Model):
    phase = models.OneToOneField(Phase, on_delete=models.CASCADE, related_name="gate")
    needs_tasks = models.BooleanField(default=True, help_text="Every task is done or dropped.")
    needs_impacts = models.BooleanField(
        default=True, help_text="The KPI of every expected impact meets its target; statements are confirmed by a person."
    )
    kpis = models.ManyToManyField(
        KPI, verbose_name="KPIs", blank=True, related_name="+", help_text="Further KPIs that must meet their targets."
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    closed_as = models.CharField(max_length=10, blank=True, help_text="passed or waived, as it stood when the phase was closed.")
    demo = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["phase_id"]

    def __str__(self) -> str:
        return f"Gate of phase {self.phase}"


class GateWaiver(models.Model):
    """An approved, dated leave to close a phase past its failed gate."""

    gate = models.ForeignKey(Gate, on_delete=models.CASCADE, related_name="waivers")
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
        return f"{self.gate} waived until {last_day(self.expires_at):%Y-%m-%d}"
