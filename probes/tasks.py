"""What beat calls. Messages carry nothing: the database says what is due, so a lost one costs one tick."""

from celery import shared_task
from django.utils import timezone

from probes import heartbeat, running


@shared_task(name="probes.tick", ignore_result=True)
def tick() -> None:
    """Claim what is due and measure it, batch by batch, until nothing is left (at most for a little while)."""
    heartbeat.beat("worker", now=timezone.now())
    for _ in range(20):
        claims = running.claim(now=timezone.now())
        running.measure(claims)
        if len(claims) < running.BATCH:
            break


@shared_task(name="probes.prune", ignore_result=True)
def prune() -> None:
    running.prune(now=timezone.now())
