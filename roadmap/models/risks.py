"""Risks in ISO 31000 terms. Whether one is triggered is derived when read (`roadmap.risk`)."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from kpis.models import KPI
from roadmap.models import bounds
from roadmap.models.plan import Roadmap


class RiskStatus(models.TextChoices):
    """What people set; *triggered* comes from the KPIs and overlays it."""

    OPEN = "open", "Open"
    MITIGATING = "mitigating", "Mitigating"
    ACCEPTED = "accepted", "Accepted"
    CLOSED = "closed", "Closed"


class Treatment(models.TextChoices):
    AVOID = "avoid", "Avoid"
    REDUCE = "reduce", "Reduce"
    SHARE = "share", "Share"
    ACCEPT = "accept", "Accept"


class MitigationState(models.TextChoices):
    TO_DO = "to_do", "To do"
    IN_PROGRESS = "in_progress", "In progress"
    DONE = "done", "Done"
    DROPPED = "dropped", "Dropped"


class Risk(models.Model):
    """Likelihood and impact are 1-5; inherent is before treatment, residual after it."""

    roadmap = models.ForeignKey(Roadmap, on_delete=models.CASCADE, related_name="risks")
    key = models.SlugField(help_text="Unique within the roadmap.")
    title = models.CharField(max_length=160)
    description = models.TextField(blank=True)
    stated_level = models.CharField(max_length=10, blank=True, help_text="The level as the source states it.")
    likelihood = models.PositiveSmallIntegerField(null=True, blank=True, validators=bounds.ONE_TO_FIVE)
    impact = models.PositiveSmallIntegerField(null=True, blank=True, validators=bounds.ONE_TO_FIVE)
    residual_likelihood = models.PositiveSmallIntegerField(null=True, blank=True, validators=bounds.ONE_TO_FIVE)
    residual_impact = models.PositiveSmallIntegerField(null=True, blank=True, validators=bounds.ONE_TO_FIVE)
    placement_note = models.CharField(max_length=300, blank=True, help_text="Why likelihood and impact are what they are.")
    status = models.CharField(max_length=12, choices=RiskStatus, default=RiskStatus.OPEN)
    treatment = models.CharField(max_length=10, choices=Treatment, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="risks")
    review_on = models.DateField(null=True, blank=True, validators=bounds.DAY)
    position = models.PositiveSmallIntegerField(default=0, validators=bounds.PLACE)
    source = models.JSONField(default=dict, blank=True, editable=False)
    demo = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["roadmap_id", "position", "id"]
        constraints = [models.UniqueConstraint(fields=["roadmap", "key"], name="risk_key_unique_in_roadmap")]

    def __str__(self) -> str:
        return self.title


class RiskTrigger(models.Model):
    """While the KPI is breached, the risk is triggered."""

    risk = models.ForeignKey(Risk, on_delete=models.CASCADE, related_name="triggers")
    kpi = models.ForeignKey(KPI, verbose_name="KPI", on_delete=models.PROTECT, related_name="+")
    demo = models.BooleanField(default=False)

    class Meta:
        ordering = ["risk_id", "id"]
        constraints = [models.UniqueConstraint(fields=["risk", "kpi"], name="risk_trigger_once")]

    def __str__(self) -> str:
        return f"{self.risk}: {self.kpi}"


class Mitigation(models.Model):
    risk = models.ForeignKey(Risk, on_delete=models.CASCADE, related_name="mitigations")
    key = models.SlugField(help_text="Unique within the risk.")
    text = models.CharField(max_length=300)
    state = models.CharField(max_length=12, choices=MitigationState, default=MitigationState.TO_DO)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    due_on = models.DateField(null=True, blank=True, validators=bounds.DAY)
    position = models.PositiveSmallIntegerField(default=0, validators=bounds.PLACE)
    source = models.JSONField(default=dict, blank=True, editable=False)
    demo = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["risk_id", "position", "id"]
        constraints = [models.UniqueConstraint(fields=["risk", "key"], name="mitigation_key_unique_in_risk")]

    def __str__(self) -> str:
        return self.text
