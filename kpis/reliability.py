"""Time to recovery: the length of every outage, written down once as a measurement. Nobody types it in."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from kpis.alerting import State
from kpis.models import KPI, Incident, Kind
from kpis.points import Point
from kpis.recording import record
from kpis.units import UnitMismatch, factor

METRIC = "recovery_time"


OVER = {"kind": Kind.OUTAGE, "state": State.RESOLVED, "counted_at": None, "fired_at__isnull": False}


def write_down(*, now: datetime) -> int:
    """Record outages that are over for good on the KPIs of their scorecard that measure recovery; returns how many."""
    return _write_down(now) if Incident.objects.filter(**OVER).exists() else 0


@transaction.atomic
def _write_down(now: datetime) -> int:
    over = Incident.objects.filter(**OVER)
    ended = [
        one
        for one in over.select_for_update(of=("self",)).order_by("pk")[:100]
        if one.resolved_at and one.resolved_at + timedelta(seconds=one.reopen_s) < now
    ]
    kpis = list(KPI.objects.active().filter(metric=METRIC, scorecard__in={one.scorecard_id for one in ended}))
    points = [point for one in ended for kpi in kpis if kpi.scorecard_id == one.scorecard_id for point in _points(one, kpi)]
    if points:
        record(points, now=now)
    return Incident.objects.filter(pk__in=[one.pk for one in ended]).update(counted_at=now)


def _points(outage: Incident, kpi: KPI) -> list[Point]:
    """None where the KPI's unit is no time."""
    try:
        scale = factor("s", kpi.unit)
    except UnitMismatch:
        return []
    if outage.resolved_at is None or outage.fired_at is None:
        return []
    lasted_s = (outage.resolved_at - outage.fired_at).total_seconds()
    origin, subject = f"incident:{outage.pk}", outage.subject or METRIC
    return [Point(kpi=kpi, subject=subject, at=outage.resolved_at, value=lasted_s * scale, origin=origin)]
