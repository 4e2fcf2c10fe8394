"""What may be stored: a measurement on its way into a series, and what can be wrong with it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter

import msgspec

from accounts import days
from kpis.actual import PERCENTILES
from kpis.models import KPI
from kpis.readings import Reading
from kpis.reductions import reduction
from kpis.stats.histogram import Histogram
from kpis.units import convert, factor, family

EARLIEST = days.day_start(days.EARLIEST_DAY)
AHEAD = timedelta(seconds=60)
"""How far a sender's clock may run before ours."""

MOST_POINTS = 10_000
MOST_COUNT = 10**12
MOST_VALUE = 1e100
"""Far beyond anything measured, and small enough that no sum of a day overflows."""

UNBOUNDED = ("cpu",)
"""Readings in % that pass 100: a process uses more than one core."""

SIGNED = ("growth", "score", "money")
"""What can be below nothing."""

NO_PERCENTILE = "one figure over many samples may be their mean, and is no {} unless its source says so"
INSTEAD = "set it to true where the figure is that percentile, or send the histogram of the samples"

LONGEST = {"subject": 80, "environment": 40, "origin": 80, "note": 300}

NAMES = ("subject", "environment")
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Controls, and what turns the direction of writing round: a name with one looks like another name, or spoils its line."""


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement to store, in the KPI's unit. `origin` names what produced it (`run:17`, `result:<uuid>`, …).

    Of a reduction it holds the raw figure, in the unit of its reference; `record` computes the value and keeps both.
    """

    kpi: KPI
    subject: str
    at: datetime
    value: float
    origin: str
    environment: str = ""
    count: int = 1
    histogram: Histogram | None = None
    reported: bool = False
    note: str = ""
    raw: float | None = None


class BareFigure(ValueError):
    """A figure over many samples that is not known to be the percentile which its KPI is."""


class Rejected(ValueError):
    """Points that cannot be stored: (index, field, what is wrong)."""

    def __init__(self, errors: list[tuple[int, str, str]]) -> None:
        super().__init__("; ".join(f"[{index}].{field}: {detail}" for index, field, detail in errors[:5]))
        self.errors = errors


def point_of(reading: Reading, *, kpi: KPI, subject: str, environment: str, origin: str) -> Point:
    """A reading as a point of a KPI, in the unit that it takes. Raises UnitMismatch or BareFigure."""
    scale = factor(reading.unit, kpi.measured_unit)
    point = Point(
        kpi=kpi,
        subject=subject,
        environment=environment,
        at=reading.at,
        value=reading.value * scale,
        count=reading.count,
        histogram=reading.histogram.scaled(scale) if reading.histogram and not kpi.is_reduction else None,
        reported=reading.reported,
        origin=origin,
    )
    if not _says_what_it_is(point):
        raise BareFigure(NO_PERCENTILE.format(kpi.get_aggregation_display()))
    return point


def reduced(point: Point) -> Point:
    """The point of a reduction with its value computed from the raw figure."""
    assert point.kpi.reference is not None
    return msgspec.structs.replace(
        point, raw=point.value, value=reduction(point.value, reference=point.kpi.reference, unit=point.kpi.unit)
    )


def read_with(points: Iterable[Point]) -> dict[int, KPI]:
    """The KPIs that points came with, by the identity of the object: one may have been read twice, and changed in between."""
    return {id(kpi): kpi for kpi in map(attrgetter("kpi"), points)}


def measured(points: Sequence[Point]) -> Sequence[Point]:
    """The points with their values, as they are stored."""
    if not any(kpi.is_reduction for kpi in read_with(points).values()):
        return points
    return [reduced(point) if point.kpi.is_reduction else point for point in points]


def faults(points: Sequence[Point], now: datetime) -> list[tuple[int, str, str]]:
    """What is wrong with points, as (index, field, detail)."""
    if len(points) > MOST_POINTS:
        return [(MOST_POINTS, "", f"at most {MOST_POINTS:,} measurements at once")]
    latest = now + AHEAD
    kpis = read_with(points)
    reach = {key: bounds(kpi) for key, kpi in kpis.items()}
    sound = all(kpi.archived_at is None for kpi in kpis.values()) and all(
        map(_sound_texts, {(point.subject, point.environment, point.origin, point.note) for point in points})
    )
    return [
        (index, field, detail)
        for index, point in enumerate(points)
        if not (sound and _plausible(point, latest, *reach[id(point.kpi)]))
        for field, detail in _faults_of(point, latest, *reach[id(point.kpi)])
    ]


