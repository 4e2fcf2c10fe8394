"""A channel that leads to a real server, and the clock that its deliveries are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from kpis import channels
from kpis.delivering import deliver
from kpis.models import Channel, Route
from kpis.routing import compose, route
from tests.kpis.receivers import Receiver


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.CHANNEL_ALLOW, settings.PROBE_DENY = ["127.0.0.0/8"], []
    found = Receiver()
    yield found
    found.close()


@pytest.fixture
def channel(db: None, receiver: Receiver) -> Channel:
    """A webhook that is told of everything."""
    config = {"url": receiver.url, "secret": channels.new_secret()}
    found = Channel.objects.create(name="duty", kind="webhook", config=config)
    Route.objects.create(channel=found)
    return found


@pytest.fixture
def tell() -> Callable[[datetime], None]:
    """What the periodic task does, at a time."""

    def told(at: datetime) -> None:
        route(now=at)
        compose(now=at)
        deliver(clock=lambda: at)

    return told
