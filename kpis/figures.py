"""Figures as people type them: `450`, `0.45 s`, `1,200`, `$ 1,200`, `38 %`. Pure."""

from __future__ import annotations

import math
import re

from kpis.units import UNITS, UnitMismatch, convert

_FIGURE = re.compile(
    r"(?P<sign>[-−+]?)\s*(?P<dollar>\$?)\s*(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?P<exponent>[eE][+-]?\d{1,3})?\s*(?P<unit>(?:1/|[^\d\s.,]).*)?"
)
_WORDS = {
    "µs": "us", "μs": "us", "sec": "s", "second": "s", "seconds": "s", "minute": "min", "minutes": "min", "hour": "h",
    "hours": "h", "percent": "%", "kb": "kB", "mb": "MB", "gb": "GB", "byte": "bytes", "b": "bytes", "/s": "1/s",
    "req/s": "1/s", "rps": "1/s", "/min": "1/min", "$": "USD", "usd": "USD", "of 5": "score", "/5": "score",
}  # fmt: skip


class BadFigure(ValueError):
    """Text that is no figure, with what to write instead."""


def parse(text: str, unit: str) -> float:
    """The figure in `unit`; a unit that the text names is converted. Raises BadFigure."""
    found = shape(text)
    value = float(found["number"].replace(",", "") + (found["exponent"] or ""))
    named = unit_of(found["unit"] or "") or ("USD" if found["dollar"] else unit)
    try:
        value = convert(-value if found["sign"] in ("-", "−") else value, named, unit)
    except UnitMismatch as error:
        raise BadFigure(f"{error}.") from error
    if not math.isfinite(value):
        raise BadFigure("That is too large a number.")
    return value


def shape(text: str) -> re.Match[str]:
    """The parts of a figure, whatever its unit. Raises BadFigure."""
    found = _FIGURE.fullmatch(text.strip().replace("\u00a0", " "))
    if found is None:
        raise BadFigure(f"“{text.strip()[:40]}” is no figure: write it like 1200, 1,200 or 0.45, decimals with a point.")
    return found


def unit_of(text: str) -> str:
    """The unit that a word means; empty for none. Raises BadFigure."""
    word = text.strip()
    if not word or word in UNITS:
        return word
    if word.lower() in _WORDS:
        return _WORDS[word.lower()]
    raise BadFigure(f"“{word[:20]}” is no unit: use one of {', '.join(UNITS)}.")
