"""Why a decision or a target is refused: its figures against the KPI's direction, and against what its unit can be."""

from __future__ import annotations

import math
from datetime import date

from accounts.templatetags.ui import unit_word
from kpis.evaluation import COMPARATORS
from kpis.models import KPI, Direction
from kpis.points import MOST_VALUE, bounds
from kpis.thresholds import number
from kpis.units import convert


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


def _figure(kpi: KPI, value: float) -> str:
    return f"{number(value)} {unit_word(kpi.unit)}".rstrip()


def _in(kpi: KPI) -> str:
    word = unit_word(kpi.unit)
    return f" {word}" if word else ""
