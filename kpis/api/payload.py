"""The bulk payload of measurements: JSON array, `{"measurements": […]}` or one JSON object a line, read by msgspec."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec

from accounts import expected, texts
from accounts.days import asked
from kpis import points
from kpis.points import LONGEST, MOST_COUNT, MOST_POINTS

MOST_ERRORS = 100
"""That one answer tells."""

MOST_BUCKETS = 20_000
MOST_DIGITS = 300
MOST_VALUE = 1e100
"""Of a histogram's values: in no unit do they pass what a float holds."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_PLACE = re.compile(r"(?P<detail>.*?)(?: - at `(?P<path>\$[^`]*)`)?$", re.DOTALL)


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


BOUNDS: dict[str, dict[str, Any]] = {
    "subject": {"minLength": 1, "maxLength": LONGEST["subject"]},
    "environment": {"maxLength": LONGEST["environment"]},
    "at": {"format": "date-time", "description": "With its offset; from the year 2000 to a minute from now."},
    "value": {"minimum": -points.MOST_VALUE, "maximum": points.MOST_VALUE},
}
"""What `kpis.points` holds fields to."""


def _described() -> dict[str, Any]:
    """The body as OpenAPI describes it."""
    _, shapes = msgspec.json.schema_components([MeasurementIn], ref_template="{name}")
    row, histogram = shapes["MeasurementIn"], shapes["HistogramIn"]
    for name, bounds in BOUNDS.items():
        row["properties"][name] |= bounds
    count = {"type": "integer", "minimum": 1, "maximum": MOST_COUNT}
    row["properties"]["count"] = {"anyOf": [count, {"type": "null"}]}
    row["properties"]["histogram"] = {"anyOf": [histogram, {"type": "null"}]}
    histogram["properties"]["values"]["items"]["minimum"] = 0
    histogram["properties"]["counts"]["items"] |= {"minimum": 1, "maximum": 2**53 - 1}
    rows = {"type": "array", "items": row, "maxItems": MOST_POINTS}
    enveloped = {"type": "object", "properties": {"measurements": rows}, "required": ["measurements"]}
    return {"oneOf": [rows, enveloped | {"additionalProperties": False}]}


DESCRIBED = _described()


class Malformed(ValueError):
    """What cannot be read at all."""


class Faulty(ValueError):
    """What can be read but is not valid: `errors` as (path, detail)."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__(errors[0][1])
        self.errors = errors


Fault = tuple[int, str, str]
"""The index of a row, the path below it, and what is wrong there."""


@dataclass(frozen=True)
class Batch:
    """The rows that could be decoded with their indices, and the path of the list that they stand in.

    Of the others `faults` tells every field that is wrong, in order; rows behind the last fault that is told are left out.
    """

    rows: list[MeasurementIn]
    prefix: str
    places: Sequence[int]
    faults: Sequence[Fault] = ()


class _Loose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An envelope whose rows are looked at one by one."""

    measurements: list[Any]


_BARE: dict[str, Any] = {"kpi": "", "subject": "", "at": "", "value": 0.0}
"""The least that a row holds: what is wrong with it, beside one field of another row, is that field."""

_ROWS = msgspec.json.Decoder(list[MeasurementIn])
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ROW = msgspec.json.Decoder(MeasurementIn)


def read(body: bytes, *, lines: bool) -> Batch:
    """Decode a request's body. Raises Malformed, or Faulty where what is wrong is not one of the rows."""
    body = body.removeprefix(codecs.BOM_UTF8)
    if not body.strip():
        raise Malformed("The body is empty.")
    return _lines(body) if lines else _document(body.strip())


def _document(body: bytes) -> Batch:
    enveloped = body.startswith(b"{")
    prefix = "$.measurements" if enveloped else "$"
    try:
        rows = _ENVELOPE.decode(body).measurements if enveloped else _ROWS.decode(body)
    except UNREADABLE:
        loose = _loosely(body)
    else:
        _bounded(len(rows), prefix)
        return Batch(rows, prefix, range(len(rows)))
    try:
        listed = msgspec.convert(loose, _Loose).measurements if enveloped else msgspec.convert(loose, list[Any])
    except msgspec.ValidationError as error:
        raise Faulty([_place(error)]) from error
    _bounded(len(listed), prefix)
    return _one_by_one(listed, prefix)


