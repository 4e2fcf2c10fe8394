"""What the page of a load run shows: stages, figures of now, three courses, the guard, and the run before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from probes.kinds.base import Outcome
from probes.kinds.load import Params
from probes.load.guard import Check, checks
from probes.load.profile import Profile, Stage
from probes.load.report import Gauge
from probes.load_drawing import Course, Span, clock, course, times
from probes.models import LoadSecond, Run, RunState

COOL_DOWN = Stage(seconds=1).label
Rows = list[tuple[int, dict[str, Any]]]


@dataclass(frozen=True)
class Change:
    """One stage beside the same one of the run before; `change` of the p95 as a share."""

    stage: str
    then: dict[str, Any]
    now: dict[str, Any]
    change: float | None


@dataclass(frozen=True)
class LoadReport:
    """`now_x` is where the run has come to, in per cent of the time axis; None once it is over."""

    live: bool
    sentence: str
    stage: str
    place: str
    left: str
    model: str
    rate: int
    asked: float | None
    requests: int
    p50: float | None
    p95: float | None
    p99: float | None
    over: bool
    errors_pct: float
    errors: str
    checks: list[Check]
    spans: list[Span]
    courses: list[Course]
    now_x: float | None
    times: list[str]
    seconds: str
    whole: str
    stages: list[dict[str, Any]]
    under: bool
    next_shards: int | None
    before: Run | None
    compared: list[Change]

    @property
    def failing(self) -> int:
        return sum(not check.holds for check in self.checks)


def report(run: Run) -> LoadReport | None:
    """None while nothing has been told yet."""
    rows: Rows = list(LoadSecond.objects.filter(run=run).values_list("second", "figures"))
    if not rows:
        return None
    params = msgspec.convert(run.probe.params, Params)
    profile = params.profile()
    live = run.state == RunState.RUNNING
    seconds = rows[-1][0] + 1
    searching = params.search != "none"
    whole = float(max(seconds, rows[0][0] + profile.seconds)) if live and not searching else float(seconds)
    last = rows[-1][1] if live else next((row for _, row in reversed(rows) if row["sent"]), rows[-1][1])
    spans = found_spans(rows, whole, live=live) if searching or not live else planned_spans(rows, profile, whole)
    stages = [row | _readable(row.get("under", {})) | {"limits": _limits(run, row)} for row in run.details.get("stages", [])]
    before = _before(run) if live or run.outcome == Outcome.OK else None
    return LoadReport(
        live=live, sentence=_said_live(last, params) if live else _said(run, stages, params),
        stage=last["label"], place=_place(last, profile, params),
        left=clock(whole - seconds) if live and not searching else "", model=_model(last), rate=last["sent"],
        asked=_asked(last), requests=sum(row["ended"] for _, row in rows), **_now(rows, last, params),
        checks=_checks(run, rows, last, stages), spans=spans, courses=_courses(rows, whole, params),
        now_x=round(seconds / whole * 100, 2) if live else None, times=times(whole), seconds=clock(seconds), whole=clock(whole),
        stages=stages, under=any(row.get("under") for row in stages), next_shards=run.details.get("next_shards"),
        before=before, compared=_compared(stages, before),
    )  # fmt: skip


def _readable(under: dict[str, float]) -> dict[str, float | None]:
    """What the metrics said in a stage, in the units of the page."""
    memory, cpu = under.get("resident_memory"), under.get("cpu")
    return {
        "memory_mb": None if memory is None else memory / 1e6, "cpu_pct": None if cpu is None else cpu * 100,
        "connections": under.get("db_connections"), "query_ms": under.get("db_query_time"),
    }  # fmt: skip


def _limits(run: Run, row: dict[str, Any]) -> str:
    """What a stage showed of the limits: nothing where the run says nothing; one that was cut short may still miss them."""
    if run.outcome in (Outcome.GENERATOR_LIMITED, Outcome.INVALID) or (row["met"] and run.outcome != Outcome.OK):
        return "unknown"
    return "held" if row["met"] else "missed"


def _place(last: dict[str, Any], profile: Profile, params: Params) -> str:
    busy = [number for number, stage in enumerate(profile.stages) if not stage.idle]
    if params.search != "none":
        return "Step of the search"
    if last["stage"] not in busy:
        return "Between stages"
    return f"Stage {busy.index(last['stage']) + 1} of {len(busy)}"


def _model(last: dict[str, Any]) -> str:
    return "open model" if last["label"].endswith("/s") else "closed model"


def _asked(last: dict[str, Any]) -> float | None:
    return float(last["label"].removesuffix("/s").replace(",", "")) if last["label"].endswith("/s") else None


def _in_stage(rows: Rows, last: dict[str, Any]) -> list[dict[str, Any]]:
    """The seconds of this stage, or of this step of a search, without the warm-up."""
    return [row for _, row in rows if (row["label"], row["stage"]) == (last["label"], last["stage"]) and not row["warm"]]


def _now(rows: Rows, last: dict[str, Any], params: Params) -> dict[str, Any]:
    same = _in_stage(rows, last)
    ended, failed = sum(row["ended"] for row in same), sum(row["failed"] for row in same)
    return {
        "p50": last["p50"], "p95": last["p95"], "p99": last["p99"], "over": (last["p95"] or 0) >= params.p95_limit_ms,
        "errors_pct": failed / ended * 100 if ended else 0.0, "errors": _errors(same),
    }  # fmt: skip


def _said_live(last: dict[str, Any], params: Params) -> str:
    """What it comes to by now, in one line."""
    if last["p95"] is None:
        return f"{last['label']}: nothing was answered in the last ten seconds."
    side = "over" if last["p95"] >= params.p95_limit_ms else "under"
    return f"{last['label']} take p95 to {last['p95']:,.0f} ms, {side} the limit of {params.p95_limit_ms:,g} ms."


def _said(run: Run, stages: Sequence[dict[str, Any]], params: Params) -> str:
    """What it came to, in one line."""
    limits = f"p95 under {params.p95_limit_ms:,g} ms, errors under {params.errors_limit_pct:g} %"
    if run.outcome == Outcome.GENERATOR_LIMITED:
        return "The generator was the bottleneck, so this says nothing of the service."
    capacity = next((row for row in run.readings if row["metric"] == f"capacity_{params.search}"), None)
    if capacity is not None:
        size = f"{capacity['value']:,g} users" if params.search == "users" else f"{capacity['value']:,g} requests/s"
        return f"It bears {size} within the limits ({limits})."
    if missed := [row["stage"] for row in stages if row["limits"] == "missed"]:
        return f"The limits ({limits}) were missed at {', '.join(dict.fromkeys(missed))}."
    if run.outcome != Outcome.OK:
        return f"It asked for {limits}, and did not come to its end."
    return f"The limits ({limits}) held in every stage."


def _errors(rows: Sequence[dict[str, Any]]) -> str:
    counted: dict[str, int] = {}
    for row in rows:
        for name, count in row["what"].items():
            counted[name] = counted.get(name, 0) + count
    return " · ".join(f"{name}: {count:,}" for name, count in sorted(counted.items(), key=lambda one: -one[1])[:3])


def _checks(run: Run, rows: Rows, last: dict[str, Any], stages: Sequence[dict[str, Any]]) -> list[Check]:
    """Once it is over, of the last stage that failed most of them, in the figures by which the run was judged."""
    shards, skew = run.details.get("shards", 1), run.details.get("start_skew_ms", 0.0)
    judged = [(Gauge(**row["gauge"]), row["p95"]) for row in reversed(stages) if row.get("gauge") and row["requests"]]
    gauges = [row["gauge"] for row in _in_stage(rows, last)] or [last["gauge"]]
    every = [checks(gauge, p95 or 0.0, shards=shards, skew_ms=skew) for gauge, p95 in judged or [(_worst(gauges), last["p95"])]]
    return max(every, key=lambda found: sum(not check.holds for check in found))


def _worst(gauges: Sequence[dict[str, float]]) -> Gauge:
    """As the run as a whole will be judged: means of what is a mean, the ninetieth percentile of the rest."""
    mean = {name: sum(one[name] for one in gauges) / len(gauges) for name in ("cpu", "achieved", "steal")}
    high = {name: sorted(one[name] for one in gauges)[int(0.9 * (len(gauges) - 1))] for name in ("lag_p95_ms", "late_p99_ms")}
    return Gauge(**mean, **high)


def found_spans(rows: Rows, whole: float, *, live: bool) -> list[Span]:
    """The stages as they came: neighbours of one label. The last answers of a step come in the first second of the next."""
    groups: list[tuple[int, int, dict[str, Any]]] = []
    for second, row in rows:
        if groups and (groups[-1][2]["stage"], groups[-1][2]["label"]) == (row["stage"], row["label"]):
            groups[-1] = (groups[-1][0], second + 1, row)
        else:
            if groups:
                groups[-1] = (groups[-1][0], min(groups[-1][1], second), groups[-1][2])
            groups.append((second, second + 1, row))
    return [
        Span(row["label"], start, end, whole, _state(end, rows, live=live), _p95(row), row["label"] == COOL_DOWN)
        for start, end, row in groups
    ]


def _state(end: int, rows: Rows, *, live: bool) -> str:
    return "now" if live and end > rows[-1][0] else "done"


def planned_spans(rows: Rows, profile: Profile, whole: float) -> list[Span]:
    """The stages as they were planned, from when the first second came."""
    at, now, found = float(rows[0][0]), rows[-1][0] + 1, []
    by_stage = {row["stage"]: row for _, row in rows if row["p95"] is not None}
    current = rows[-1][1]["stage"]
    for number, stage in enumerate(profile.stages):
        state = "done" if number < current else "now" if number == current else "next"
        note = {
            "done": _p95(by_stage.get(number)),
            "now": f"{clock(min(now - at, stage.seconds))} of {clock(stage.seconds)}",
            "next": f"from {clock(at)}",
        }
        end = min(at + stage.seconds, whole)
        found.append(Span(stage.label, at, end, whole, state, note[state], stage.idle, now))
        at += stage.seconds
    return found


def _p95(row: dict[str, Any] | None) -> str:
    return f"p95 {row['p95']:,.0f} ms" if row and row["p95"] is not None else ""


def _courses(rows: Rows, whole: float, params: Params) -> list[Course]:
    p95 = _points(rows, lambda row: row["p95"])
    return [
        course("Requests per second", "/s", _points(_sending(rows), lambda row: row["sent"]), whole),
        course("Response time, p95 of the last 10 s", "ms", p95, whole, limit=params.p95_limit_ms),
        course("Errors, share of requests", "%", _points(rows, _share), whole, limit=params.errors_limit_pct, most=100),
    ]  # fmt: skip


def _sending(rows: Rows) -> Rows:
    """Without the seconds at the end in which the last answers were waited for."""
    last = max((number for number, (_, row) in enumerate(rows) if row["sent"]), default=-1)
    return rows[: last + 1] if rows[-1][1]["label"] != COOL_DOWN else rows


def _points(rows: Rows, of: Callable[[dict[str, Any]], float | None]) -> list[tuple[int, float]]:
    return [(second, value) for second, row in rows if (value := of(row)) is not None]


def _share(row: dict[str, Any]) -> float | None:
    return row["failed"] / row["ended"] * 100 if row["ended"] else None


def _before(run: Run) -> Run | None:
    """The last run of the same probe that ended well."""
    return run.probe.runs.filter(outcome=Outcome.OK, due_at__lt=run.due_at).exclude(pk=run.pk).first()


def _compared(stages: Sequence[dict[str, Any]], before: Run | None) -> list[Change]:
    then = {row["stage"]: row for row in (before.details.get("stages", []) if before else [])}
    found = []
    for row in stages if before else ():
        old = then.get(row["stage"], {})
        known = old.get("p95") and row["p95"] is not None
        found.append(Change(row["stage"], old, row, (row["p95"] - old["p95"]) / old["p95"] if known else None))
    return found
