"""How long measurements are kept at each resolution, what is older living on in the coarser one; and how long alerts are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from kpis import locking
from kpis.alerting import State
from kpis.models import (
    Delivery,
    Incident,
    IngestReceipt,
    Kind,
    Measurement,
    Message,
    MessageState,
    Outbox,
    Rollup,
    Series,
    Transition,
)
from kpis.rollups import bucket

CHUNK = 2000
"""Rows deleted in one transaction, so that nobody waits long for a lock."""

RECEIPTS_KEPT = timedelta(days=7)


@dataclass(frozen=True)
class Pruned:
    measurements: int
    hours: int
    series: int
    receipts: int
    incidents: int
    messages: int


def raw_from(now: datetime) -> datetime:
    """The day from which raw measurements are kept; rollups of that time can be checked against them."""
    return bucket(now - timedelta(days=getattr(settings, "KEEP_RAW_DAYS", 90)), "day")


def prune(*, now: datetime) -> Pruned:
    """Delete raw measurements, hourly rollups and alerts that are past their time; days stay for good.

    The day of the newest measurement of every series is kept whatever its age: a stale KPI still says what it was, and its
    rollups can be made anew from a day that is whole.
    """
    hours_since = bucket(now - timedelta(days=getattr(settings, "KEEP_HOURS_DAYS", 730)), "day")
    measurements, hours = _prune_series(raw_from(now), hours_since)
    series = _drop_empty(now)
    receipts = _delete(IngestReceipt.objects.filter(at__lt=now - RECEIPTS_KEPT))
    since = now - timedelta(days=getattr(settings, "KEEP_ALERTS_DAYS", 730))
    incidents = _delete(_past_alerts(since))
    alone = Message.objects.filter(deliveries=None, created_at__lt=since, state__in=(MessageState.SENT, MessageState.DEAD))
    return Pruned(measurements, hours, series, receipts, incidents, _delete(alone))


def _prune_series(raw_since: datetime, hours_since: datetime) -> tuple[int, int]:
    """Delete what lies before, one series after the other: the rows of each stand together in an index, the oldest first."""
    measured = Measurement.objects.filter(series=OuterRef("pk")).order_by("at").values("at")[:1]
    rolled = Rollup.objects.filter(series=OuterRef("pk"), resolution="hour").order_by("at").values("at")[:1]
    firsts = Series.objects.annotate(raw=Subquery(measured), hour=Subquery(rolled))
    measurements = hours = 0
    for pk, newest, raw, hour in list(firsts.values_list("pk", "current__at", "raw", "hour")):
        if newest and raw and raw < (since := min(raw_since, bucket(newest, "day"))):
            measurements += _delete(Measurement.objects.filter(series_id=pk, at__lt=since))
        if hour and hour < hours_since:
            hours += _delete(Rollup.objects.filter(series_id=pk, resolution="hour", at__lt=hours_since))
    return measurements, hours


def _drop_empty(now: datetime) -> int:
    """Delete series that hold nothing any more, as where all that came for a misspelt subject was taken back.

    What is set aside stays: made anew by the next measurement it would count again.
    """
    total = 0
    for kpi in list(_empty().order_by().values_list("kpi", flat=True).distinct()):
        with transaction.atomic():
            locking.states([kpi], now=now)  # who stores into a series has read that it is there behind the same lock
            total += _empty().filter(kpi=kpi).delete()[0]
    return total


def _empty() -> QuerySet[Series]:
    rows = [model.objects.filter(series=OuterRef("pk")) for model in (Measurement, Rollup)]
    return Series.objects.filter(*(~Exists(found) for found in rows), enabled=True, current=None)


def _past_alerts(since: datetime) -> QuerySet[Incident]:
    """Alerts that were over before a time; never one that something is still to be told or written down of.

    What could not be delivered is kept until a person has put it aside, whatever its age.
    """
    untold = Transition.objects.filter(outbox__in=(Outbox.DUE, Outbox.HELD))
    waits = Q(message=None, channel__archived_at=None) | Q(message__state__in=(MessageState.WAITING, MessageState.SENDING))
    on_its_way = Delivery.objects.filter(waits | Q(message__state=MessageState.DEAD, message__seen_at=None))
    over = Incident.objects.filter(state=State.RESOLVED, resolved_at__lt=since)
    return (
        over.exclude(kind=Kind.OUTAGE, counted_at=None, fired_at__isnull=False)
        .exclude(pk__in=untold.values("incident"))
        .exclude(pk__in=on_its_way.values("transition__incident"))
    )


def _delete(rows: object) -> int:
    """Delete rows in chunks; returns how many there were."""
    total = 0
    while ids := list(rows.values_list("pk", flat=True)[:CHUNK]):  # type: ignore[attr-defined]
        with transaction.atomic():
            rows.model.objects.filter(pk__in=ids).delete()  # type: ignore[attr-defined]
        total += len(ids)
    return total
