"""The verdict on a CI result: each mapped benchmark against its KPI's target and against its own history. Pure.

Whether a target holds is asked of `kpis.evaluation`. History is compared by the prediction interval of Student's t,
`mean ± t(BOUND, n − 1) · s · √(1 + 1/n)` (Hahn & Meeker, *Statistical Intervals*, 1991): a new value strictly outside,
on the bad side, is a regression. The new value is no part of its history.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from accounts.days import last_day
from kpis.actual import PERCENTILES
from kpis.evaluation import Goal, Point, Status, evaluate
from kpis.formats.base import ParsedSample
from kpis.stats.student import t_quantile, t_two_sided_p
from kpis.units import UnitMismatch, factor

BOUND = 0.977
FEWEST_HISTORY = 5
MOST_HISTORY = 20


class Verdict(StrEnum):
    """Worst first: the verdict of a whole is that of its worst part."""

    ERROR = "error"
    FAIL = "fail"
    NO_DATA = "no_data"
    INCONCLUSIVE = "inconclusive"
    WARN = "warn"
    PASS = "pass"  # noqa: S105


EXIT_CODES = {Verdict.PASS: 0, Verdict.WARN: 0, Verdict.FAIL: 1, Verdict.ERROR: 3, Verdict.NO_DATA: 4, Verdict.INCONCLUSIVE: 4}
_ORDER = list(Verdict)
_BY_STATUS = {
    Status.MET: (Verdict.PASS, "meets the target"),
    Status.ON_TRACK: (Verdict.WARN, "misses the target, but is on the way that the plan asks for"),
    Status.BEHIND: (Verdict.FAIL, "misses the target"),
    Status.BREACHED: (Verdict.FAIL, "is past the alert threshold"),
    Status.NO_TARGET: (Verdict.INCONCLUSIVE, "no approved target is in force"),
}


def worst(verdicts: Collection[Verdict]) -> Verdict:
    """The worst of them; nothing at all is `no_data`."""
    return min(verdicts, key=_ORDER.index, default=Verdict.NO_DATA)


def exit_code(verdict: Verdict, *, inconclusive_passes: bool = False) -> int:
    lenient = inconclusive_passes and verdict in (Verdict.NO_DATA, Verdict.INCONCLUSIVE)
    return 0 if lenient else EXIT_CODES[verdict]


@dataclass(frozen=True)
class Figure:
    """What a sample says about a KPI, in the KPI's unit; without a value `reason` says why there is none."""

    value: float | None
    reported: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Terms:
    """What a KPI is judged by. `target` is its text, such as `p(95)<500`."""

    kpi: str
    subject: str
    unit: str
    aggregation: str
    lower_is_better: bool
    freshness_s: int
    goal: Goal | None = None
    target: str = ""
    target_version: int | None = None
    waived_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Objective:
    """The verdict on one benchmark, as the API answers it."""

    kpi: str
    subject: str
    benchmark: str
    verdict: Verdict
    target_verdict: Verdict
    regression_verdict: Verdict
    actual: Annotated[float | None, "In `unit`; null where the sample cannot be compared."]
    unit: str
    samples: int
    failures: int
    target: Annotated[str, "Such as `p(95)<500`; empty where none is in force."]
    target_version: int | None
    status: Annotated[str, Status]
    baseline: Annotated[float | None, "Mean of the newest results on main; null where there are none."] = None
    change_pct: Annotated[float | None, "Against the baseline."] = None
    interval_pct: Annotated[list[float] | None, "95 % interval of the change; null: too little history, or no variance."] = None
    reason: str
    waived_until: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """A value against its history; figures are None where they cannot be told."""

    verdict: Verdict
    reason: str
    mean: float | None = None
    change_pct: float | None = None
    interval_pct: list[float] | None = None


def matching(name: str, keys: Collection[str]) -> str:
    """The key that a benchmark's name stands for, or nothing.

    The name without its file, parameters and a leading `test_`, `bench_` or `benchmark_`, with `-` for everything that
    is no letter or digit, is the key or holds it as whole words. The longest such key counts; two as long count not.
    """
    bare = re.sub(r"\[.*$", "", name).rsplit("::", 1)[-1].lower()
    words = re.sub(r"[^a-z0-9]+", "-", re.sub(r"^(test|benchmark|bench)_", "", bare)).strip("-")
    held = sorted({key for key in keys if f"-{key}-" in f"-{words}-"}, key=len)
    if not held or (len(held) > 1 and len(held[-1]) == len(held[-2])):
        return ""
    return held[-1]


