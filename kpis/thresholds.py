"""The target syntax that people type: `p(95)<500`, `rate < 1 %`, `<= +10%`. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal

from kpis.units import UNITS, UnitMismatch, convert, family

# What k6 and its kin write, and the KPI's aggregation that means the same.
AGGREGATIONS = {
    "avg": "mean",
    "mean": "mean",
    "med": "p50",
    "median": "p50",
    "min": "min",
    "max": "max",
    "count": "sum",
    "sum": "sum",
    "rate": "mean",
    "value": "last",
    "last": "last",
}
_PERCENTILE = re.compile(r"p\(?\s*(50|90|95|99)\s*\)?$")
_CRITERION = re.compile(
    r"""^\s*(?P<what>[a-z]+\s*(?:\(\s*\d+(?:\.\d+)?\s*\)|\d+)?)?\s*
        (?P<comparator><=|>=|<|>)\s*
        (?P<sign>[+\-−])?\s*(?P<number>\d[\d,]*(?:\.\d+)?|\.\d+)\s*(?P<unit>[A-Za-z%1/]+)?\s*$""",
    re.VERBOSE,
)


class BadThreshold(ValueError):
    """Text that is not a threshold, with what is wrong about it."""


@dataclass(frozen=True)
class Criterion:
    """A comparison. `aggregation` and `unit` are empty where the text leaves them to the KPI.

    `relative` is a change against the baseline, in percent: what carries a sign and `%`, such as `<= +10%`.
    `rate` is k6's own: a ratio of shares, or a number per second.
    """

    comparator: str
    value: float
    aggregation: str = ""
    unit: str = ""
    relative: bool = False
    rate: bool = False

    def __str__(self) -> str:
        return format(self)


def parse(text: str) -> Criterion:
    """Read a threshold. Raises BadThreshold."""
    found = _CRITERION.match(text.replace("≤", "<=").replace("≥", ">="))
    if found is None:
        raise BadThreshold(f"{text!r} is not a threshold: write it like < 500, p(95)<500 or <= 0.1 %")
    unit = found["unit"] or ""
    if unit and unit not in UNITS:
        raise BadThreshold(f"{unit!r} is not a unit: use one of {', '.join(UNITS)}")
    value = float(found["number"].replace(",", ""))
    if not math.isfinite(value):
        raise BadThreshold(f"{found['number']} is too large a number")
    if found["sign"] in ("-", "−"):
        value = -value
    what = found["what"] or ""
    relative, rate = bool(found["sign"]) and unit == "%", what.strip().lower() == "rate"
    return Criterion(found["comparator"], value, _aggregation(what), unit, relative, rate)


def resolve(criterion: Criterion, *, unit: str, aggregation: str, baseline: float | None) -> tuple[str, float]:
    """Comparator and value of a criterion for a KPI, in its unit. Raises BadThreshold, saying what to write instead.

    What is relative is told against the baseline: `<= +10%` of 500 ms is `<= 550 ms`.
    """
    if criterion.aggregation and not _fits(criterion, aggregation):
        said = _said(aggregation)
        raise BadThreshold(
            f"This KPI is told as {said}: write {said}{criterion.comparator}{number(abs(criterion.value))}, or no name."
        )
    if criterion.relative:
        if baseline is None:
            raise BadThreshold("There is no baseline that it could be relative to: state one, or write a figure.")
        return criterion.comparator, _rounded(baseline * (1 + criterion.value / 100))
    try:
        return criterion.comparator, _rounded(convert(criterion.value, _unit(criterion, unit), unit))
    except UnitMismatch as error:
        raise BadThreshold(f"{error}: write the figure in {unit}.") from error


def _fits(criterion: Criterion, aggregation: str) -> bool:
    return criterion.aggregation == aggregation or (criterion.rate and not _PERCENTILE.match(aggregation))


def _unit(criterion: Criterion, unit: str) -> str:
    """The unit that was typed. k6's `rate` is a ratio where nothing else is said, and `rate<0.01` of a KPI in % is 1 %."""
    if criterion.unit:
        return criterion.unit
    return {"share": "ratio", "rate": "1/s"}.get(family(unit), unit) if criterion.rate else unit


def _said(aggregation: str) -> str:
    return f"p({aggregation[1:]})" if _PERCENTILE.match(aggregation) else aggregation


def _rounded(value: float) -> float:
    """Without the noise of a conversion: 0.45 s are 450 ms."""
    return float(f"{value:.12g}")


def format(criterion: Criterion) -> str:
    """The threshold as people write it; `parse` reads it back."""
    what = "rate" if criterion.rate else _said(criterion.aggregation)
    sign = "+" if criterion.relative and criterion.value >= 0 else ""
    unit = f" {criterion.unit}" if criterion.unit and not criterion.relative else criterion.unit
    return f"{what}{' ' if what else ''}{criterion.comparator} {sign}{number(criterion.value)}{unit}"


def number(value: float) -> str:
    """The shortest decimal notation that reads back as the same figure, without an exponent."""
    text = f"{Decimal(repr(value)):f}" if math.isfinite(value) else repr(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _aggregation(what: str) -> str:
    name = what.replace(" ", "").lower()
    if not name:
        return ""
    if percentile := _PERCENTILE.match(name):
        return f"p{percentile[1]}"
    try:
        return AGGREGATIONS[name]
    except KeyError:
        known = ", ".join(["p(50)", "p(90)", "p(95)", "p(99)", *AGGREGATIONS])
        raise BadThreshold(f"{what!r} is not an aggregation: use one of {known}") from None
