"""The embedded engine: one Celery worker and its beat in one process, on a broker in memory."""

from __future__ import annotations

from typing import Any

from celery.apps.worker import Worker
from celery.beat import EmbeddedService
from django.core.management.base import BaseCommand

from config.celery import app


class Command(BaseCommand):
    help = "Run the embedded engine: worker and scheduler in one process, without Redis."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--concurrency", type=int, default=4, help="Threads that measure (default 4).")

    def handle(self, *args: Any, **options: Any) -> None:
        app.set_default()
        beat = EmbeddedService(app, thread=True, scheduler_cls=app.conf.beat_scheduler)
        worker = embedded_worker(options["concurrency"])
        beat.start()
        try:
            worker.start()
        finally:
            beat.stop()


def embedded_worker(concurrency: int) -> Worker:
    """A worker of both queues whose tasks run in threads of this process."""
    return Worker(
        app=app,
        hostname="engine@milepost",
        pool="threads",
        concurrency=concurrency,
        queues=["probes", "load"],
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
