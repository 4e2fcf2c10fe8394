"""What the plan says about load tests and alerts, as stated."""

from __future__ import annotations

from django.db import models

from kpis.models import KPI, Severity
from roadmap.models import bounds
from roadmap.models.plan import Roadmap


class LoadProfile(models.Model):
    """Stages of a load test. A null in a stage is *not stated*."""

    roadmap = models.ForeignKey(Roadmap, on_delete=models.CASCADE, related_name="load_profiles")
    key = models.SlugField(help_text="Unique within the roadmap.")
    name = models.CharField(max_length=120)
    section = models.CharField(max_length=120, blank=True)
    stages = models.JSONField(default=list, help_text='[{"users": 50, "ramp_s": null, "hold_s": 300}]')
    cooldown_s = models.PositiveIntegerField(verbose_name="cool-down, s", null=True, blank=True, validators=bounds.SECONDS)
    targets = models.JSONField(
        default=list, blank=True, help_text='[{"metric": "latency", "comparator": "<", "value": 1, "unit": "s"}]'
    )
    position = models.PositiveSmallIntegerField(default=0, validators=bounds.PLACE)
    source = models.JSONField(default=dict, blank=True, editable=False)
    demo = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["roadmap_id", "position", "id"]
        constraints = [models.UniqueConstraint(fields=["roadmap", "key"], name="load_profile_key_unique_in_roadmap")]

    def __str__(self) -> str:
        return self.name


class AlertRule(models.Model):
    """An alert rule that the source states; the threshold in force is the one of the KPI's target."""

    roadmap = models.ForeignKey(Roadmap, on_delete=models.CASCADE, related_name="alert_rules")
    key = models.SlugField(help_text="Unique within the roadmap.")
    kpi = models.ForeignKey(KPI, verbose_name="KPI", on_delete=models.PROTECT, related_name="+")
    comparator = models.CharField(max_length=2, choices=[(sign, sign) for sign in ("<", "<=", ">", ">=")])
    value = models.FloatField(validators=[bounds.finite], help_text="In the KPI's unit.")
    severity = models.CharField(max_length=10, choices=Severity)
    stated = models.CharField(max_length=200, blank=True)
    position = models.PositiveSmallIntegerField(default=0, validators=bounds.PLACE)
    source = models.JSONField(default=dict, blank=True, editable=False)
    demo = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["roadmap_id", "position", "id"]
        constraints = [models.UniqueConstraint(fields=["roadmap", "key"], name="alert_rule_key_unique_in_roadmap")]

    def __str__(self) -> str:
        return f"{self.kpi} {self.comparator} {self.value:g}"
