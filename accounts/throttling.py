"""Holding back those who guess: failures are counted in the database, so that every process knows of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from rest_framework.exceptions import Throttled

from accounts.models import Failure

MOST = 10
"""Failures within `WINDOW` after which a key waits."""

WINDOW = timedelta(minutes=10)


def address_of(request: Any) -> str:
    """The address of the peer; headers that a client can write are not believed."""
    return request.META.get("REMOTE_ADDR", "") or "unknown"


def wait(key: str, *, now: datetime) -> timedelta | None:
    """How long the key has still to wait; None when it may try."""
    times = list(Failure.objects.filter(key=key, at__gt=now - WINDOW).order_by("-at").values_list("at", flat=True)[:MOST])
    return times[-1] + WINDOW - now if len(times) >= MOST else None


def check(key: str) -> None:
    """Raise Throttled (429) while the key has to wait."""
    left = wait(key, now=timezone.now())
    if left:
        raise Throttled(wait=left.total_seconds())


def note_failure(key: str, *, now: datetime) -> None:
    """Count a failure, and forget what is too old to matter."""
    with transaction.atomic():
        Failure.objects.filter(at__lte=now - WINDOW).delete()
        Failure.objects.create(key=key, at=now)


def forget(key: str) -> None:
    Failure.objects.filter(key=key).delete()