def figure_of(sample: ParsedSample, *, aggregation: str, unit: str) -> Figure:
    """Read the KPI's aggregation from a sample. A percentile is never made up from a mean."""
    try:
        scale = factor(sample.unit, unit)
    except UnitMismatch as error:
        return Figure(None, reason=f"not comparable: {error}")
    if aggregation in PERCENTILES and sample.histogram is not None:
        return Figure(sample.histogram.percentile(PERCENTILES[aggregation]) * scale)
    if aggregation in sample.statistics:
        return Figure(sample.statistics[aggregation] * scale, reported=aggregation in PERCENTILES)
    if aggregation not in (*PERCENTILES, "min", "max") or sample.count == 1:
        return Figure(sample.value * scale)
    return Figure(None, reason=f"not comparable: a mean of {sample.count} samples, and the KPI is their {aggregation}")


def compare(value: float, history: Sequence[float], *, lower_is_better: bool) -> Comparison:
    """Hold a value to its history: `warn` when it is worse beyond the prediction interval."""
    n = len(history)
    if n < FEWEST_HISTORY:
        return Comparison(
            Verdict.INCONCLUSIVE,
            f"too little history to tell a regression ({n} of {FEWEST_HISTORY} results on main)",
            statistics.fmean(history) if history else None,
        )
    mean, spread = statistics.fmean(history), statistics.stdev(history)
    change = (value - mean) / abs(mean) * 100 if mean else None
    if spread <= abs(mean) * 1e-12:
        return Comparison(Verdict.INCONCLUSIVE, "the history has no variance to tell a regression by", mean, change)
    error = spread * math.sqrt(1 + 1 / n)
    reach = t_quantile(BOUND, n - 1) * error
    interval = [(value - reach - mean) / abs(mean) * 100, (value + reach - mean) / abs(mean) * 100] if mean else None
    worse = value - mean if lower_is_better else mean - value
    chance = t_two_sided_p(worse / error, n - 1)
    size = f"{abs(change):.1f} % " if change is not None else ""
    if worse > reach:
        word = f"{size}worse than the last {n} results on main (p = {chance:.2g})"
        return Comparison(Verdict.WARN, word, mean, change, interval)
    return Comparison(Verdict.PASS, f"not worse than the last {n} results on main", mean, change, interval)


def judge(sample: ParsedSample, terms: Terms, figure: Figure, history: Sequence[float], *, at: datetime) -> Objective:
    """The verdict on one benchmark. A regression fails where no target judges; a waiver turns `fail` into `warn`."""
    if figure.value is None:
        return _objective(sample, terms, figure, Verdict.NO_DATA, Status.NO_DATA, figure.reason)
    if sample.failures * 2 > sample.count:
        reason = f"{sample.failures} of {sample.count} samples failed: such figures say nothing"
        return _objective(sample, terms, figure, Verdict.ERROR, Status.NO_DATA, reason)
    goal = replace(terms.goal, for_s=0, recover_s=0) if terms.goal else None
    judged = evaluate(goal, [Point(at, figure.value)], now=at, freshness_s=terms.freshness_s)
    by_target, words = _BY_STATUS[judged.status]
    against = compare(figure.value, history, lower_is_better=terms.lower_is_better)
    by_history = Verdict.FAIL if against.verdict == Verdict.WARN and goal is None else against.verdict
    verdict = worst([by_target, by_history])
    if verdict == Verdict.FAIL and terms.waived_until is not None:
        verdict, words = Verdict.WARN, f"{words}; waived until {last_day(terms.waived_until):%Y-%m-%d}"
    found = _objective(sample, terms, figure, verdict, judged.status, f"{words}; {against.reason}")
    return replace(
        found,
        target_verdict=by_target,
        regression_verdict=by_history,
        baseline=against.mean,
        change_pct=against.change_pct,
        interval_pct=against.interval_pct,
    )


def _objective(sample: ParsedSample, terms: Terms, figure: Figure, verdict: Verdict, status: Status, reason: str) -> Objective:
    return Objective(
        kpi=terms.kpi,
        subject=terms.subject,
        benchmark=sample.name,
        verdict=verdict,
        target_verdict=verdict,
        regression_verdict=verdict,
        actual=figure.value,
        unit=terms.unit,
        samples=sample.count,
        failures=sample.failures,
        target=terms.target,
        target_version=terms.target_version,
        status=status.value,
        reason=reason,
        waived_until=terms.waived_until.isoformat() if terms.waived_until else None,
    )


def missing(expected: Sequence[str], names: Collection[str]) -> list[str]:
    """Expected benchmarks that did not come: each may be named in full or by its last part."""
    there = set(names) | {name.rsplit("::", 1)[-1] for name in names}
    return [name for name in expected if name not in there]
