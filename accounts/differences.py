"""What a change changed, in words: one line per field, before → after, never a raw list or JSON. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

NOTHING = "nothing"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_KPI = re.compile(r"\bkpi(s?)\b", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_UNITS = {"s": "s", "ms": "ms", "h": "hours", "pct": "%"}
MOST = 300
"""Characters of one side: a page shows what changed, the history keeps the whole."""


@dataclass(frozen=True)
class Line:
    """One field that changed. `before` or `after` is empty where the entry does not say it."""

    label: str
    before: str
    after: str

    def __str__(self) -> str:
        if self.before and self.after:
            return f"{self.label}: {self.before} → {self.after}"
        return f"{self.label}: {self.after}" if self.after else f"{self.label}: was {self.before}"


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Line]:
    """The fields whose value is not the same on both sides, in the order in which they are told.

    Of what was made or removed, only what it said: a field that one side alone has, and that holds nothing, is left out.
    """
    names = [name for name in dict.fromkeys((*before, *after)) if not _silent(name, before, after)]
    return [
        Line(label(name), words(before[name]) if name in before else "", words(after[name]) if name in after else "")
        for name in names
        if name not in before or name not in after or before[name] != after[name]
    ]


def _silent(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return (name in before) != (name in after) and words(before.get(name, after.get(name))) == NOTHING


def label(name: str) -> str:
    """A field's name as people say it: `alert_threshold` is `Alert threshold`, `interval_s` is `Interval, s`."""
    stem, _, unit = name.rpartition("_")
    if stem and unit in _UNITS:
        return f"{_spaced(stem)}, {_UNITS[unit]}"
    return _spaced(name.removesuffix("_at").removesuffix("_on") or name)


def words(value: Any) -> str:
    """A value as people read it; what is not stated is `nothing`."""
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
    if isinstance(value, Mapping):
        return _cut("; ".join(f"{label(str(name)).lower()} {words(one)}" for name, one in value.items()))
    if isinstance(value, list | tuple):
        return _cut(", ".join(words(one) for one in value))
    return _cut(_moment(str(value)))


def _spaced(name: str) -> str:
    text = name.replace("_", " ").strip()
    return _KPI.sub(r"KPI\1", text[:1].upper() + text[1:])


def _cut(text: str) -> str:
    return text if len(text) <= MOST else f"{text[: MOST - 1]}…"


def _moment(text: str) -> str:
    """A time or day that the history keeps in ISO form, as people write it; anything else as it is."""
    try:
        if _MOMENT.match(text):
            return f"{datetime.fromisoformat(text):%-d %b %Y %H:%M}"
        if _DAY.fullmatch(text):
            return f"{date.fromisoformat(text):%-d %b %Y}"
    except ValueError:
        pass
    return text
