"""Figures as programs write them: 33.3, "33.3%", "1,250 ms". Pure."""

from __future__ import annotations

import math
from typing import Any

from kpis.figures import BadFigure, parse

LONGEST = 64


class NoFigure(ValueError):
    """Something that no number can be read from, or one in another unit."""


def figure(written: Any, unit: str) -> float:
    """A number in `unit`, or a text that holds one; a unit that the text names is converted. Raises NoFigure."""
    if isinstance(written, str) and len(written) <= LONGEST:
        try:
            return parse(written, unit)
        except BadFigure as error:
            raise NoFigure(str(error)) from None
    if isinstance(written, bool) or not isinstance(written, (int, float)):
        raise NoFigure("that is no number")
    try:
        value = float(written)
    except OverflowError:
        raise NoFigure("the number is too large") from None
    if not math.isfinite(value):
        raise NoFigure("the number is not finite")
    return value
