"""Beat's scheduler: Celery's own, kept in memory, that sleeps until a task is due."""

from __future__ import annotations

from celery.beat import Scheduler


class SleepingScheduler(Scheduler):
    """Celery's wakes 10 ms too early and asks again and again until the time has come: of an idle engine that was the most."""

    def adjust(self, n: float, drift: float = 0.0) -> float:
        return n
