"""Tables for spreadsheets: CSV in which no text is ever run as a formula. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

_STARTS = tuple("=+-@\t\r\n＝＋－＠")


def cell(value: object) -> object:
    """A figure as it is, nothing as an empty cell, text that a spreadsheet would run quoted."""
    if value is None or isinstance(value, int | float):
        return "" if value is None else value
    text = str(value).replace("\x00", "")
    return f"'{text}" if text.startswith(_STARTS) else text


def lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Row by row as CSV text, for an answer that is streamed."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for row in rows:
        writer.writerow([cell(value) for value in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
