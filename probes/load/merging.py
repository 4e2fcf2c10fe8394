"""Shards become one: counts are added, histograms merged exactly, and of the gauges the worst one stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from kpis.stats.histogram import Histogram
from probes.load.report import Asked, Final, Gauge, Row, Total


class Result(msgspec.Struct):
    """A whole run. `dead` says why it is void: a shard that fell silent makes it invalid, not smaller. `down` says why it was
    ended before its time although nobody asked: its target had given way."""

    totals: list[Total]
    shards: int
    skew_ms: float = 0.0
    late_ms: list[float] = []
    stopped: bool = False
    stepped: bool = False
    cpu_s: float = 0.0
    memory_bytes: int = 0
    kernel_stamps: bool = False
    dead: str = ""
    down: str = ""


def times(parts: Iterable[bytes]) -> bytes:
    found = list(parts)
    return found[0] if len(found) == 1 else Histogram.merge(map(Histogram.from_bytes, found)).to_bytes()


def gauge(parts: Iterable[Gauge]) -> Gauge:
    found = list(parts)
    return Gauge(
        cpu=max(one.cpu for one in found),
        lag_p95_ms=max(one.lag_p95_ms for one in found),
        late_p99_ms=max(one.late_p99_ms for one in found),
        achieved=min(one.achieved for one in found),
        steal=max(one.steal for one in found),
    )


def counted(parts: Iterable[dict[int, int]]) -> dict[int, int]:
    return dict(sum((Counter(part) for part in parts), Counter[int]()))


def named(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    return dict(sum((Counter(part) for part in parts), Counter[str]()))


def row(rows: Sequence[Row]) -> Row:
    """One second of all shards."""
    return Row(
        second=rows[0].second, stage=max(one.stage for one in rows), warm=any(one.warm for one in rows),
        users=sum(one.users for one in rows), sent=sum(one.sent for one in rows), backlog=sum(one.backlog for one in rows),
        size=sum(one.size for one in rows), statuses=counted(one.statuses for one in rows),
        errors=named(one.errors for one in rows), response=times(one.response for one in rows),
        service=times(one.service for one in rows), connect=times(one.connect for one in rows),
        gauge=gauge(one.gauge for one in rows),
    )  # fmt: skip


def total(parts: Sequence[Total], label: str) -> Total:
    """One stage of all shards."""
    asked = [
        Asked(same[0].name, sum(one.count for one in same), times(one.service for one in same))
        for same in zip(*(part.requests for part in parts), strict=True)
    ]
    return Total(
        stage=parts[0].stage, label=label, users=sum(one.users for one in parts), rate=sum(one.rate for one in parts),
        seconds=max(one.seconds for one in parts), sent=sum(one.sent for one in parts), size=sum(one.size for one in parts),
        statuses=counted(one.statuses for one in parts), errors=named(one.errors for one in parts),
        arrived=counted(one.arrived for one in parts), left=sum(one.left for one in parts),
        response=times(one.response for one in parts), service=times(one.service for one in parts),
        connect=times(one.connect for one in parts), requests=asked, gauge=gauge(one.gauge for one in parts),
    )  # fmt: skip


def result(finals: Sequence[Final], labels: Sequence[str]) -> Result:
    """Labels are those of the stages as the whole run has them."""
    by_stage: dict[int, list[Total]] = {}
    for final in finals:
        for one in final.totals:
            by_stage.setdefault(one.stage, []).append(one)
    skews = [final.skew_ms for final in finals]
    return Result(
        totals=[total(parts, labels[stage]) for stage, parts in sorted(by_stage.items())],
        shards=len(finals), skew_ms=spread(skews), late_ms=skews,
        stopped=any(final.stopped for final in finals), stepped=any(final.stepped for final in finals),
        cpu_s=sum(final.cpu_s for final in finals), memory_bytes=max(final.memory_bytes for final in finals),
        kernel_stamps=all(final.kernel_stamps for final in finals),
    )  # fmt: skip


def together(results: Sequence[Result]) -> Result:
    """The parts of one run that several workers carried out."""
    by_stage: dict[int, list[Total]] = {}
    late = [ms for one in results for ms in one.late_ms]
    for one in results:
        for stage in one.totals:
            by_stage.setdefault(stage.stage, []).append(stage)
    return Result(
        totals=[total(parts, _label(parts)) for _, parts in sorted(by_stage.items())],
        shards=sum(one.shards for one in results), skew_ms=spread(late), late_ms=late,
        stopped=any(one.stopped for one in results), stepped=any(one.stepped for one in results),
        cpu_s=sum(one.cpu_s for one in results), memory_bytes=max(one.memory_bytes for one in results),
        kernel_stamps=all(one.kernel_stamps for one in results), dead="; ".join(filter(None, (one.dead for one in results))),
    )  # fmt: skip


def spread(late_ms: Sequence[float]) -> float:
    """How far apart shards began."""
    return max(late_ms) - min(late_ms) if len(late_ms) > 1 else 0.0


def _label(parts: Sequence[Total]) -> str:
    return parts[0].label
