"""The bulk payload of measurements: JSON array, `{"measurements": […]}` or one JSON object a line, read by msgspec."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec

from kpis.points import MOST_POINTS

MOST_BUCKETS = 20_000
_PLACE = re.compile(r"(?P<detail>.*?)(?: - at `(?P<path>\$[^`]*)`)?$", re.DOTALL)
_LEAP = re.compile(r"^(.*T\d\d:\d\d:)60((?:\.\d+)?)(Z|[+-]\d\d:?\d\d)$")


class HistogramIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Values ascending, counts whole and positive."""

    values: Annotated[list[float], msgspec.Meta(min_length=1, max_length=MOST_BUCKETS)]
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
        loose = _loosely(body, error)
    try:
        if enveloped:
            return Batch(msgspec.convert(loose, _Envelope).measurements, prefix)
        return Batch(msgspec.convert(loose, list[MeasurementIn]), prefix)
    except msgspec.ValidationError as error:
        raise Faulty([_place(error)]) from error


def _lines(body: bytes) -> Batch:
    rows = []
    for index, line in enumerate(line for line in body.splitlines() if line.strip()):
        try:
            rows.append(_ROW.decode(line))
        except msgspec.ValidationError as error:
            raise Faulty([_place(error, f"$[{index}]")]) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            try:
                rows.append(msgspec.convert(_loosely(line, error), MeasurementIn))
            except msgspec.ValidationError as invalid:
                raise Faulty([_place(invalid, f"$[{index}]")]) from invalid
            except Malformed as malformed:
                raise Malformed(f"Line {index + 1}: {malformed}") from error
    return Batch(rows, "$")


def _loosely(body: bytes, error: Exception) -> Any:
    """Python's reader takes NaN and Infinity, so that they can be refused with their place."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed(str(error)) from error


def _place(error: Exception, prefix: str = "$") -> tuple[str, str]:
    found = _PLACE.match(str(error))
    path, detail = (found["path"] or "$", found["detail"]) if found else ("$", str(error))
    if missing := re.search(r"(?:missing required|unknown) field `([^`]+)`", detail):
        path = f"{path}.{missing[1]}"
    return prefix + path.removeprefix("$"), detail


def moment(text: str) -> datetime:
    """An ISO 8601 time with its offset from UTC; a leap second (`:60`) is the moment after it. Raises ValueError."""
    if leap := _LEAP.match(text):
        return moment(f"{leap[1]}59{leap[2]}{leap[3]}") + timedelta(seconds=1)
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time has an offset from UTC")
    return at
