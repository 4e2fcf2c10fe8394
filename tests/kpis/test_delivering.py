"""Several senders at once: PostgreSQL only, where they truly run side by side."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from kpis.delivering import deliver
from kpis.models import Channel, Message
from kpis.points import Point
from kpis.recording import record
from kpis.routing import compose, route
from tests.kpis.factories import NOW, make_kpi, make_scorecard, make_target
from tests.kpis.receivers import Receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


def side_by_side(work: Callable[[], object], times: int = 4) -> None:
    def once(_: int) -> None:
        try:
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        list(pool.map(once, range(times)))


def test_workers_that_tell_at_once_tell_once_and_in_order(channel: Channel, receiver: Receiver) -> None:
    scorecard, at = make_scorecard(), NOW + timedelta(minutes=1)
    for index in range(3):
        kpi = make_kpi(scorecard=scorecard, aggregation="last", name=f"KPI {index}")
        make_target(kpi, "<", 50, alert_threshold=100)
        record([Point(kpi=kpi, subject="orders", at=NOW, value=120, origin="run:1")], now=NOW)
    side_by_side(lambda: route(now=at))
    side_by_side(lambda: compose(now=at))
    side_by_side(lambda: deliver(clock=lambda: at))
    deliver(clock=lambda: at)
    expected = [f"Firing: KPI {index} above 100 ms (orders)" for index in range(3)]
    assert (receiver.titles, Message.objects.filter(state="sent").count()) == (expected, 3)
