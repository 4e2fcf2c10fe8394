"""The roadmap, its phases, their tasks and what they promise.

Three fields recur in every row of a plan. `version` counts edits (optimistic locking: an edit names the version it
was made from). `source` keeps the values that a file last brought, so that loading the file again changes only what
nobody touched since. `demo` marks what the demo file added. A null or an empty text is *not stated*.
"""

from __future__ import annotations

from datetime import date, timedelta

from django.conf import settings
from django.db import models

from kpis.models import KPI, Scorecard
from roadmap.models import bounds, shapes


class RoadmapState(models.TextChoices):
    DRAFT = "draft", "draft"
    APPROVED = "approved", "approved"
    ACTIVE = "active", "active"
    CLOSED = "closed", "closed"


class TaskState(models.TextChoices):
    TO_DO = "to_do", "To do"
    IN_PROGRESS = "in_progress", "In progress"
    BLOCKED = "blocked", "Blocked"
    DONE = "done", "Done"
    DROPPED = "dropped", "Dropped"


class Priority(models.TextChoices):
    HIGH = "high", "High"
    MEDIUM = "medium", "Medium"
    LOW = "low", "Low"


class Roadmap(models.Model):
    """A plan of ordered phases towards a scorecard's targets, in weeks relative to its start."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=160)
    summary = models.TextField(blank=True)
    scorecard = models.ForeignKey(Scorecard, on_delete=models.PROTECT, related_name="roadmaps")
    starts_on = models.DateField(validators=bounds.DAY, help_text="First day of week 1.")
    currency = models.CharField(max_length=3, default="USD", help_text="ISO 4217 code.")
    discount_rate = models.DecimalField(
        max_digits=6,
        decimal_places=4,
        null=True,
        blank=True,
        validators=bounds.RATE,
        help_text="Per year, as a share: 0.08 is 8 %. Empty: not stated.",
    )
    state = models.CharField(max_length=10, choices=RoadmapState, default=RoadmapState.DRAFT)
    state_changed_at = models.DateTimeField(null=True, blank=True)
    state_changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="roadmaps")
    source_version = models.CharField(max_length=40, blank=True, help_text="Version of the document the plan comes from.")
    source_updated = models.CharField(max_length=40, blank=True, help_text="As stated, such as December 2025.")
    review_stated = models.CharField(max_length=40, blank=True, help_text="Next review as stated, such as January 2026.")
    review_on = models.DateField(null=True, blank=True, validators=bounds.DAY)
    stated = models.JSONField(default=dict, blank=True, help_text="Totals and figures as the source states them; never used.")
    next_steps = models.JSONField(default=list, blank=True, validators=[shapes.steps])
    source = models.JSONField(default=dict, blank=True, editable=False)
    demo = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Phase(models.Model):
    """Planned weeks of a roadmap, both ends included: weeks 3-4 are the third and the fourth."""

    roadmap = models.ForeignKey(Roadmap, on_delete=models.CASCADE, related_name="phases")
    number = models.PositiveSmallIntegerField(validators=bounds.PHASE)
    name = models.CharField(max_length=160)
    summary = models.TextField(blank=True)
    week_from = models.PositiveSmallIntegerField(validators=bounds.WEEK)
    week_to = models.PositiveSmallIntegerField(validators=bounds.WEEK)
    started_on = models.DateField(null=True, blank=True, validators=bounds.DAY)
    finished_on = models.DateField(null=True, blank=True, validators=bounds.DAY)
    source = models.JSONField(default=dict, blank=True, editable=False)
    demo = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["roadmap_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["roadmap", "number"], name="phase_number_unique_in_roadmap"),
            models.CheckConstraint(
                condition=models.Q(week_from__gte=1, week_to__gte=models.F("week_from")), name="phase_weeks_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"

    @property
    def starts_on(self) -> date:
        """Planned first day; needs the roadmap loaded."""
        return self.roadmap.starts_on + timedelta(weeks=self.week_from - 1)

    @property
    def ends_on(self) -> date:
        """Planned last day, itself included."""
        return self.roadmap.starts_on + timedelta(weeks=self.week_to, days=-1)


class Task(models.Model):
    """A check list item, with what its section says of it."""

    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="tasks")
    key = models.SlugField(help_text="Unique within the phase.")
    title = models.CharField(max_length=200)
    section = models.CharField(max_length=120, blank=True, help_text="Where the source writes of it.")
    problem = models.TextField(blank=True)
    own_target = models.TextField(blank=True)
    measure = models.TextField(blank=True, help_text="How its effect is measured.")
    guidance = models.TextField(blank=True, help_text="Markdown.")
    cost_note = models.TextField(blank=True, help_text="Cost in words, as stated.")
    parameters = models.JSONField(
        default=list, blank=True, validators=[shapes.parameters], help_text='[{"name": "pool_size", "from": 10, "to": 25}]'
    )
    priority = models.CharField(max_length=10, choices=Priority, blank=True)
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="tasks")
    due_on = models.DateField(null=True, blank=True, validators=bounds.DAY)
    effort_planned_h = models.DecimalField(
        verbose_name="effort planned, h", max_digits=8, decimal_places=2, null=True, blank=True, validators=bounds.HOURS
    )
    effort_spent_h = models.DecimalField(
        verbose_name="effort spent, h", max_digits=8, decimal_places=2, null=True, blank=True, validators=bounds.HOURS
    )
    state = models.CharField(max_length=12, choices=TaskState, default=TaskState.TO_DO)
    state_changed_at = models.DateTimeField(null=True, blank=True)
    state_changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    state_note = models.CharField(max_length=300, blank=True, help_text="Why it is blocked or dropped.")
    state_before = models.CharField(max_length=12, choices=TaskState, blank=True, help_text="What undo goes back to.")
    position = models.PositiveSmallIntegerField(default=0, validators=bounds.PLACE)
    source = models.JSONField(default=dict, blank=True, editable=False)
    demo = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["phase_id", "position", "id"]
        constraints = [models.UniqueConstraint(fields=["phase", "key"], name="task_key_unique_in_phase")]

    def __str__(self) -> str:
        return self.title


class Impact(models.Model):
    """A promise of a phase or of one task: that much change of a KPI, or a statement that a person confirms."""

    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="impacts")
    task = models.ForeignKey(Task, null=True, blank=True, on_delete=models.SET_NULL, related_name="impacts")
    key = models.SlugField(help_text="Unique within the phase.")
    kpi = models.ForeignKey(KPI, verbose_name="KPI", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    statement = models.CharField(max_length=300)
    change_pct = models.DecimalField(
        verbose_name="change, %",
        max_digits=8,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="Relative change; -60 is a reduction by 60 %.",
    )
    change_pct_to = models.DecimalField(
        verbose_name="change to, %",
        max_digits=8,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="The other end, where a range is promised.",
    )
    factor = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True, help_text="10 is ten times as much.")
    to_value = models.FloatField(
        null=True, blank=True, validators=[bounds.finite], help_text="In the KPI's unit, or in `unit` without a KPI."
    )
    unit = models.CharField(max_length=20, blank=True)
    stated = models.CharField(max_length=300, blank=True, help_text="The figure as the source writes it.")
    stated_in = models.JSONField(default=list, blank=True, help_text="The places of the source that state it.")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    evidence = models.TextField(blank=True)
    position = models.PositiveSmallIntegerField(default=0, validators=bounds.PLACE)
    source = models.JSONField(default=dict, blank=True, editable=False)
    demo = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["phase_id", "position", "id"]
        constraints = [models.UniqueConstraint(fields=["phase", "key"], name="impact_key_unique_in_phase")]

    def __str__(self) -> str:
        return self.statement
