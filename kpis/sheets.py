"""A table of measurements as people keep it: CSV with a header, its columns known by friendly names. Pure."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from datetime import UTC, datetime

COLUMNS = ("kpi", "subject", "environment", "at", "value", "count", "unit", "note", "reported")
NEEDED = ("kpi", "subject", "at", "value")
ALIASES = {
    "kpi key": "kpi", "key": "kpi", "metric": "kpi", "name": "kpi", "service": "subject", "of what": "subject",
    "env": "environment", "time": "at", "timestamp": "at", "date": "at", "day": "at", "when": "at", "measured at": "at",
    "figure": "value", "amount": "value", "samples": "count", "n": "count", "units": "unit", "comment": "note",
    "remark": "note",
}  # fmt: skip
MOST_BYTES = 2_000_000
MOST_LINES = 10_000
MOST_CELL = 500
DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class Fault:
    """What is wrong in one cell (or, without a column, in a line): told so that it can be put right."""

    line: int
    column: str
    detail: str


@dataclass(frozen=True)
class Line:
    """One row by column; `number` is its line in the file."""

    number: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


@dataclass
class Sheet:
    lines: list[Line] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def decode(data: bytes) -> str:
    """The text of a file as spreadsheets save it. Raises ValueError."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError("The file is not UTF-8 text: save it as “CSV UTF-8”.") from error


def read(text: str) -> Sheet:
    """The rows of a table, and everything that is wrong with its form."""
    sheet = Sheet()
    text = text.lstrip("\ufeff")
    if not text.strip():
        sheet.faults.append(Fault(1, "", "It is empty: the first line names the columns, such as kpi,subject,at,value."))
        return sheet
    first = next(line for line in text.splitlines() if line.strip())
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=first.count), strict=True)
    columns: list[str] = []
    began = 1
    try:
        for cells in reader:
            number, began = began, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = _header(cells, number, sheet)
                if sheet.faults:
                    return sheet
            elif len(sheet.lines) >= MOST_LINES:
                sheet.faults.append(Fault(number, "", f"At most {MOST_LINES:,} rows at once: bring the rest in another file."))
                return sheet
            else:
                _row(cells, columns, number, sheet)
    except csv.Error as error:
        sheet.faults.append(Fault(began, "", f"This line cannot be read as CSV ({error}): look at its quotation marks."))
    if not sheet.lines and not sheet.faults:
        sheet.faults.append(Fault(1, "", "Below the names of the columns there is no row."))
    return sheet


def moment(text: str) -> datetime:
    """An ISO 8601 day or time; UTC where it names no offset. Raises ValueError or OverflowError."""
    at = datetime.fromisoformat(text.strip().replace(" UTC", "Z"))
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def write(rows: list[dict[str, str]]) -> str:
    """A table that `read` reads back."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _header(cells: list[str], number: int, sheet: Sheet) -> list[str]:
    columns = []
    for cell in cells:
        name = " ".join(cell.strip().lower().replace("_", " ").split())
        column = name if name in COLUMNS else ALIASES.get(name, "")
        if not column and name:
            sheet.faults.append(Fault(number, cell.strip()[:40], f"No such column: use {', '.join(COLUMNS)}, or take it out."))
        elif column and column in columns:
            sheet.faults.append(Fault(number, cell.strip()[:40], f"Two columns say {column}: take one out."))
        columns.append(column)
    missing = [name for name in NEEDED if name not in columns]
    if missing and not sheet.faults:
        said = f"The first line names the columns, such as kpi,subject,at,value: {', '.join(missing)} is missing."
        sheet.faults.append(Fault(number, missing[0], said))
    return columns


def _row(cells: list[str], columns: list[str], number: int, sheet: Sheet) -> None:
    if any(cell.strip() for cell in cells[len(columns) :]):
        said = f"There are {len(cells)} cells under {len(columns)} columns: quote a text or figure that has a comma in it."
        sheet.faults.append(Fault(number, "", said))
        return
    line = Line(number, {column: cell.strip() for column, cell in zip(columns, cells, strict=False) if column})
    long = [column for column, cell in line.cells.items() if len(cell) > MOST_CELL]
    sheet.faults += [Fault(number, column, f"At most {MOST_CELL} characters.") for column in long]
    sheet.lines.append(line)
