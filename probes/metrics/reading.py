"""The common way of the kinds that read metrics: scrape, compare with the last scrape, tell what can be told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from kpis.readings import Reading
from outgoing.http import TimedOut, Unreachable, plain
from probes.addresses import below
from probes.kinds.base import Measured, Outcome, Target, Tools
from probes.metrics.scrape import Scrape, Unreadable, read, remembered
from probes.metrics.window import NoWindow, Replicas, Restarted, Window, window

KEPT_STARTS = 5


@dataclass(frozen=True)
class Told:
    """Readings, and for each figure that could not be told the reason."""

    readings: Sequence[Reading]
    missing: Sequence[str]


Tell = Callable[[Scrape, Window | None], Told]


def left_out(target: Target) -> set[str]:
    """Routes that are a scraper's or a probe's own: as they are written, and whole, since an application may tell either."""
    metrics = (target.metrics_url or "/metrics").partition("?")[0]
    written = (metrics.rstrip("/"), target.health_path.rstrip("/") or "/health")
    return {"/metrics", "/healthz", "/readyz", *written, *(urlsplit(below(target.base_url, path)).path for path in written)}


async def measure(tools: Tools, tell: Tell) -> Measured:
    """One run: `tell` gets this scrape, and the window since the last one where it is whole.

    What fails keeps the last scrape: a service that was away for a moment is the one whose restart must be seen.
    """
    try:
        page = await tools.scrape()
        now = await asyncio.to_thread(read, page.text, page.media_type, page.at)  # beside requests that are being timed
    except TimedOut as error:
        return Measured(outcome=Outcome.TIMED_OUT, error=str(error), memory=tools.previous)
    except (Unreachable, OSError) as error:
        return Measured(outcome=Outcome.FAILED, error=plain(error), memory=tools.previous)
    except Unreadable as error:
        return Measured(outcome=Outcome.FAILED, error=str(error), memory=tools.previous)
    return _compared(now, tools.previous, tell)


def _compared(now: Scrape, previous: dict[str, Any], tell: Tell) -> Measured:
    """What is told of a scrape beside the last one."""
    details: dict[str, Any] = {"preset": now.preset.name, "series": len(now.samples)}
    starts = [float(start) for start in previous.get("starts", [])]
    memory = now.to_memory() | {"starts": _starts(starts, now)}
    reason, whole = "", None
    try:
        whole = window(remembered(previous), now, earlier_starts=starts[:-1])
        details["window_s"] = round(whole.seconds, 3)
    except NoWindow as error:
        reason = str(error)
    except Restarted as error:
        restart = Reading(metric="restarts", value=1, unit="count", at=now.at)
        return Measured(
            outcome=Outcome.INVALID, reason="restarted", error=f"{error}.", readings=[restart], details=details, memory=memory
        )
    except Replicas as error:
        return Measured(outcome=Outcome.INVALID, reason="replicas", error=f"{error}.", details=details, memory=memory)
    told = tell(now, whole)
    missing = [reason] if reason else []
    missing += [text for text in told.missing if text not in missing]
    if missing:
        details["not_told"] = "; ".join(missing)
    return Measured(
        outcome=Outcome.OK, readings=list(told.readings), reason="; ".join(missing)[:80], details=details, memory=memory
    )


def _starts(earlier: list[float], now: Scrape) -> list[float]:
    """The start times seen lately, newest last: how replicas give themselves away."""
    if now.started is None or earlier[-1:] == [now.started]:
        return earlier
    return [*earlier, now.started][-KEPT_STARTS:]


def ratio(numerator: float, denominator: float) -> float | None:
    """None where nothing was counted: no data, not 0 and not 100 %."""
    return numerator / denominator if denominator > 0 else None


def reading(metric: str, value: float, unit: str, at: datetime, count: float = 1, note: str = "") -> Reading:
    return Reading(metric=metric, value=value, unit=unit, at=at, count=max(1, round(count)), note=note)
