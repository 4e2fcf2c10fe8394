"""What the page of a load run shows: stages, figures of now, three courses, the guard, and the run before it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from probes.kinds.base import Outcome
from probes.kinds.load import Params
from probes.load.guard import Check, checks
from probes.load.report import Gauge
from probes.models import LoadSecond, Run, RunState

WIDTH, HEIGHT, MOST_POINTS = 600.0, 120.0, 150


@dataclass(frozen=True)
class Band:
    x: float
    width: float
    label: str
    now: bool


@dataclass(frozen=True)
class Course:
    """A line for an SVG of 600 × 120; `limit_y` is where the limit stands, if it is in sight."""

    name: str
    path: str
    top: float
    now: float | None
    unit: str
    limit: float | None
    limit_y: float | None


@dataclass(frozen=True)
class LoadReport:
    live: bool
    stage: str
    place: str
    users: int
    rate: int
    requests: int
    p50: float | None
    p95: float | None
    p99: float | None
    over: bool
    error_share: float
    errors: str
    checks: list[Check]
    honest: bool
    bands: list[Band]
    courses: list[Course]
    seconds: int
    whole_s: float
    stages: list[dict[str, Any]]
    before: Run | None
    compared: list[tuple[str, float | None, float | None, float | None]]


def report(run: Run) -> LoadReport | None:
    """None while nothing has been told yet."""
    rows = list(LoadSecond.objects.filter(run=run).values_list("second", "figures"))
    params = msgspec.convert(run.probe.params, Params)
    if not rows:
        return None
    live = run.state == RunState.RUNNING
    seconds = rows[-1][0] + 1
    last = rows[-1][1] if live else next((row for _, row in reversed(rows) if row["sent"]), rows[-1][1])
    in_stage = [row for _, row in rows if row["label"] == last["label"] and row["stage"] == last["stage"] and not row["warm"]]
    ended, failed = sum(row["ended"] for row in in_stage), sum(row["failed"] for row in in_stage)
    profile = params.profile()
    planned = profile.seconds if params.search == "none" else 0.0
    whole = max(float(seconds), planned)
    worst = _worst([row["gauge"] for row in in_stage] or [last["gauge"]])
    found = checks(worst, last["p95"] or 0.0, shards=run.details.get("shards", 1), skew_ms=run.details.get("start_skew_ms", 0.0))
    before = _before(run)
    return LoadReport(
        live=live, stage=last["label"], place=_place(last, profile, params), users=last["users"], rate=last["sent"],
        requests=sum(row["ended"] for _, row in rows), p50=last["p50"], p95=last["p95"], p99=last["p99"],
        over=(last["p95"] or 0) >= params.p95_limit_ms, error_share=failed / ended if ended else 0.0, errors=_errors(in_stage),
        checks=found, honest=all(check.holds for check in found), bands=_bands(rows, whole, live),
        courses=[
            _course("Requests per second", rows, whole, lambda row: row["sent"], "/s", None),
            _course("Response time, p95 of the last 10 s", rows, whole, lambda row: row["p95"], "ms", params.p95_limit_ms),
            _course("Errors, share of requests", rows, whole, _share, "%", params.errors_limit_pct),
        ],
        seconds=seconds, whole_s=whole, stages=run.details.get("stages", []), before=before, compared=_compared(run, before),
    )  # fmt: skip


def _place(last: dict[str, Any], profile: Any, params: Params) -> str:
    return f"Stage {last['stage'] + 1} of {len(profile.stages)}" if params.search == "none" else "Step of the search"


def _share(row: dict[str, Any]) -> float | None:
    return row["failed"] / row["ended"] * 100 if row["ended"] else None


def _errors(rows: Sequence[dict[str, Any]]) -> str:
    counted: dict[str, int] = {}
    for row in rows:
        for name, count in row["what"].items():
            counted[name] = counted.get(name, 0) + count
    return " · ".join(f"{name}: {count:,}" for name, count in sorted(counted.items(), key=lambda one: -one[1])[:3])


def _worst(gauges: Sequence[dict[str, float]]) -> Gauge:
    """As the run as a whole will be judged: means of what is a mean, the ninetieth percentile of the rest."""
    mean = {name: sum(one[name] for one in gauges) / len(gauges) for name in ("cpu", "achieved", "steal")}
    high = {name: sorted(one[name] for one in gauges)[int(0.9 * (len(gauges) - 1))] for name in ("lag_p95_ms", "late_p99_ms")}
    return Gauge(**mean, **high)


def _bands(rows: Sequence[tuple[int, dict[str, Any]]], whole: float, live: bool) -> list[Band]:
    found: list[Band] = []
    start, key = rows[0][0], (rows[0][1]["stage"], rows[0][1]["label"])
    label = rows[0][1]["label"]
    ends = [*rows[1:], (rows[-1][0] + 1, {"stage": -1, "label": ""})]
    for second, row in ends:
        if (row["stage"], row["label"]) != key:
            x, width = start / whole * WIDTH, (second - start) / whole * WIDTH
            if label != "cool-down":
                found.append(Band(round(x, 1), round(width, 1), label, live and second > rows[-1][0]))
            start, key, label = second, (row["stage"], row["label"]), row["label"]
    return found


def _course(
    name: str, rows: Sequence[tuple[int, dict[str, Any]]], whole: float, of: Callable[[dict[str, Any]], float | None], unit: str,
    limit: float | None,
) -> Course:  # fmt: skip
    points = [(second, value) for second, row in rows if (value := of(row)) is not None]
    every = max(1, math.ceil(len(points) / MOST_POINTS))
    points = points[::-1][::every][::-1]
    top = _nice(max([value for _, value in points] + ([limit] if limit and unit != "/s" else []), default=1.0))
    parts, before = [], None
    for second, value in points:
        gap = before is None or second - before > 3 * every
        parts.append(f"{'M' if gap else 'L'}{(second + 0.5) / whole * WIDTH:.1f} {HEIGHT - value / top * (HEIGHT - 4):.1f}")
        before = second
    limit_y = round(HEIGHT - limit / top * (HEIGHT - 4), 1) if limit else None
    return Course(name, " ".join(parts), top, points[-1][1] if points else None, unit, limit, limit_y)


def _nice(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * 1.02 or step == 10)


def _before(run: Run) -> Run | None:
    """The last run of the same probe that ended well."""
    return run.probe.runs.filter(outcome=Outcome.OK, due_at__lt=run.due_at).exclude(pk=run.pk).first()


def _compared(run: Run, before: Run | None) -> list[tuple[str, float | None, float | None, float | None]]:
    """(stage, p95 then, p95 now, change in %)."""
    then = {row["stage"]: row["p95"] for row in (before.details.get("stages", []) if before else [])}
    found = []
    for row in run.details.get("stages", []):
        old, new = then.get(row["stage"]), row["p95"]
        found.append((row["stage"], old, new, (new - old) / old * 100 if old and new is not None else None))
    return found if before else []
