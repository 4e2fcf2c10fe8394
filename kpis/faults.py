"""Why a decision or target is refused, or doubted: its figures against the KPI's direction, and against what its unit can be."""

from __future__ import annotations

import math
from datetime import date

from accounts.templatetags.ui import unit_word
from kpis.evaluation import COMPARATORS
from kpis.models import KPI, Direction, Target
from kpis.points import MOST_VALUE, bounds
from kpis.thresholds import BadThreshold, number, parse
from kpis.units import convert

DOUBTED = 2.0
"""The ratio from which on a percentage was hardly left out on purpose; below it, sales can be one and a half of last year's."""


class Refused(ValueError):
    """A decision that may not be made, in words for the person who tried; `field` is what they wrote wrong, if anything."""

    def __init__(self, why: str, field: str = "") -> None:
        super().__init__(why)
        self.field = field


class BadTarget(ValueError):
    """Figures that contradict each other; `errors` maps a field to what is wrong with it and what to write instead."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


def check(
    kpi: KPI,
    *,
    comparator: str,
    value: float,
    alert_threshold: float | None,
    baseline: float | None = None,
    baseline_on: date | None = None,
    due_on: date | None = None,
) -> None:
    """Raise BadTarget for figures that do not fit the KPI's direction or its unit's range."""
    errors: dict[str, str] = {}
    lower = kpi.direction == Direction.LOWER
    if comparator not in COMPARATORS:
        errors["comparator"] = "Write one of <, <=, >, >=."
    elif (comparator in ("<", "<=")) != lower:
        signs = ("<", "<=") if lower else (">", ">=")
        errors["comparator"] = (
            f"For this KPI {kpi.get_direction_display()}: write {signs[0]} or {signs[1]} instead of {comparator}."
        )
    for name, figure in (("value", value), ("alert_threshold", alert_threshold), ("baseline", baseline)):
        if figure is not None and (wrong := impossible(kpi, figure, below_nothing=name != "value")):
            errors[name] = wrong
    if not errors and (wrong := _unreachable(kpi, comparator, value)):
        errors["value"] = wrong
    if not errors and alert_threshold is not None and (alert_threshold < value if lower else alert_threshold > value):
        side = "above" if lower else "below"
        errors["alert_threshold"] = f"An alert lies on the bad side of the target: write a figure {side} {_figure(kpi, value)}."
    if baseline_on and due_on and due_on <= baseline_on:
        errors["due_on"] = f"It is due after the day of its baseline, {baseline_on:%-d %b %Y}: write a later day."
    if errors:
        raise BadTarget(errors)


def _unreachable(kpi: KPI, comparator: str, value: float) -> str:
    """Why no figure of the KPI could ever meet the target; empty where one can."""
    least, greatest = bounds(kpi)
    if comparator == "<" and value <= least:
        return f"It is never below {_figure(kpi, least)}: write <= {number(least)} or a greater figure."
    whole = convert(1, "ratio", kpi.unit) if greatest < MOST_VALUE else MOST_VALUE
    if comparator == ">" and value >= whole:
        return f"It never passes {_figure(kpi, whole)}: write >= {number(whole)} or a smaller figure."
    return ""


def impossible(kpi: KPI, figure: float, *, below_nothing: bool = False) -> str:
    """Why the KPI can never be this figure; empty where it can. Of a reduction, an actual can be below 0: it grew instead."""
    if not math.isfinite(figure) or abs(figure) > MOST_VALUE:
        return "Write a finite number."
    if figure < 0 and not (below_nothing and kpi.is_reduction):
        return f"It is never below 0{_in(kpi)}: write a figure from 0 on."
    # What is promised reaches as far as what is measured: a share of which no reading says what it is a share of may be one of
    # last year's sales, and pass the whole.
    if figure > bounds(kpi)[1]:
        return f"A share does not pass {_figure(kpi, convert(1, 'ratio', kpi.unit))}: write a figure up to that."
    return ""


def doubts(target: Target, kpi: KPI) -> dict[str, str]:
    """What is taken and was hardly meant, by its field: of a KPI in `ratio`, a figure that reads like a percentage.

    It is not refused, since the KPI can be measured at it; one with a unit, or computed from a baseline, is meant as it is.
    """
    if kpi.unit != "ratio" or kpi.metric:
        return {}
    written = {"alert_threshold": target.alert_threshold, "baseline": None if target.baseline_since else target.baseline}
    if _bare(target.typed):
        written = {"target" if target.typed else "value": target.value, **written}
    return {
        name: f"{number(figure)} ratio is {figure * 100:,.12g} %: did you mean {number(figure)} %?"
        for name, figure in written.items()
        if figure is not None and figure >= DOUBTED
    }


def _bare(typed: str) -> bool:
    """Whether a target was written as a figure alone, which left its unit to the KPI."""
    try:
        criterion = parse(typed) if typed else None
    except BadThreshold:
        return True
    return criterion is None or not (criterion.unit or criterion.relative)


def _figure(kpi: KPI, value: float) -> str:
    return f"{number(value)} {unit_word(kpi.unit)}".rstrip()


def _in(kpi: KPI) -> str:
    word = unit_word(kpi.unit)
    return f" {word}" if word else ""
