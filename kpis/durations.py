"""Lengths of time as people type them: `90s`, `5m`, `24h`, `7d`, `1h 30m`. Pure."""

from __future__ import annotations

import re

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
LONGEST_S = 10 * 366 * 86400
_WORDS = {"sec": "s", "second": "s", "min": "m", "minute": "m", "hour": "h", "day": "d", "week": "w"}
_PART = re.compile(r"(\d+)\s*([a-z]+)")


class BadDuration(ValueError):
    """Text that is no length of time, with what to write instead."""


def parse(text: str) -> int:
    """Whole seconds, at least one. A bare number is refused: nobody knows of what. Raises BadDuration."""
    parts = _PART.findall(text.lower())
    if not parts or _PART.sub("", text.lower()).strip(" ,"):
        raise BadDuration("Write a length of time such as 90s, 5m, 24h or 7d.")
    total = 0
    for number, word in parts:
        unit = word if word in SECONDS else _WORDS.get(word.removesuffix("s"), "")
        if not unit:
            raise BadDuration(f"“{word}” is no unit of time: use s, m, h, d or w.")
        total += int(number[:12]) * SECONDS[unit]
    if not 1 <= total <= LONGEST_S:
        raise BadDuration("A length of time is at least a second and at most ten years.")
    return total


def text(seconds: int) -> str:
    """The shortest notation that `parse` reads back."""
    parts = []
    for unit in ("d", "h", "m", "s"):
        count, seconds = divmod(seconds, SECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"
