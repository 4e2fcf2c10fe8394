"""What the pages of services and runs show, ready to render; constant queries whatever the number of services."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from accounts.templatetags.ui import dated, plain, unit_word
from kpis.drawing import Distribution, distribution
from kpis.evaluation import Status
from kpis.models import KPI
from kpis.standing import WORDS, standings
from kpis.stats.histogram import Histogram
from kpis.units import FAMILIES
from probes import maintenance
from probes.kinds.base import Outcome
from probes.models import Maintenance, Probe, Run, RunState, Service
from probes.stopwatch.serving import NOT_SERVED

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
FAILING_SHARE = 0.05
"""From this share of failed requests on a service counts as failing."""

SHOWN_RUNS = 20
Health = tuple[str, str, str, str, str]
"""Its name, icon, look and word, and why."""

_MISSED = (Status.BREACHED, Status.BEHIND)
NAMES = {"error_rate": "errors"}
UNTOLD = ("histogram", "stages", "next_shards", "maintenance", "p50_ms", "p95_ms", "p99_ms")
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
    """`health` is healthy, impaired, failing, silent, unknown, maintained, paused or archived: never healthy without data or
    while requests fail."""

    service: Service
    health: str
    icon: str
    look: str
    word: str
    why: str
    measured_at: datetime | None
    figures: list[tuple[str, str, int]]
    """Name, value, and how many samples stand behind it."""

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
    probes = list(Probe.objects.filter(service__in=rows).annotate(newest=Subquery(newest)).defer("memory").order_by("pk"))
    runs = Run.objects.in_bulk([probe.newest for probe in probes if probe.newest])
    by_service: dict[int, list[ProbeRow]] = {}
    for probe in probes:
        last = run_row(runs[probe.newest]) if probe.newest in runs else None
        late = probe.enabled and now - probe.next_run_at > timedelta(seconds=max(30, probe.interval_s))
        by_service.setdefault(probe.service_id, []).append(ProbeRow(probe, last, late))
    windows = maintenance.holding(now)
    return [service_row(one, by_service.get(one.pk, []), now, maintenance.over(windows, one)) for one in rows]


def service_row(service: Service, probes: list[ProbeRow], now: datetime, window: Maintenance | None = None) -> ServiceRow:
    """Judge health by the newest run of each enabled probe: silence is not health, and a failure outweighs any success."""
    last = [row.last for row in probes if row.probe.enabled and row.last]
    at = max((row.run.finished_at for row in last if row.run.finished_at), default=None)
    health = _resting(service, window) or _health(probes, now)
    return ServiceRow(service, *health, at, _figures(last), probes)


def _resting(service: Service, window: Maintenance | None) -> Health | None:
    """Why it is not measured on purpose."""
    if service.archived_at:
        return "archived", "archive", "nodata", "Archived", "It is measured no more; what was measured stays."
    if service.paused_at:
        return "paused", "player-pause", "nodata", "Paused", service.paused_why or "Nothing is measured until it is resumed."
    if window and window.until:
        text = f"{window.reason} (until {dated(window.until, '%-d %b %H:%M')} UTC)"
        return "maintained", "clock-pause", "waived", "Maintenance", text
    return None


def _health(probes: Sequence[ProbeRow], now: datetime) -> Health:
    last = [row for row in probes if row.probe.enabled and row.last]
    fresh = [row for row in last if _is_fresh(row, now)]
    silent = [row.probe.get_kind_display() for row in last if not _is_fresh(row, now)]
    runs = [row.last for row in fresh if row.last]
    failing = next((row for row in fresh if _failed(row) or _share(row) >= FAILING_SHARE), None)
    some = max(map(_share, fresh), default=0)
    if not probes:
        return "unknown", "circle-dashed", "nodata", "Not measured", "It has no probe yet."
    if not last:
        return "unknown", "circle-dashed", "nodata", "No data yet", "No run has ended yet."
    if not fresh:
        return "silent", "history", "stale", "Stale", "No run has ended lately."
    if failing:
        return "failing", "heart-broken", "breached", "Failing", _why_failing(failing, now)
    if silent:
        return "silent", "history", "stale", "Stale", f"No run has ended lately: {', '.join(silent)}."
    if not any(row.run.outcome == Outcome.OK for row in runs):
        return "unknown", "circle-dashed", "nodata", "No data", runs[0].run.reason or runs[0].run.error
    if vain := next(filter(None, map(_not_served, runs)), ""):
        return "impaired", "alert-triangle", "behind", "Impaired", vain
    if some:
        return "impaired", "alert-triangle", "behind", "Impaired", f"{plain(some * 100)} % of its requests fail"
    return "healthy", "heartbeat", "met", "Healthy", "Its newest runs answered."


def _failed(row: ProbeRow) -> bool:
    return row.last is not None and row.last.run.outcome in FAILURES


def _share(row: ProbeRow) -> float:
    """Which part of its requests failed; 0 where it makes none."""
    return (row.last.error_share or 0) if row.last else 0


def _not_served(row: RunRow) -> str:
    """Which of its requests were answered without being served; empty where none was."""
    run = row.run
    return run.error if run.reason == NOT_SERVED else str(run.details.get("not_served", ""))


def _why_failing(row: ProbeRow, now: datetime) -> str:
    """What its last run said, and when it is asked next."""
    text = (row.last.run.error if row.last else "") or f"{_share(row) * 100:.0f} % of its requests fail"
    later = row.probe.next_run_at
    day = "" if later.date() == now.date() else f"{later:%-d %b} "
    return f"{text}; asked again at {day}{later:%H:%M:%S} UTC" if _failed(row) and later > now else text


def _is_fresh(row: ProbeRow, now: datetime) -> bool:
    """What failed is asked less often: it is known to fail until its next run is overdue."""
    if _failed(row) and not row.overdue:
        return True
    ended = row.last.run.finished_at if row.last else None
    return ended is not None and (now - ended).total_seconds() <= max(60, 3 * row.probe.interval_s)


def _figures(rows: Sequence[RunRow]) -> list[tuple[str, str, int]]:
    """The last figures by name, with their samples; where two probes read the same, the first one's."""
    found: dict[str, tuple[str, int]] = {}
    for row in rows:
        counts = {reading["metric"]: reading.get("count", 1) for reading in row.run.readings}
        if row.p95 is not None:
            found.setdefault("p95", (f"{plain(row.p95)} ms", counts.get("latency", row.requests or 0)))
        for reading in row.run.readings:
            if reading["metric"] != "latency":
                name = NAMES.get(reading["metric"], reading["metric"].replace("_", " "))
                found.setdefault(name, (shown(reading["value"], reading["unit"]), counts[reading["metric"]]))
    return [(name, value, count) for name, (value, count) in found.items()]


