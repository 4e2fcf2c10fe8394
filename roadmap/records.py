"""The records of the roadmap file format (see docs/roadmap-format.md). What is left out is *not stated*."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from roadmap.limits import LONGEST_WEEKS, MOST_PHASES

State = Literal["to_do", "in_progress", "blocked", "done", "dropped"]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Week = Annotated[int, msgspec.Meta(ge=1, le=LONGEST_WEEKS)]
Sign = Literal["<", "<=", ">", ">="]


class Record(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Unknown fields are refused, so that a misspelt one is not silently lost."""


class Parameter(Record):
    name: str
    from_: Any = msgspec.field(name="from", default=None)
    to: Any = None


class Task(Record):
    key: str
    title: str
    section: str = ""
    problem: str = ""
    own_target: str = ""
    measure: str = ""
    guidance: str = ""
    cost_note: str = ""
    parameters: list[Parameter] = []
    priority: str = ""
    assignee: str | None = None
    due_on: date | None = None
    effort_planned_h: Decimal | None = None
    effort_spent_h: Decimal | None = None
    state: State = "to_do"
    state_changed_at: Moment | None = None
    state_changed_by: str | None = None
    state_note: str = ""
    state_before: str = ""
    demo: bool = False


class Impact(Record):
    key: str
    statement: str
    task: str | None = None
    kpi: str | None = None
    change_pct: Decimal | None = None
    change_pct_to: Decimal | None = None
    factor: Decimal | None = None
    to_value: float | None = None
    unit: str = ""
    stated: str = ""
    stated_in: list[str] = []
    confirmed_at: Moment | None = None
    confirmed_by: str | None = None
    evidence: str = ""
    demo: bool = False


class Waiver(Record):
    reason: str
    expires_at: Moment
    requested_by: str
    requested_at: Moment
    decision: Literal["proposed", "approved", "rejected", "withdrawn"] = "proposed"
    decided_by: str | None = None
    decided_at: Moment | None = None
    decision_note: str = ""
    self_approved: bool = False
    ended_by: str | None = None


class Gate(Record):
    needs_tasks: bool = True
    needs_impacts: bool = True
    kpis: list[str] = []
    closed_at: Moment | None = None
    closed_by: str | None = None
    closed_as: str = ""
    waivers: list[Waiver] = []


class Phase(Record):
    number: Annotated[int, msgspec.Meta(ge=0, le=MOST_PHASES)]
    name: str
    week_from: Week
    week_to: Week
    summary: str = ""
    started_on: date | None = None
    finished_on: date | None = None
    tasks: list[Task] = []
    impacts: list[Impact] = []
    gate: Gate = msgspec.field(default_factory=Gate)
    demo: bool = False


class Entry(Record):
    booked_on: date
    amount: Decimal
    note: str = ""
    by: str | None = None
    demo: bool = False


class Cost(Record):
    key: str
    name: str
    kind: Literal["one_off", "monthly"]
    hours: Decimal | None = None
    rate: Decimal | None = None
    amount: Decimal | None = None
    priority: str = ""
    stated_total: Decimal | None = None
    entries: list[Entry] = []
    demo: bool = False


class Link(Record):
    kpi: str
    weight: Decimal = Decimal(1)
    demo: bool = False


class Benefit(Record):
    key: str
    name: str
    monthly_amount: Decimal
    stated_roi_pct: Decimal | None = None
    kpis: list[Link] = []
    demo: bool = False


class Trigger(Record):
    kpi: str
    demo: bool = False


class Mitigation(Record):
    key: str
    text: str
    state: Literal["to_do", "in_progress", "done", "dropped"] = "to_do"
    owner: str | None = None
    due_on: date | None = None
    demo: bool = False


class Risk(Record):
    key: str
    title: str
    description: str = ""
    stated_level: str = ""
    likelihood: int | None = None
    impact: int | None = None
    residual_likelihood: int | None = None
    residual_impact: int | None = None
    placement_note: str = ""
    status: Literal["open", "mitigating", "accepted", "closed"] = "open"
    treatment: Literal["", "avoid", "reduce", "share", "accept"] = ""
    owner: str | None = None
    review_on: date | None = None
    mitigations: list[Mitigation] = []
    triggers: list[Trigger] = []
    demo: bool = False


class Stage(Record):
    users: int
    ramp_s: int | None = None
    hold_s: int | None = None


class Aim(Record):
    """What a load profile must reach."""

    metric: str
    comparator: Sign
    value: float
    unit: str


class LoadProfile(Record):
    key: str
    name: str
    section: str = ""
    stages: list[Stage] = []
    cooldown_s: int | None = None
    targets: list[Aim] = []
    demo: bool = False


class AlertRule(Record):
    key: str
    kpi: str
    comparator: Sign
    value: float
    severity: Literal["low", "medium", "high", "critical"]
    stated: str = ""
    demo: bool = False


class Roadmap(Record):
    slug: str
    name: str
    summary: str = ""
    starts_on: date | None = None
    currency: str = "USD"
    discount_rate: Decimal | None = None
    state: Literal["draft", "approved", "active", "closed"] = "draft"
    state_changed_at: Moment | None = None
    state_changed_by: str | None = None
    members: list[str] = []
    source_version: str = ""
    source_updated: str = ""
    review_stated: str = ""
    review_on: date | None = None
    stated: dict[str, Any] = {}
    next_steps: list[str] = []
    demo: bool = False
