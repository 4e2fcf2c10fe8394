"""Signs of life of the engine, and whether the schedule can be kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from accounts.prepared import Prepared, Slot
from probes.models import Heartbeat, Probe, Run, RunState

BEAT_EVERY = timedelta(seconds=5)
SILENT_AFTER = timedelta(seconds=30)
LATE_AFTER = timedelta(seconds=30)
DELAYS_OF, MOST_DELAYS = timedelta(minutes=5), 1000


@dataclass(frozen=True)
class EngineState:
    """`lag_s` is how long the oldest due, unclaimed probe has been waiting, and `oldest` which one it is.

    `delay_ms` is the 95th percentile of how long the runs of the last minutes had to wait; None where there was none.
    """

    scheduler_at: datetime | None
    worker_at: datetime | None
    due: int
    lag_s: float
    now: datetime
    oldest: str = ""
    delay_ms: int | None = None

    @property
    def scheduler_ok(self) -> bool:
        return self._alive(self.scheduler_at)

    @property
    def worker_ok(self) -> bool:
        return self._alive(self.worker_at)

    @property
    def schedule_ok(self) -> bool:
        return self.lag_s <= LATE_AFTER.total_seconds()

    @property
    def scheduler_text(self) -> str:
        return self._text(self.scheduler_at)

    @property
    def worker_text(self) -> str:
        return self._text(self.worker_at)

    @property
    def schedule_text(self) -> str:
        if not self.due:
            return "nothing is late"
        return f"{self.due} due, the oldest for {self.lag_s:.0f} s" + ("" if self.schedule_ok else f" ({self.oldest})")

    @property
    def delay_text(self) -> str:
        """How late runs begin; empty where none did."""
        return "" if self.delay_ms is None else f"95 of 100 runs begin within {self.delay_ms / 1000:.2g} s of their time"

    @property
    def ok(self) -> bool:
        return self.scheduler_ok and self.worker_ok and self.schedule_ok

    def _alive(self, at: datetime | None) -> bool:
        return at is not None and self.now - at <= SILENT_AFTER

    def _text(self, at: datetime | None) -> str:
        return "never seen" if at is None else f"seen {(self.now - at).total_seconds():.0f} s ago"


_BEATEN = Prepared(
    lambda: Heartbeat.objects.filter(role=Slot("role"), at__gt=Slot("after"), at__lte=Slot("now")).values_list("pk")
)


def beat(role: str, *, now: datetime) -> None:
    """Note that a part of the engine is alive; at most once in a while, since a write costs more than a look."""
    if _BEATEN(role=role, after=now - BEAT_EVERY, now=now):
        return
    Heartbeat.objects.update_or_create(role=role, defaults={"at": now})


def due(now: datetime | Slot) -> QuerySet[Probe]:
    """Probes that should run now and that nobody has claimed; those at an address under load wait, and are not late."""
    unclaimed = Q(claimed_until=None) | Q(claimed_until__lte=now)
    loaded = Probe.objects.filter(kind="load", claimed_until__gt=now).values("service__origin")
    return (
        Probe.objects.exclude(kind="load")
        .exclude(service__origin__in=loaded)
        .filter(unclaimed, enabled=True, next_run_at__lte=now, service__paused_at=None, service__archived_at=None)
    )


def state(*, now: datetime) -> EngineState:
    beats = dict(Heartbeat.objects.values_list("role", "at"))
    waiting = due(now)
    oldest = waiting.select_related("service").order_by("next_run_at").first()
    lag = (now - oldest.next_run_at).total_seconds() if oldest else 0.0
    how_many = waiting.count() if oldest else 0
    return EngineState(beats.get("scheduler"), beats.get("worker"), how_many, lag, now, str(oldest or ""), _delay_ms(now))


def _delay_ms(now: datetime) -> int | None:
    done = Run.objects.filter(state=RunState.DONE, due_at__gt=now - DELAYS_OF).exclude(probe__kind="load").order_by("-due_at")
    delays = sorted(ms for ms in done.values_list("queue_delay_ms", flat=True)[:MOST_DELAYS] if ms is not None)
    return delays[math.ceil(0.95 * len(delays)) - 1] if delays else None
