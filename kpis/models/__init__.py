"""Scorecards, KPIs, their targets, and what was measured."""

from kpis.models.alerts import Incident, Kind, Outbox, Rule, Transition
from kpis.models.channels import Channel, Delivery, Message, MessageState, Route, Silence
from kpis.models.measurements import CurrentValue, IngestReceipt, KpiState, Measurement, Rollup, Series
from kpis.models.reviews import Review
from kpis.models.scorecards import KPI, PERCENTILES, Across, Aggregation, Category, Direction, Scorecard
from kpis.models.submissions import Sample, Submission
from kpis.models.targets import Decision, Severity, Target, Waiver

__all__ = [
    "KPI",
    "PERCENTILES",
    "Across",
    "Aggregation",
    "Category",
    "Channel",
    "CurrentValue",
    "Decision",
    "Delivery",
    "Direction",
    "Incident",
    "IngestReceipt",
    "Kind",
    "KpiState",
    "Measurement",
    "Message",
    "MessageState",
    "Outbox",
    "Review",
    "Rollup",
    "Route",
    "Rule",
    "Sample",
    "Scorecard",
    "Series",
    "Severity",
    "Silence",
    "Submission",
    "Target",
    "Transition",
    "Waiver",
]
