"""What an application says of itself in `Server-Timing` headers (W3C): `db;dur=12.3, cache;desc="hit";dur=0.2`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from probes.kinds.base import Target, Tools
from probes.sources.base import Unread
from probes.sources.sampling import answers

ENTRY = re.compile(
    r'\s*+([!#$%&\'*+.^_`|~0-9A-Za-z-]++)((?:\s*+;\s*+[^\s;,="]++\s*+=\s*+(?:"(?:[^"\\]|\\.)*+"|[^\s;,"]*+))*+)\s*+(?:,|$)'
)
"""Possessive, since a stranger writes the header."""

PARAMETER = re.compile(r';\s*([^\s;,="]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*)')
DURATION = re.compile(r"[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?", re.I)
LONGEST_HEADER = 8_000


def duration_ms(headers: Mapping[str, str], name: str) -> float | None:
    """Time of the entries of this name together; None where the header, the entry or its duration is missing."""
    header, place, found = headers.get("server-timing", "")[:LONGEST_HEADER], 0, []
    while entry := ENTRY.match(header, place):
        if entry[1].lower() == name.lower():
            told = {key.lower(): text.strip('"') for key, text in PARAMETER.findall(entry[2])}
            if DURATION.fullmatch(told.get("dur", "")):
                found.append(float(told["dur"]))
        place = entry.end()
        if place >= len(header):
            break
    total = sum(found)
    return total if found and math.isfinite(total) else None


async def durations(target: Target, tools: Tools, paths: Sequence[str], requests: int, name: str) -> list[float]:
    """Ask the paths in turn, one after another. Raises Unread where not one answer carries the entry."""
    told = [duration_ms(page.headers, name) async for page in answers(target, tools, paths, requests)]
    found = [duration for duration in told if duration is not None]
    if not found:
        raise Unread(f"no answer carried Server-Timing with {name};dur=…", reason="no Server-Timing")
    return found
