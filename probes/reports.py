"""What the pages of services and runs show, ready to render; constant queries whatever the number of services."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Max, OuterRef, Subquery

from accounts.templatetags.ui import plain, unit_word
from kpis.drawing import Distribution, distribution
from kpis.stats.histogram import Histogram
from kpis.units import FAMILIES
from probes.kinds.base import Outcome
from probes.models import Probe, Run, RunState, Service

LOOKS = {
    "ok": ("circle-check", "met", "OK"),
    "failed": ("alert-octagon", "breached", "Failed"),
    "timed_out": ("alert-octagon", "breached", "Timed out"),
    "refused": ("shield-x", "breached", "Refused"),
    "invalid": ("help-circle", "behind", "Invalid"),
    "generator_limited": ("engine", "behind", "Generator limited"),
    "stopped": ("player-stop", "nodata", "Stopped"),
    "abandoned": ("history", "stale", "Abandoned"),
    "queued": ("clock", "nodata", "Queued"),
    "running": ("progress", "run", "Running"),
}
FAILURES = (Outcome.FAILED, Outcome.TIMED_OUT, Outcome.REFUSED)
SHOWN_UNITS = {"ratio": ("%", 100.0), "bytes": ("MB", 1e-6)}


@dataclass(frozen=True)
class RunRow:
    run: Run
    icon: str
    look: str
    word: str
    took: float | None
    requests: int | None
    p95: float | None
    error_share: float | None
    recorded: str


@dataclass(frozen=True)
class ProbeRow:
    probe: Probe
    last: RunRow | None
    overdue: bool


@dataclass(frozen=True)
class ServiceRow:
    """`health` is healthy, failing, silent or unknown: never healthy without fresh data or while requests fail."""

    service: Service
    health: str
    icon: str
    look: str
    word: str
    why: str
    measured_at: datetime | None
    figures: list[tuple[str, str]]
    probes: list[ProbeRow]


@dataclass(frozen=True)
class ServiceReport:
    row: ServiceRow
    runs: list[RunRow]
    headline: str
    lede: str


@dataclass(frozen=True)
class RunReport:
    row: RunRow
    figures: list[tuple[str, str, int, str]]
    distribution: Distribution | None
    facts: list[tuple[str, str]] = field(default_factory=list)


def run_row(run: Run) -> RunRow:
    icon, look, word = LOOKS[run.outcome or run.state]
    took = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else None
    readings = {row["metric"]: row for row in run.readings}
    kept = [row for row in run.recorded if "why_not" not in row]
    recorded = f"{len(kept)} reading{'s' if len(kept) != 1 else ''}" if kept else "none"
    if not kept and run.state == RunState.DONE:
        reason = run.reason or run.error or next((row["why_not"] for row in run.recorded), "") or "feeds no KPI"
        recorded = f"none: {reason[:90]}"
    errors = readings.get("error_rate")
    return RunRow(
        run, icon, look, word, took, run.details.get("requests"), run.details.get("p95_ms"),
        errors["value"] if errors else None, recorded if run.state == RunState.DONE else "after it ends",
    )  # fmt: skip


def services(listed: Iterable[Service], *, now: datetime) -> list[ServiceRow]:
    rows = list(listed)
    newest = Run.objects.filter(probe=OuterRef("pk"), state=RunState.DONE).order_by("-due_at", "-pk").values("pk")[:1]
    probes = list(Probe.objects.filter(service__in=rows).annotate(newest=Subquery(newest)).order_by("pk"))
    runs = Run.objects.in_bulk([probe.newest for probe in probes if probe.newest])
    by_service: dict[int, list[ProbeRow]] = {}
    for probe in probes:
        last = run_row(runs[probe.newest]) if probe.newest in runs else None
        late = probe.enabled and now - probe.next_run_at > timedelta(seconds=max(30, probe.interval_s))
        by_service.setdefault(probe.service_id, []).append(ProbeRow(probe, last, late))
    return [service_row(one, by_service.get(one.pk, []), now) for one in rows]


def service_row(service: Service, probes: list[ProbeRow], now: datetime) -> ServiceRow:
    """Judge health by the newest runs: a failure outweighs any success, and silence is not health."""
    last = [row.last for row in probes if row.probe.enabled and row.last]
    at = max((row.run.finished_at for row in last if row.run.finished_at), default=None)
    failing = [
        row
        for row in last
        if row.run.outcome in (Outcome.FAILED, Outcome.TIMED_OUT, Outcome.REFUSED) or (row.error_share or 0) >= 0.05
    ]
    fresh = [
        row.last for row in probes
        if row.last and row.last.run.finished_at and (now - row.last.run.finished_at).total_seconds() <= max(60, 3 * row.probe.interval_s)
    ]  # fmt: skip
    if service.paused_at:
        found = ("paused", "player-pause", "nodata", "Paused", "Nothing is measured until it is resumed.")
    elif not probes:
        found = ("unknown", "circle-dashed", "nodata", "Not measured", "It has no probe yet.")
    elif not last:
        found = ("unknown", "circle-dashed", "nodata", "No data yet", "No run has ended yet.")
    elif not fresh:
        found = ("silent", "history", "stale", "Stale", "No run has ended lately.")
    elif failing:
        text = failing[0].run.error or f"{(failing[0].error_share or 0) * 100:.0f} % of its requests fail"
        found = ("failing", "heart-broken", "breached", "Failing", text)
    else:
        found = ("healthy", "heartbeat", "met", "Healthy", "Its newest runs answered.")
    return ServiceRow(service, *found, at, _figures(last), probes)


def _figures(rows: Sequence[RunRow]) -> list[tuple[str, str]]:
    found = []
    for row in rows:
        if row.p95 is not None:
            found.append(("p95", f"{plain(row.p95)} ms"))
        if row.error_share is not None:
            found.append(("errors", f"{plain(row.error_share * 100)} %"))
        for reading in row.run.readings:
            if reading["metric"] not in ("latency", "error_rate", "availability"):
                found.append((reading["metric"].replace("_", " "), shown(reading["value"], reading["unit"])))
    return found


def shown(value: float, unit: str) -> str:
    """A reading as people read it: shares in %, bytes in MB."""
    word, factor = SHOWN_UNITS.get(unit, (unit, 1.0))
    return (
        f"{plain(value * factor)} {unit_word(word)}".strip()
        if unit in {u for us in FAMILIES.values() for u in us}
        else plain(value)
    )


def headline(rows: Sequence[ServiceRow]) -> str:
    if not rows:
        return "No service is registered yet."
    failing = sum(row.health == "failing" for row in rows)
    silent = sum(row.health in ("silent", "unknown", "paused") for row in rows)
    parts = [
        f"{len(rows) - failing - silent} of {len(rows)} service{'s' if len(rows) != 1 else ''} answer{'s' if len(rows) == 1 else ''} well"
    ]
    if failing:
        parts.append(f"{failing} fail{'s' if failing == 1 else ''}")
    if silent:
        parts.append(f"{silent} without fresh data")
    return ", ".join(parts) + "."


def service(one: Service, *, now: datetime) -> ServiceReport:
    row = services([one], now=now)[0]
    runs = Run.objects.filter(probe__service=one).select_related("probe")[:15]
    last = Run.objects.filter(probe__service=one, state=RunState.DONE).aggregate(at=Max("finished_at"))["at"]
    sentence = {
        "healthy": f"{one.name} answers well.",
        "failing": f"{one.name} fails: {row.why}",
        "silent": f"{one.name} was not measured lately.",
        "paused": f"{one.name} is paused.",
    }.get(row.health, f"{one.name} has not been measured yet.")
    figures = " · ".join(f"{name} {value}" for name, value in row.figures[:6])
    return ServiceReport(row, [run_row(run) for run in runs], sentence, figures if last else "")


def run(one: Run) -> RunReport:
    figures = [
        (row["metric"].replace("_", " "), shown(row["value"], row["unit"]), row.get("count", 1), row.get("note", ""))
        for row in one.readings
    ]
    data = one.details.get("histogram")
    drawn = distribution(Histogram.from_counts(data["values"], data["counts"]), None) if data else None
    skipped = ("histogram", "p50_ms", "p95_ms", "p99_ms")
    facts = [
        (name.replace("_", " "), ", ".join(f"{k}: {v}" for k, v in value.items()) if isinstance(value, dict) else str(value))
        for name, value in one.details.items()
        if name not in skipped and value not in ({}, None, "")
    ]
    return RunReport(run_row(one), figures, drawn, facts)
