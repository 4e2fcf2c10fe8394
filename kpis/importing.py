"""Measurements out of a file: each row understood, or told what is wrong with it; brought in wholly or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches

from django.db import transaction

from accounts.models import User
from accounts.spreadsheets import cell
from kpis import figures, sheets
from kpis.entering import Entry, bring_in
from kpis.identity import Conflict
from kpis.models import KPI, Scorecard
from kpis.points import Point, Rejected
from kpis.sheets import Fault, Line
from kpis.standing import standings
from kpis.units import convert

MOST_GUESSES = 20
YES_OR_NO = {"": False, "no": False, "false": False, "0": False, "yes": True, "true": True, "1": True}
MOST_REPEATS = 5
TWICE = "Line {} gives another {} for the same time: keep one of them."
STANDS = "Another figure of it stands at this time: change the value, or take the other one back first."


@dataclass
class Reading:
    """What a file says: its rows as points, beside their lines, and everything that is wrong. `repeats` are lines that say
    once more what an earlier line says: the first is stored, they are ignored."""

    lines: list[Line] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    repeats: dict[int, int] = field(default_factory=dict)
    entry: Entry | None = None

    @property
    def stood(self) -> int:
        """How many rows were stored before this file, with the same figure."""
        return self.entry.receipt.ignored - len(self.repeats) if self.entry else 0

    @property
    def repeated(self) -> str:
        """Which lines repeat which, the first few by their numbers."""
        told = [f"line {number} repeats line {first}" for number, first in list(self.repeats.items())[:MOST_REPEATS]]
        more = len(self.repeats) - len(told)
        return ", ".join([*told, *([f"and {more:,} more"] if more else [])]).capitalize()

    @property
    def kpis(self) -> dict[KPI, int]:
        """How many rows each KPI has."""
        found: dict[KPI, int] = {}
        for point in self.points:
            found[point.kpi] = found.get(point.kpi, 0) + 1
        return found


class _Names:
    """The KPIs of a scorecard by what a file calls them: their key or name."""

    def __init__(self, scorecard: Scorecard) -> None:
        kpis = list(KPI.objects.active().filter(scorecard=scorecard).select_related("scorecard"))
        self.prefix = f"{scorecard.slug}/"
        self.keys = [kpi.key for kpi in kpis]
        self.known = {kpi.name.casefold(): kpi for kpi in kpis} | {kpi.key: kpi for kpi in kpis}
        self.unknown: dict[str, str] = {}

    def find(self, text: str) -> KPI | None:
        name = text.removeprefix(self.prefix)
        return self.known.get(name) or self.known.get(name.casefold())

    def instead(self, text: str) -> str:
        """What to write for a name that is not known; looking for what is near takes long, so only for the first few."""
        if text not in self.unknown:
            first = len(self.unknown) < MOST_GUESSES
            near = get_close_matches(text[:60], self.keys, n=1, cutoff=0.5) if first else []
            self.unknown[text] = f"did you mean {near[0]}?" if near else "the example names all of them."
        return self.unknown[text]


def read(text: str, *, scorecard: Scorecard) -> Reading:
    """Understand a file, without looking at what is stored."""
    sheet = sheets.read(text)
    reading = Reading(faults=list(sheet.faults))
    names = _Names(scorecard)
    seen: dict[tuple[int, str, str, datetime], tuple[int, Point]] = {}
    for line in sheet.lines:
        point, wrong = _point(line, names)
        if point is not None:
            key = (point.kpi.pk, point.subject, point.environment, point.at)
            number, first = seen.setdefault(key, (line.number, point))
            other = [name for name in ("value", "count", "reported") if getattr(first, name) != getattr(point, name)]
            if other:
                wrong.append(Fault(line.number, other[0], TWICE.format(number, other[0])))
            elif first is not point:
                reading.repeats[line.number] = number
        if wrong or point is None:
            reading.faults += wrong
        else:
            reading.lines.append(line)
            reading.points.append(point)
    return reading


def check(text: str, *, scorecard: Scorecard, actor: User, now: datetime) -> Reading:
    """What bringing a file in would do; nothing is stored."""
    reading = read(text, scorecard=scorecard)
    _try(reading, scorecard, actor, now)
    return reading


def bring(text: str, *, scorecard: Scorecard, actor: User, now: datetime, token: str = "") -> Reading:
    """Bring a file in: every row, or, where anything is wrong, none; `entry` says what was stored."""
    reading = read(text, scorecard=scorecard)
    if not reading.faults:
        _bring_in(reading, scorecard, actor, now, token)
    if reading.faults:
        _try(reading, scorecard, actor, now)
    return reading


def example(scorecard: Scorecard, *, now: datetime) -> str:
    """A file with a row for every KPI of the scorecard, each at a figure that it could have today.

    Whoever sends measurements names subjects, so that these are written as text that no spreadsheet runs.
    """
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    kpis = KPI.objects.active().filter(scorecard=scorecard).select_related("scorecard")
    rows = []
    for one in standings(kpis, now=now):
        kpi, series = one.kpi, one.series[0] if one.series else None
        value = kpi.reference if kpi.reference is not None else one.actual if one.actual is not None else None
        value = value if value is not None else one.target.value if one.target else 1.0
        rows.append(
            {
                "kpi": kpi.key,
                "subject": str(cell(series.subject if series else kpi.across_subject or scorecard.slug)),
                "environment": str(cell(series.environment)) if series else "",
                "at": f"{today:%Y-%m-%dT%H:%MZ}",
                "value": f"{value:.6g}",
                "count": "1",
                "unit": kpi.measured_unit,
                "note": "an example: put your figure here",
            }
        )
    return sheets.write(rows)


def _try(reading: Reading, scorecard: Scorecard, actor: User, now: datetime) -> None:
    """Store what is not known to be wrong and take it back, until nothing new is found: every fault is told in one go."""
    with transaction.atomic():
        while reading.points and not _bring_in(reading, scorecard, actor, now, ""):
            pass
        transaction.set_rollback(True)
    if reading.faults:
        reading.entry = None


def _bring_in(reading: Reading, scorecard: Scorecard, actor: User, now: datetime, token: str) -> bool:
    """Store the rows, and whether that was done; where some are refused, say so by line and column, and leave them out."""
    try:
        reading.entry = bring_in(scorecard=scorecard, points=reading.points, actor=actor, now=now, token=token)
        return True
    except Rejected as error:
        told = [(index, name, f"{detail[:1].upper()}{detail[1:]}.") for index, name, detail in error.errors]
    except Conflict as error:
        told = [(index, "value", STANDS) for index in error.indices]
    reading.faults += [Fault(reading.lines[index].number, name, text) for index, name, text in told]
    gone = {index for index, _, _ in told}
    reading.lines = [line for index, line in enumerate(reading.lines) if index not in gone]
    reading.points = [point for index, point in enumerate(reading.points) if index not in gone]
    return False


def _point(line: Line, names: _Names) -> tuple[Point | None, list[Fault]]:
    empty = [name for name in sheets.NEEDED if not line[name]]
    wrong = [Fault(line.number, name, "It is empty: fill it in, or take the line out.") for name in empty]
    kpi = _kpi(line, names, wrong)
    at, count = _at(line, wrong), _count(line, wrong)
    value, reported = _value(line, kpi, wrong), _reported(line, wrong)
    if wrong or kpi is None or at is None:
        return None, wrong
    point = Point(
        kpi=kpi, subject=line["subject"], environment=line["environment"], at=at, value=value, count=count,
        note=line["note"], origin="", reported=reported,
    )  # fmt: skip
    return point, wrong


def _kpi(line: Line, names: _Names, wrong: list[Fault]) -> KPI | None:
    found = names.find(line["kpi"])
    if line["kpi"] and found is None:
        said = f"There is no KPI “{line['kpi'][:60]}” in this scorecard: {names.instead(line['kpi'])}"
        wrong.append(Fault(line.number, "kpi", said))
    return found


def _at(line: Line, wrong: list[Fault]) -> datetime | None:
    if not line["at"]:
        return None
    try:
        return sheets.moment(line["at"])
    except (ValueError, OverflowError):
        said = f"“{line['at'][:40]}” is no time: write it as 2026-02-28 or 2026-02-28T18:00Z."
        wrong.append(Fault(line.number, "at", said))
        return None


def _count(line: Line, wrong: list[Fault]) -> int:
    try:
        count = figures.parse(line["count"] or "1", "count")
    except figures.BadFigure as error:
        wrong.append(Fault(line.number, "count", str(error)))
        return 1
    if count != int(count) or count < 1:
        wrong.append(Fault(line.number, "count", "A count is a whole number, at least 1."))
    return max(int(count), 1)


def _reported(line: Line, wrong: list[Fault]) -> bool:
    said = line["reported"].lower()
    if said not in YES_OR_NO:
        wrong.append(Fault(line.number, "reported", "Write yes where the source gave the percentile ready-made, else nothing."))
    return YES_OR_NO.get(said, False)


def _value(line: Line, kpi: KPI | None, wrong: list[Fault]) -> float:
    """In the unit that the KPI takes; of a KPI that is not known, or a unit that does not fit, the form alone is looked at."""
    unit = ""
    try:
        unit = figures.unit_of(line["unit"])
        if kpi is not None:
            unit = unit or kpi.measured_unit
            convert(1.0, unit, kpi.measured_unit)
    except ValueError as error:
        wrong.append(Fault(line.number, "unit", f"{error}{'' if str(error).endswith('.') else '.'}"))
        kpi = None
    if not line["value"]:
        return 0.0
    try:
        if kpi is not None:
            return convert(figures.parse(line["value"], unit), unit, kpi.measured_unit)
        figures.shape(line["value"])
    except figures.BadFigure as error:
        wrong.append(Fault(line.number, "value", str(error)))
    return 0.0


def first(faults: Sequence[Fault], most: int) -> list[Fault]:
    """The first faults, by line."""
    return sorted(faults, key=lambda fault: fault.line)[:most]
