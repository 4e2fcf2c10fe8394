"""Holding back those who guess: failures are counted in the database, so that every process knows of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from rest_framework.exceptions import Throttled

from accounts.models import Failure

MOST = 10
"""Failures within `WINDOW` after which a key waits."""

MOST_PER_ADDRESS = 50
"""The same for all names tried from one address: higher, since a whole office may stand behind it."""

MOST_PER_NAME = 100
"""The same for a user name tried from many addresses: high, since whoever knows a name could lock its owner out."""

WINDOW = timedelta(minutes=10)


def address_of(request: Any) -> str:
    """The address of the peer, at most 45 characters; headers that a client can write are not believed.

    With BEHIND_PROXY the peer is our proxy, and the last entry of X-Forwarded-For is what the proxy itself has seen.
    """
    peer = request.META.get("REMOTE_ADDR", "")
    if settings.BEHIND_PROXY:
        peer = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip() or peer
    return peer[:45] or "unknown"


def wait(key: str, *, now: datetime, most: int = MOST) -> timedelta | None:
    """How long the key has still to wait; None when it may try."""
    times = list(Failure.objects.filter(key=key, at__gt=now - WINDOW).order_by("-at").values_list("at", flat=True)[:most])
    return times[-1] + WINDOW - now if len(times) >= most else None


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
