"""One figure by a read-only statement of the engineer's own."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from probes.kinds.base import Outcome
from probes.sources.base import Unread
from probes.sources.postgres import Session
from probes.sources.written import NoFigure, figure

MOST_ROWS, MOST_CHARACTERS = 1, 2_000
WINDOW_START = re.compile(r"(?<![:\w]):window_start\b")


@dataclass(frozen=True)
class Answer:
    """The figure, None where there is none; `whole` when it was told of all history, not of a window."""

    value: float | None
    samples: int
    at: datetime
    whole: bool


def wants_window(statement: str) -> bool:
    return bool(WINDOW_START.search(statement))


def limited(statement: str) -> str:
    """The statement inside one of ours: what is not a query is a syntax error there, and rows and their width are held."""
    inner = WINDOW_START.sub("%(window_start)s::timestamptz", statement.strip().rstrip(";").replace("%", "%%"))
    return (
        f"SELECT /* milepost */ left(row_to_json(milepost)::text, %(characters)s), transaction_timestamp() "  # noqa: S608 - theirs, read-only
        f"FROM (\n{inner}\n) AS milepost LIMIT %(rows)s"
    )


async def answer(session: Session, statement: str, window_start: str | None, unit: str) -> Answer:
    """Ask for one row: its first column is the figure, a column `samples` how many stand behind it. Raises Unread."""
    params = {"characters": MOST_CHARACTERS, "rows": MOST_ROWS + 1, "window_start": window_start}
    cursor = await session.execute(limited(statement), params, binary=True)
    rows = await cursor.fetchall()
    if len(rows) > MOST_ROWS:
        raise Unread("the statement gave more than one row; it must give one figure", reason="several rows")
    if not rows:
        raise Unread("the statement gave no row", outcome=Outcome.OK, reason="no row")
    text, at = rows[0]
    try:
        columns: list[tuple[str, Any]] = json.loads(text, object_pairs_hook=list)
        value = None if columns[0][1] is None else figure(columns[0][1], unit)
    except (ValueError, IndexError, NoFigure):
        raise Unread("the first column of the statement is no number", reason="no number") from None
    samples = next((count for name, count in columns if name == "samples" and isinstance(count, int)), 1)
    return Answer(value, samples, at, whole=not wants_window(statement))
