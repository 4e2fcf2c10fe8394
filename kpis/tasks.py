"""Periodic work on KPIs: time alone makes them stale, and history old."""

from celery import shared_task
from django.utils import timezone

from kpis.models import KPI
from kpis.remembering import remember_changes
from kpis.retention import prune


@shared_task
def prune_measurements() -> None:
    prune(now=timezone.now())


@shared_task
def judge() -> None:
    """Write down the statuses that changed without a new measurement."""
    remember_changes(KPI.objects.active(), now=timezone.now())
