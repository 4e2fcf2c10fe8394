"""What a benchmark found, as a row of a table: a figure, the limit beside it in the same run, and their ratio."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Line(NamedTuple):
    """`wanted` says what the design asks for; `met` whether it was reached, None where nothing is asked for."""

    what: str
    figure: str
    beside: str = ""
    ratio: str = ""
    wanted: str = ""
    met: bool | None = None


def markdown(lines: Iterable[Line]) -> str:
    rows = ["| what | measured | beside | ratio | wanted | |", "| --- | --- | --- | --- | --- | --- |"]
    words = {True: "reached", False: "**not reached**", None: ""}
    return "\n".join(rows + [f"| {' | '.join(line[:5])} | {words[line.met]} |" for line in lines])
