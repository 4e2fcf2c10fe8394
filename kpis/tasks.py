"""Periodic work on KPIs: time alone makes them stale, and history old; what happened is told."""

from celery import shared_task
from django.utils import timezone

from kpis.delivering import deliver
from kpis.models import KPI
from kpis.reliability import write_down
from kpis.remembering import remember_changes
from kpis.retention import prune
from kpis.routing import compose, route
from kpis.watching import watch_outages, watch_rules


@shared_task
def prune_measurements() -> None:
    prune(now=timezone.now())


@shared_task
def judge() -> None:
    """Write down the statuses that changed without a new measurement, look at what rules watch, and count outages that are over.

    None of these waits for another that fails.
    """
    try:
        remember_changes(KPI.objects.active(), now=timezone.now())
    finally:
        try:
            watch_rules(now=timezone.now())
        finally:
            write_down(now=timezone.now())


@shared_task(soft_time_limit=120)
def tell() -> None:
    """Look for outages, and tell what is due: the database says what that is, so a lost message costs one tick.

    What is decided is told even where looking fails.
    """
    try:
        watch_outages(now=timezone.now())
    finally:
        route(now=timezone.now())
        compose(now=timezone.now())
        deliver()
