"""What beat calls. Messages carry nothing: the database says what is due, so a lost one costs one tick."""

from typing import Any

from celery import shared_task
from celery.signals import worker_shutting_down
from django.utils import timezone

from probes import heartbeat, maintenance, riding, running


@shared_task(name="probes.tick", ignore_result=True, soft_time_limit=180, time_limit=210)
def tick() -> None:
    """Look for what is due, and measure it; what can wait comes after it."""
    running.work()
    heartbeat.beat("worker", now=timezone.now())


@shared_task(name="probes.look_ahead", ignore_result=True)
def look_ahead() -> None:
    """Find the next time of maintenance windows that come again."""
    maintenance.look_ahead(now=timezone.now())


@shared_task(name="probes.prune", ignore_result=True)
def prune() -> None:
    running.prune(now=timezone.now())


@shared_task(name="probes.load", ignore_result=True)
def load() -> None:
    """Carry out a load run if one is due; on the queue `load`, so that it holds up nothing else."""
    riding.work()


@worker_shutting_down.connect
def stop(**_: Any) -> None:
    running.stop_taking_up()
