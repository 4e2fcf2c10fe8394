"""Figures of a Prometheus server (or of what speaks its HTTP API, version 1)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec

from probes import http
from probes.kinds.base import Outcome, Page, Target, Tools
from probes.sources.base import Unread
from probes.sources.many import Combine, combined

MOST_SERIES, MOST_POINTS = 1_000, 1_000
ERRORS = {
    "timeout": "the query took too long",
    "canceled": "the query was cancelled",
    "execution": "the query failed",
    "bad_data": "the query is not understood",
    "internal": "an error of its own",
    "unavailable": "it is not available",
    "not_found": "not found",
    "not_acceptable": "not acceptable",
}
UNREADABLE = "the answer is not that of a Prometheus server"
Point = tuple[float, float]


class Data(msgspec.Struct):
    resultType: str = ""
    result: Any = None


class Answer(msgspec.Struct):
    """What version 1 of the API answers, as far as it is needed."""

    status: str
    data: Data | None = None
    errorType: str = ""
    error: str = ""
    warnings: list[str] = []


class Series(msgspec.Struct):
    value: tuple[float, str] | None = None
    values: list[tuple[float, str]] = []


@dataclass(frozen=True)
class Span:
    """A range query: from `length` before now, a point every `step_s`."""

    length: timedelta
    step_s: int


async def points(target: Target, tools: Tools, *, address: str, query: str, span: Span | None, how: Combine) -> list[Point]:
    """(time, figure) of the query, its series put together at each time: one point without a span. Raises Unread."""
    now = tools.now()
    asked = f"{(address or target.base_url).rstrip('/')}/api/v1/{'query_range' if span else 'query'}?{_asked(query, now, span)}"
    page = await http.ask(asked, target, policy=tools.policy, at=now)
    return await asyncio.to_thread(_together, page, how)  # beside requests that are being timed


def _together(page: Page, how: Combine) -> list[Point]:
    by_time: dict[float, list[float]] = {}
    for at, value in _points(answer_of(page)):
        if math.isfinite(value):
            by_time.setdefault(at, []).append(value)
    return [(at, combined(values, how)) for at, values in sorted(by_time.items())]


def _asked(query: str, now: datetime, span: Span | None) -> str:
    if span is None:
        return urlencode({"query": query, "time": f"{now.timestamp():.3f}"})
    start = now - span.length
    return urlencode(
        {"query": query, "start": f"{start.timestamp():.3f}", "end": f"{now.timestamp():.3f}", "step": str(span.step_s)}
    )


def answer_of(page: Page) -> Data:
    """The data of a good answer. Raises Unread; of a bad one only what the API documents is told."""
    try:
        answer = msgspec.json.decode(page.text, type=Answer)
    except (msgspec.MsgspecError, RecursionError):
        raise Unread(f"{UNREADABLE} (status {page.status})") from None
    if answer.status == "success" and answer.data is not None:
        return answer.data
    if answer.errorType not in ERRORS:
        raise Unread(f"{UNREADABLE} (status {page.status})")
    outcome = Outcome.TIMED_OUT if answer.errorType == "timeout" else Outcome.FAILED
    said = f": {answer.error[:200]}" if answer.errorType == "bad_data" and answer.error.isprintable() else ""
    raise Unread(f"Prometheus: {ERRORS[answer.errorType]}{said}", outcome=outcome, reason=answer.errorType)


def _points(data: Data) -> list[Point]:
    """Every point of every series; Prometheus writes numbers as texts, among them NaN and +Inf."""
    try:
        if data.resultType == "scalar":
            at, value = msgspec.convert(data.result, tuple[float, str])
            return [(at, float(value))]
        if data.resultType not in ("vector", "matrix"):
            raise Unread("the query gives a text, not a figure", reason="no figure")
        rows = msgspec.convert(data.result, list[Series])
        pairs = [pair for row in rows[: MOST_SERIES + 1] for pair in _pairs(row)]
        found = [(at, float(value)) for at, value in pairs]
    except (msgspec.ValidationError, ValueError):
        raise Unread(UNREADABLE) from None
    if len(rows) > MOST_SERIES:
        raise Unread(f"the query gives more than {MOST_SERIES:,} series; aggregate them", reason="too many series")
    return found


def _pairs(row: Series) -> Sequence[tuple[float, str]]:
    return row.values or ([row.value] if row.value else [])