def _lines(body: bytes) -> Batch:
    texts = [(number, line) for number, line in enumerate(body.splitlines(), start=1) if line.strip()]
    _bounded(len(texts), "$")
    try:
        return Batch([_ROW.decode(line) for _, line in texts], "$", range(len(texts)))
    except UNREADABLE:
        return _one_by_one([_line(number, line) for number, line in texts], "$")


def _line(number: int, line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except UNREADABLE:
        try:
            return _loosely(line)
        except Malformed as malformed:
            raise Malformed(f"Line {number}: {malformed}") from malformed


def _bounded(rows: int, prefix: str) -> None:
    if rows > MOST_POINTS:
        raise Faulty([(f"{prefix}[{MOST_POINTS}]", f"At most {MOST_POINTS:,} measurements at once.")])


def _loosely(body: bytes) -> Any:
    """Python's reader takes NaN, Infinity and halves of characters, so that they can be refused with their place."""
    try:
        return json.loads(body.decode(), parse_int=_whole)
    except UnicodeDecodeError as error:
        raise Malformed("Send UTF-8.") from error
    except RecursionError as error:
        raise Malformed(texts.TOO_DEEP) from error
    except ValueError as error:
        raise Malformed(f"This is no JSON: {error}") from error


def _whole(digits: str) -> int:
    """As much of a whole number as passes whatever is taken: Python refuses to read thousands of digits."""
    return int(digits[:MOST_DIGITS])


def _one_by_one(listed: Sequence[Any], prefix: str) -> Batch:
    """The rows that are right, and what is wrong with the others, up to as many faults as are told."""
    rows, places, faults = list[MeasurementIn](), list[int](), list[Fault]()
    for index, loose in enumerate(listed):
        if found := _faults(loose):
            faults += [(index, path, detail) for path, detail in found]
            if len(faults) >= MOST_ERRORS:
                break
        else:
            rows.append(msgspec.convert(loose, MeasurementIn))
            places.append(index)
    return Batch(rows, prefix, places, faults)


def _faults(loose: Any) -> list[tuple[str, str]]:
    """What is wrong with each field of a row, by the path below it."""
    try:
        if broken := next(texts.faults(loose, ""), None):
            return [broken]
    except texts.TooDeep as error:
        return [("", str(error))]
    if (fault := _fault(loose)) is None:
        return []
    if not isinstance(loose, dict):
        return [fault]
    each = [_fault(_BARE | {name: value}) for name, value in loose.items()]
    missing = [_fault({name: value for name, value in _BARE.items() if name != left}) for left in _BARE if left not in loose]
    return [one for one in (*each, *missing) if one is not None] or [fault]


def _fault(loose: Any) -> tuple[str, str] | None:
    try:
        msgspec.convert(loose, MeasurementIn)
    except msgspec.ValidationError as error:
        return _place(error, "")
    return None


def _place(error: Exception, prefix: str = "$") -> tuple[str, str]:
    found = _PLACE.match(str(error))
    path, detail = (found["path"] or "$", found["detail"]) if found else ("$", str(error))
    if missing := re.search(r"(?:missing required|unknown) field `([^`]+)`", detail):
        name = texts.cut(missing[1], texts.LONGEST_NAME)
        path, detail = f"{path}.{name}", detail.replace(missing[1], name)
    return texts.cut(prefix + path.removeprefix("$"), texts.LONGEST_PATH), expected.in_words(detail)


def asked_moments(query: Mapping[str, str], *names: str) -> tuple[dict[str, datetime], list[dict[str, str]]]:
    """Those times of a query string that are asked for, and every one that cannot be read, as the errors of a problem."""
    found, wrong = dict[str, datetime](), list[dict[str, str]]()
    for name in names:
        try:
            if text := query.get(name):
                found[name] = asked(text)
        except ValueError:
            wrong.append({"path": name, "detail": "Write an ISO 8601 time with its offset."})
    return found, wrong
