"""What the plan costs and returns, in the roadmap's currency. Amounts are decimals."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db import models

from kpis.models import KPI
from roadmap.models import bounds
from roadmap.models.plan import Priority, Roadmap


class CostKind(models.TextChoices):
    ONE_OFF = "one_off", "One-off"
    MONTHLY = "monthly", "Monthly"


class Cost(models.Model):
    """A planned cost: once, or every month. With hours, the rate follows (amount ÷ hours) unless it is stated."""

    roadmap = models.ForeignKey(Roadmap, on_delete=models.CASCADE, related_name="costs")
    key = models.SlugField(help_text="Unique within the roadmap.")
    name = models.CharField(max_length=160)
    kind = models.CharField(max_length=10, choices=CostKind)
    hours = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True, validators=bounds.HOURS)
    rate = models.DecimalField(
        max_digits=10, decimal_places=2, null=True, blank=True, validators=bounds.HOURLY, help_text="Per hour."
    )
    amount = models.DecimalField(
        max_digits=14,
        decimal_places=2,
        null=True,
        blank=True,
        validators=bounds.NOT_NEGATIVE,
        help_text="Once or per month; empty: hours × rate.",
    )
    priority = models.CharField(max_length=10, choices=Priority, blank=True)
    stated_total = models.DecimalField(
        max_digits=14, decimal_places=2, null=True, blank=True, help_text="For a year, as the source states it; never used."
    )
    position = models.PositiveSmallIntegerField(default=0, validators=bounds.PLACE)
    source = models.JSONField(default=dict, blank=True, editable=False)
    demo = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["roadmap_id", "position", "id"]
        constraints = [models.UniqueConstraint(fields=["roadmap", "key"], name="cost_key_unique_in_roadmap")]

    def __str__(self) -> str:
        return self.name

    @property
    def planned(self) -> Decimal | None:
        """The amount, once or per month: as given, else hours × rate, else not stated."""
        if self.amount is not None:
            return self.amount
        if self.hours is not None and self.rate is not None:
            return self.hours * self.rate
        return None


class CostEntry(models.Model):
    """Money really spent, booked against a planned cost. A mistake is corrected by a negative entry."""

    cost = models.ForeignKey(Cost, on_delete=models.PROTECT, related_name="entries")
    booked_on = models.DateField(validators=bounds.DAY)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    note = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    demo = models.BooleanField(default=False)

    class Meta:
        ordering = ["booked_on", "id"]
        verbose_name_plural = "cost entries"

    def __str__(self) -> str:
        return f"{self.amount} on {self.booked_on}"


class Benefit(models.Model):
    """A planned saving or income per month, and the KPIs that bring it about."""

    roadmap = models.ForeignKey(Roadmap, on_delete=models.CASCADE, related_name="benefits")
    key = models.SlugField(help_text="Unique within the roadmap.")
    name = models.CharField(max_length=160)
    monthly_amount = models.DecimalField(max_digits=14, decimal_places=2, validators=bounds.NOT_NEGATIVE)
    stated_roi_pct = models.DecimalField(
        verbose_name="stated ROI, %",
        max_digits=8,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="As the source states it; never used.",
    )
    kpis = models.ManyToManyField(KPI, verbose_name="KPIs", through="BenefitKpi", blank=True, related_name="+")
    position = models.PositiveSmallIntegerField(default=0, validators=bounds.PLACE)
    source = models.JSONField(default=dict, blank=True, editable=False)
    demo = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["roadmap_id", "position", "id"]
        constraints = [models.UniqueConstraint(fields=["roadmap", "key"], name="benefit_key_unique_in_roadmap")]

    def __str__(self) -> str:
        return self.name


class BenefitKpi(models.Model):
    """The weight of a KPI in a benefit; weights are relative to their sum."""

    benefit = models.ForeignKey(Benefit, on_delete=models.CASCADE, related_name="links")
    kpi = models.ForeignKey(KPI, verbose_name="KPI", on_delete=models.PROTECT, related_name="+")
    weight = models.DecimalField(max_digits=6, decimal_places=3, default=Decimal(1), validators=bounds.WEIGHT)
    demo = models.BooleanField(default=False)

    class Meta:
        ordering = ["benefit_id", "id"]
        constraints = [
            models.UniqueConstraint(fields=["benefit", "kpi"], name="benefit_kpi_once"),
            models.CheckConstraint(condition=models.Q(weight__gt=0), name="benefit_kpi_weight_positive"),
        ]
        verbose_name = "KPI of the benefit"
        verbose_name_plural = "KPIs of the benefit"

    def __str__(self) -> str:
        return f"{self.benefit}: {self.kpi}"
