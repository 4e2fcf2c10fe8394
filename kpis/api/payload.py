"""The bulk payload of measurements: JSON array, `{"measurements": […]}` or one JSON object a line, read by msgspec."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec

from accounts.problems import invalid
from kpis.points import MOST_POINTS

MOST_BUCKETS = 20_000
MOST_VALUE = 1e100
"""Of a histogram's values: in no unit do they pass what a float holds."""

_PLACE = re.compile(r"(?P<detail>.*?)(?: - at `(?P<path>\$[^`]*)`)?$", re.DOTALL)
_LEAP = re.compile(r"^(.*[T ]\d\d:\d\d:)60((?:[.,]\d+)?)(Z|[+-]\d\d:?\d\d)$")


class HistogramIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Values ascending, counts whole and positive."""

    values: Annotated[list[Annotated[float, msgspec.Meta(le=MOST_VALUE)]], msgspec.Meta(min_length=1, max_length=MOST_BUCKETS)]
    counts: Annotated[list[int], msgspec.Meta(min_length=1, max_length=MOST_BUCKETS)]
    unit: str = ""


class MeasurementIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row; `kpi` is `scorecard/key` or the bare key where only one KPI has it; units default to the KPI's."""

    kpi: str
    subject: str
    at: str
    value: float
    environment: str = ""
    count: int | None = None
    histogram: HistogramIn | None = None
    unit: str = ""
    reported: bool = False


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    measurements: list[MeasurementIn]


class Malformed(ValueError):
    """What cannot be read at all."""


class Faulty(ValueError):
    """What can be read but is not valid: `errors` as (path, detail)."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__(errors[0][1])
        self.errors = errors


@dataclass(frozen=True)
class Batch:
    """The rows, and the path of the list that they stand in."""

    rows: list[MeasurementIn]
    prefix: str


_ROWS = msgspec.json.Decoder(list[MeasurementIn])
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ROW = msgspec.json.Decoder(MeasurementIn)


def read(body: bytes, *, lines: bool) -> Batch:
    """Decode a request's body. Raises Malformed or Faulty."""
    body = body.strip()
    if not body:
        raise Malformed("The body is empty.")
    batch = _lines(body) if lines else _document(body)
    if len(batch.rows) > MOST_POINTS:
        raise Faulty([(f"{batch.prefix}[{MOST_POINTS}]", f"At most {MOST_POINTS:,} measurements at once.")])
    return batch


def _document(body: bytes) -> Batch:
    enveloped = body.startswith(b"{")
    prefix = "$.measurements" if enveloped else "$"
    try:
        return Batch(_ENVELOPE.decode(body).measurements if enveloped else _ROWS.decode(body), prefix)
    except msgspec.ValidationError as error:
        raise Faulty([_place(error)]) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        loose = _loosely(body, error, "$")
    try:
        if enveloped:
            return Batch(msgspec.convert(loose, _Envelope).measurements, prefix)
        return Batch(msgspec.convert(loose, list[MeasurementIn]), prefix)
    except msgspec.ValidationError as error:
        raise Faulty([_place(error)]) from error


def _lines(body: bytes) -> Batch:
    rows: list[MeasurementIn] = []
    for number, line in enumerate(body.splitlines(), start=1):
        if not line.strip():
            continue
        index = len(rows)
        try:
            rows.append(_ROW.decode(line))
        except msgspec.ValidationError as error:
            raise Faulty([_place(error, f"$[{index}]")]) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            try:
                rows.append(msgspec.convert(_loosely(line, error, f"$[{index}]"), MeasurementIn))
            except msgspec.ValidationError as invalid:
                raise Faulty([_place(invalid, f"$[{index}]")]) from invalid
            except Malformed as malformed:
                raise Malformed(f"Line {number}: {malformed}") from error
    return Batch(rows, "$")


def _loosely(body: bytes, error: Exception, prefix: str) -> Any:
    """Python's reader takes NaN and Infinity, so that they can be refused with their place; text it takes too easily."""
    try:
        loose = json.loads(body)
        broken = _broken_text(loose, prefix)
    except (ValueError, RecursionError):
        raise Malformed(str(error)) from error
    if broken is not None:
        raise Faulty([(broken, "The text holds half of a surrogate pair.")])
    return loose


def _broken_text(value: Any, path: str) -> str | None:
    """Where text stands that is no Unicode: half of a surrogate pair."""
    if isinstance(value, str):
        return path if any("\ud800" <= letter <= "\udfff" for letter in value) else None
    parts: list[tuple[Any, str]] = []
    if isinstance(value, dict):
        parts = [(key, path) for key in value] + [(item, f"{path}.{key}") for key, item in value.items()]
    elif isinstance(value, list):
        parts = [(item, f"{path}[{index}]") for index, item in enumerate(value)]
    return next((place for item, name in parts if (place := _broken_text(item, name))), None)


def _place(error: Exception, prefix: str = "$") -> tuple[str, str]:
    found = _PLACE.match(str(error))
    path, detail = (found["path"] or "$", found["detail"]) if found else ("$", str(error))
    if missing := re.search(r"(?:missing required|unknown) field `([^`]+)`", detail):
        path = f"{path}.{missing[1]}"
    return prefix + path.removeprefix("$"), detail


def moment(text: str) -> datetime:
    """An ISO 8601 time with its offset from UTC. Raises ValueError.

    A leap second (`:60`, at the end of a UTC month only) is the moment after it, as POSIX time has it.
    """
    if ":60" in text and (leap := _LEAP.match(text)):
        after = moment(f"{leap[1]}59{leap[2]}{leap[3]}") + timedelta(seconds=1)
        if f"{after.astimezone(UTC):%d %H:%M:%S}" != "01 00:00:00":
            raise ValueError("a leap second ends a month, in UTC")
        return after
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time has an offset from UTC")
    return at


def asked_moment(text: str | None, name: str) -> datetime | None:
    """A time of a query string, where one is asked for. Raises a problem with its name."""
    if not text:
        return None
    try:
        at = moment(text.replace(" ", "+")).astimezone(UTC)  # a plus sign in a query string arrives as a space
        if not 1900 <= at.year < 9999:
            raise ValueError("a year at the end of the calendar leaves no room to reckon with")
        return at
    except (ValueError, OverflowError) as error:
        raise invalid([{"path": name, "detail": "Write an ISO 8601 time with its offset."}]) from error
