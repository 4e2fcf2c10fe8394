from celery import shared_task
from django.utils import timezone

from probes import heartbeat


@shared_task(name="config.scheduler_alive", ignore_result=True)
def scheduler_alive() -> None:
    """Sent by beat: that it arrives shows that the scheduler sends and the broker delivers."""
    heartbeat.beat("scheduler", now=timezone.now())
