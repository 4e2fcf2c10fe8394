"""The sentence on top of each page of scorecards, KPIs and results: computed from the facts, hiding no absence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from accounts.templatetags.ui import plain, unit_word
from kpis.evaluation import Status
from kpis.standing import Standing, counts

NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")
STANDS = {
    Status.STALE: "too old to judge",
    Status.NO_TARGET: "without a target in force",
    Status.BREACHED: "past its alert line",
    Status.MET: "which meets the target",
    Status.ON_TRACK: "ahead of the plan’s line",
    Status.BEHIND: "short of the target",
}


def number(count: int) -> str:
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def figure_text(value: float, unit: str) -> str:
    return f"{plain(value)}\u00a0{unit_word(unit)}".strip()


def difference_text(value: float, unit: str) -> str:
    """How far two figures lie apart: of shares in points, since per cent of a share could be either."""
    return f"{plain(value)}\u00a0percentage points" if unit == "%" else figure_text(value, unit)


def scorecard_headline(standings: Sequence[Standing]) -> str:
    """How many of the targets in force are met, and whether anything is past its alert line."""
    if not standings:
        return "No KPIs yet."
    found, targets = counts(standings), sum(one.target is not None for one in standings)
    if not targets:
        return "No target is in force yet."
    total = f"{targets} target{'' if targets == 1 else 's'}"
    met = f"{number(found['met']) if found['met'] else 'None'} of {total} {'is' if found['met'] < 2 else 'are'} met"
    past = found["breached"]
    return f"{met}; {number(past).lower()} KPI{' is' if past == 1 else 's are'} past the alert line." if past else f"{met}."


def scorecard_lede(standings: Sequence[Standing]) -> str:
    """Everything that the headline leaves open: on the way, behind, too old, never measured, waived."""
    found = counts(standings)
    way = [
        _part(found["on_track"], "is ahead of the plan’s line", "are ahead of the plan’s line"),
        _part(found["behind"], "is short of its target", "are short of their target"),
        _part(found["waived"], "is waived", "are waived"),
    ]
    unknown = [
        _part(found["stale"], "figure is too old to judge", "figures are too old to judge"),
        _part(found["no_data"], "has never been measured", "have never been measured"),
        _part(found["no_target"], "has no target in force", "have no target in force"),
    ]
    return " ".join(_sentence([part for part in parts if part]) for parts in (way, unknown)).strip()


def _sentence(parts: Sequence[str]) -> str:
    return f"{', '.join([parts[0], *(part[0].lower() + part[1:] for part in parts[1:])])}." if parts else ""


def _part(count: int, one: str, many: str) -> str:
    return f"{number(count)} {one if count == 1 else many}" if count else ""


def kpi_headline(standing: Standing) -> str:
    """Name, figure and where it stands: `API response time: 588 ms, ahead of the plan’s line.`"""
    if standing.actual is None:
        return f"{standing.kpi.name} has never been measured."
    if old := _some_old(standing):
        return f"{standing.kpi.name}: {figure_text(standing.actual, standing.unit)}, not judged while {old} too old."
    return f"{standing.kpi.name}: {figure_text(standing.actual, standing.unit)}, {STANDS[standing.status]}."


def kpi_lede(standing: Standing) -> str:
    """The change against the baseline and what remains to the target; what is not stated is said to be so."""
    if standing.actual is None:
        return "Feed it from a probe of a service, from CI results, by the API, by hand or from a file."
    if _some_old(standing):
        return "A KPI is judged by all of its series: as long as one is too old, nobody knows where it stands."
    if standing.status == Status.STALE:
        return "No newer figure came within its limit, so it counts as unknown until one does."
    said = [*_change(standing), *_remains(standing)]
    return f"{'; '.join(said)}." if said else ""


def _some_old(standing: Standing) -> str:
    """Which series are too old while others are not: "checkout is", "3 series are"."""
    old = standing.stale_subjects
    if not old or len(old) == sum(row.counts for row in standing.series):
        return ""
    return f"{old[0]} is" if len(old) == 1 else f"{len(old)} series are"


def _change(standing: Standing) -> list[str]:
    if standing.target is None or standing.actual is None:
        return []
    base = standing.baseline
    if base is None:
        return ["No baseline is stated, so nothing says how far it has come"]
    change = standing.actual - base
    if not change:
        return ["Still at the baseline"]
    share = f" {abs(change / base) * 100:.0f} %" if base else ""
    size = f" {difference_text(abs(change), standing.unit)}" if standing.unit == "%" else share
    return [f"{'Down' if change < 0 else 'Up'}{size} from {figure_text(base, standing.unit)}"]


def _remains(standing: Standing) -> list[str]:
    if standing.goal is None or standing.actual is None or standing.goal.met_by(standing.actual):
        return []
    gap = abs(standing.actual - standing.goal.value)
    return [f"{difference_text(gap, standing.unit)} remain" if gap else "the target is reached only beyond this figure"]


def submission_headline(document: Mapping[str, Any]) -> str:
    """How many objectives a CI result met, and its verdict."""
    objectives, missing = document.get("objectives", []), document.get("missing", [])
    if not objectives and not missing:
        return "No benchmark of this result maps to a KPI."
    failed = sum(one["verdict"] in ("fail", "error") for one in objectives)
    passed = sum(one["verdict"] == "pass" for one in objectives)
    said = f"{passed} of {len(objectives)} objective{'' if len(objectives) == 1 else 's'} passed"
    if failed:
        said += f", {failed} failed"
    if missing:
        said += f", {len(missing)} expected benchmark{'' if len(missing) == 1 else 's'} did not come"
    return f"{said}."
