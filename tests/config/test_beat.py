"""Beat sends what is due in time, and sleeps until then."""

from __future__ import annotations

import time
from itertools import pairwise

from celery.utils.imports import symbol_by_name

from config.celery import app


def test_it_wakes_once_for_a_task_and_sends_it_in_time() -> None:
    sent: list[float] = []

    class Counting(symbol_by_name(app.conf.beat_scheduler)):  # type: ignore[misc]
        def apply_entry(self, entry: object, producer: object = None) -> None:
            sent.append(time.monotonic())

    scheduler = Counting(app, schedule={}, lazy=True)
    scheduler.update_from_dict({"one": {"task": "one", "schedule": 0.1}})
    ticks = 0
    while len(sent) < 5:
        ticks += 1
        time.sleep(max(0, scheduler.tick()))
    assert ticks <= 3 * len(sent)
    assert all(later - one >= 0.09 for one, later in pairwise(sent))