def bounds(kpi: KPI) -> tuple[float, float]:
    """The least and the greatest figure that a KPI can be measured at, for what its unit and its reading mean.

    A reduction never passes the whole, and is negative where the figure grew instead.
    """
    kind = family(kpi.unit)
    whole = kpi.is_reduction or (kind == "share" and kpi.metric and kpi.metric not in UNBOUNDED)
    greatest = convert(1, "ratio", kpi.unit) * (1 + 1e-9) if whole else MOST_VALUE
    return (-MOST_VALUE if kpi.is_reduction or kind in SIGNED else 0.0, greatest)


def _plausible(point: Point, latest: datetime, least: float, greatest: float) -> bool:
    """Whether nothing is wrong with the figures of a point; quick, since of ten thousand nearly all are right."""
    return (
        least <= point.value <= greatest
        and (at := point.at).tzinfo is not None
        and EARLIEST <= at <= latest
        and 1 <= point.count <= MOST_COUNT
        and (point.raw is None or point.histogram is None)
        and _says_what_it_is(point)
    )


def _sound_texts(texts: tuple[str, str, str, str]) -> bool:
    """Whether nothing is wrong with subject, environment, origin and note, which most points of a batch share."""
    subject, environment, origin, note = texts
    return (
        1 <= len(subject) <= LONGEST["subject"]
        and not subject.isspace()
        and len(environment) <= LONGEST["environment"]
        and len(origin) <= LONGEST["origin"]
        and len(note) <= LONGEST["note"]
        and not UNSEEN.search(subject + environment)
        and "\0" not in origin + note
    )


def _says_what_it_is(point: Point) -> bool:
    """Whether a figure of a percentile KPI comes with its samples, is one itself, or is said to be the percentile."""
    told = point.count == 1 or point.histogram is not None or point.reported
    return told or point.kpi.aggregation not in PERCENTILES


def _faults_of(point: Point, latest: datetime, least: float, greatest: float) -> list[tuple[str, str]]:
    found = []
    if not math.isfinite(point.value):
        found.append(("value", "a value is a finite number"))
    elif abs(point.value) > MOST_VALUE:
        found.append(("value", f"at most {MOST_VALUE:g}"))
    elif point.value < least:
        found.append(("value", f"is never below {least:g} {point.kpi.unit}"))
    elif point.value > greatest:
        below = "a raw figure is never below 0" if point.raw is not None else f"never passes {greatest:.6g} {point.kpi.unit}"
        found.append(("value", below))
    if point.at.tzinfo is None:
        found.append(("at", "a time has an offset from UTC"))
    elif point.at > latest:
        found.append(("at", "lies in the future"))
    elif point.at < EARLIEST:
        found.append(("at", "lies before the year 2000"))
    if not 1 <= point.count <= MOST_COUNT:
        found.append(("count", f"a count is at least 1 and at most {MOST_COUNT:,}"))
    elif not _says_what_it_is(point):
        told = NO_PERCENTILE.format(point.kpi.get_aggregation_display())
        found.append(("reported", f"{told}: {INSTEAD}"))
    if point.raw is not None and point.histogram is not None:
        found.append(("histogram", "a reduction is computed from a single figure"))
    if point.kpi.archived_at is not None:
        found.append(("kpi", "is archived: restore it first"))
    if not point.subject.strip():
        found.append(("subject", "a subject is needed"))
    for name, longest in LONGEST.items():
        text = getattr(point, name)
        if len(text) > longest or "\0" in text:
            found.append((name, f"at most {longest} characters, none of them NUL"))
        elif name in NAMES and text.strip() and UNSEEN.search(text):
            found.append((name, "holds a control character, or one that turns the direction of writing round"))
    return found
