"""Figures as people and programs write them: 33.3, "33.3%", "1,250 ms". Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from kpis.units import UNITS

WRITTEN = re.compile(
    r"\s*(?P<number>[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:e[+-]?\d+)?)\s*(?P<unit>[^\s\d.,+-][^\s]{0,9})?\s*", re.I | re.A
)
SPELLINGS = {
    "percent": "%", "ms": "ms", "msec": "ms", "millis": "ms", "milliseconds": "ms", "sec": "s", "secs": "s", "seconds": "s",
    "µs": "us", "μs": "us", "b": "bytes", "byte": "bytes", "kb": "kB", "mb": "MB", "gb": "GB", "kib": "KiB", "mib": "MiB",
    "gib": "GiB", "/s": "1/s", "rps": "1/s", "req/s": "1/s",
}  # fmt: skip


class NotAFigure(ValueError):
    """Something that no number can be read from."""


@dataclass(frozen=True)
class Figure:
    """A finite number, and the unit that was written with it ("" where none was)."""

    value: float
    unit: str = ""


def figure(written: Any) -> Figure:
    """Read a number, or a text that holds one with or without its unit. Raises NotAFigure."""
    if isinstance(written, bool) or not isinstance(written, (int, float, str)):
        raise NotAFigure(f"{type(written).__name__} is no number")
    if not isinstance(written, str):
        return Figure(_finite(written))
    found = WRITTEN.fullmatch(written) if len(written) <= 64 else None
    if found is None or not any(sign.isdigit() for sign in found["number"]):
        raise NotAFigure("the text holds no number")
    return Figure(_finite(found["number"].replace(",", "")), _unit(found["unit"] or ""))


def _finite(number: float | str) -> float:
    try:
        value = float(number)
    except (ValueError, OverflowError):
        raise NotAFigure("the number cannot be read") from None
    if not math.isfinite(value):
        raise NotAFigure("the number is not finite")
    return value


def _unit(written: str) -> str:
    if not written or written in UNITS:
        return written
    try:
        return SPELLINGS[written.lower()]
    except KeyError:
        raise NotAFigure(f"{written!r} is not a unit") from None