def shown(value: float, unit: str) -> str:
    """A reading as people read it: shares in %, bytes in MB."""
    word, factor = SHOWN_UNITS.get(unit, (unit, 1.0))
    return (
        f"{plain(value * factor)} {unit_word(word)}".strip()
        if unit in {u for us in FAMILIES.values() for u in us}
        else plain(value)
    )


def many(listed: QuerySet[Service], total: int, now: datetime) -> str:
    """The sentence above a list of several pages, counted over all of them."""
    windows = maintenance.holding(now)
    maintained = sum(maintenance.over(windows, one) is not None for one in listed.filter(paused_at=None)) if windows else 0
    failing = listed.filter(probes__enabled=True, probes__failures__gt=0, paused_at=None).distinct().count()
    paused = listed.exclude(paused_at=None).count()
    parts = [f"{total:,} services", f"{failing:,} with a failing probe", f"{maintained:,} in maintenance", f"{paused:,} paused"]
    return ", ".join(part for part in parts if not part.startswith("0 ")) + "."


def headline(rows: Sequence[ServiceRow], *, filtered: bool = False) -> str:
    if not rows:
        return "No service fits the filter." if filtered else "No service is registered yet."
    counted = Counter(row.health for row in rows)
    parts = [f"{counted['healthy']} of {len(rows)} service{'s' if len(rows) != 1 else ''} healthy"]
    unseen = counted["silent"] + counted["unknown"] + counted["paused"] + counted["archived"]
    for count, one, more in (
        (counted["failing"], "fails", "fail"),
        (counted["impaired"], "is impaired", "are impaired"),
        (counted["maintained"], "is in maintenance", "are in maintenance"),
        (unseen, "without fresh data", "without fresh data"),
    ):
        if count:
            parts.append(f"{count} {one if count == 1 else more}")
    return ", ".join(parts) + "."


def service(one: Service, *, now: datetime, only: int | None = None) -> ServiceReport:
    """A service with its newest runs, or with those of one probe."""
    row = services([one], now=now)[0]
    runs = Run.objects.filter(probe__service=one).select_related("probe")
    if only is not None:
        runs = runs.filter(probe=only)
    sentence = {
        "healthy": f"{one.name} answers well.",
        "failing": f"{one.name} fails: {row.why}.",
        "impaired": f"{one.name} answers, but {row.why}.",
        "silent": f"{one.name} was not measured lately.",
        "paused": f"{one.name} is paused.",
        "maintained": f"{one.name} is in maintenance.",
        "archived": f"{one.name} is archived.",
    }.get(row.health, f"{one.name} has not been measured yet.")
    lede = row.why
    if row.health == "healthy" and (missed := _missed(one, now)):
        sentence, lede = f"{one.name} answers, but not as was agreed.", f"{'; '.join(missed)}."
    elif row.health == "healthy":
        lede = ""
    return ServiceReport(row, [run_row(run) for run in runs[:SHOWN_RUNS]], sentence, lede)


def _missed(one: Service, now: datetime) -> list[str]:
    """The KPIs that the service feeds and misses: as the KPI stands where it stands for it, else by its own series."""
    fed = KPI.objects.active().filter(feeds__probe__service=one, feeds__probe__enabled=True).distinct()
    found = []
    for standing in standings(fed.select_related("scorecard").order_by("position", "pk"), now=now):
        mine = [each for each in standing.series if each.subject == one.slug and each.counts and not each.waived_until]
        statuses = {each.status for each in mine} | ({standing.status} if mine and standing.worst_subject == one.slug else set())
        found += [f"{standing.kpi.name} is {WORDS[status]}" for status in _MISSED if status in statuses][:1]
    return found


def run(one: Run) -> RunReport:
    figures = [
        (row["metric"].replace("_", " "), shown(row["value"], row["unit"]), row.get("count", 1), row.get("note", ""))
        for row in one.readings
    ]
    data = one.details.get("histogram")
    drawn = distribution(Histogram.from_counts(data["values"], data["counts"]), None) if data else None
    facts = [
        (name.removesuffix("_ms").replace("_", " "), _fact(name, value))
        for name, value in one.details.items()
        if name not in UNTOLD and value not in ({}, [], None, "")
    ]
    return RunReport(run_row(one), figures, drawn, facts)


def _fact(name: str, value: Any) -> str:
    """A detail of a run in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_fact('', one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    if isinstance(value, int | float):
        return f"{plain(value)} ms" if name.endswith("_ms") else plain(value)
    return str(value)
