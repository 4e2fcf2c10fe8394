"""How a result arrives over HTTP: raw body with query parameters, multipart, or a JSON envelope; all become one `Sent`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.http import QueryDict
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request

from accounts.parsing import checked
from accounts.problems import Problem, invalid
from kpis import formats
from kpis.formats.base import Reader
from kpis.mapping import Sent

LENGTHS = {
    "service": 80, "environment": 40, "scorecard": 50, "commit": 64, "branch": 200, "pull_request": 40, "run_url": 200,
}  # fmt: skip
OPTIONS = {*LENGTHS, "testbed", "started_at", "format", "expected", "gate"}


def limit() -> int:
    return int(getattr(settings, "RESULTS_MAX_BYTES", 20 * 1000 * 1000))


def too_large() -> Problem:
    return Problem(413, "too-large", "Too large", f"At most {limit():,} bytes are taken.")


class RawParser(BaseParser):
    """The body as bytes. What curl calls a form when it sends a file is a file."""

    media_type = "application/x-www-form-urlencoded"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        body: bytes = stream.read(limit() + 1)
        if len(body) > limit():
            raise too_large()
        return body


class JsonParser(RawParser):
    media_type = "application/json"


class TextParser(RawParser):
    media_type = "text/*"


class BinaryParser(RawParser):
    media_type = "application/octet-stream"


class XmlParser(RawParser):
    media_type = "application/xml"


PARSERS = [MultiPartParser, JsonParser, TextParser, BinaryParser, XmlParser, RawParser]


def read(request: Request) -> tuple[Sent, bool]:
    """What was sent and whether it is a gate. Raises Problem 400, 413, 415 or 422."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > limit():
        raise too_large()
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Problem(415, "unsupported-encoding", "Unsupported encoding", "Send the body as it is, not compressed.")
    payload, options = _take(request)
    if not payload.strip():
        raise Problem(400, "empty", "Nothing was sent", "The body, or the field `file`, holds the result.")
    digest = hashlib.sha256(payload + json.dumps(options, sort_keys=True, default=str).encode()).hexdigest()
    decoded = formats.decode(payload)
    if isinstance(decoded, bytes):
        raise Problem(400, "unreadable", "Unreadable", "This is not JSON, and no known format of another kind.")
    checked(decoded)
    path = "$"
    if isinstance(decoded, dict) and "results" in decoded and not ({"benchmarks", "samples"} & set(decoded)):
        options |= {key: value for key, value in decoded.items() if key != "results"}
        decoded, path = decoded["results"], "$.results"
    return _sent(decoded, path, options, digest, request.headers.get("Idempotency-Key", ""))


def _take(request: Request) -> tuple[bytes, dict[str, Any]]:
    """The payload and the options beside it."""
    options = _flat(request.query_params)
    data = request.data
    if isinstance(data, bytes):
        return data, options
    if not isinstance(data, QueryDict) or "file" not in request.FILES:
        return b"", options
    fields = data.copy()
    fields.pop("file", None)
    upload = request.FILES["file"]
    if (upload.size or 0) > limit():
        raise too_large()
    return upload.read(), options | _flat(fields)


def _flat(query: QueryDict) -> dict[str, Any]:
    found: dict[str, Any] = {key: query[key] for key in query if key != "expected"}
    if "expected" in query:
        found["expected"] = [name for text in query.getlist("expected") for name in str(text).split(",") if name]
    return found


def _sent(decoded: object, path: str, options: dict[str, Any], digest: str, key: str) -> tuple[Sent, bool]:
    reader = Reader()
    for name in sorted(set(options) - OPTIONS):
        reader.fault(f"$.{name}", f"not known; use one of {', '.join(sorted(OPTIONS))}")
    texts = {
        name: reader.text(options[name], f"$.{name}", longest=longest)
        for name, longest in LENGTHS.items()
        if options.get(name) is not None
    }
    if not texts.get("run_url", "http://").startswith(("http://", "https://")):
        reader.fault("$.run_url", "an address starting with https:// or http:// is needed")
    started_at = reader.moment(options.get("started_at"), "$.started_at")
    expected = [
        reader.text(name, f"$.expected[{index}]")
        for index, name in enumerate(reader.sequence(options.get("expected", []), "$.expected"))
    ]
    testbed = _testbed(reader, options.get("testbed"))
    key = reader.text(key, "header Idempotency-Key", longest=200)
    asked = reader.text(options.get("format", "auto"), "$.format", longest=40)
    if reader.errors:
        raise _problem(reader.errors)
    name, parsed = _parsed(decoded, path, asked)
    texts = {"commit": parsed.commit, "branch": parsed.branch} | texts
    sent = Sent(
        parsed=parsed,
        format=name,
        payload_sha256=digest,
        testbed=_finite(testbed or dict(parsed.testbed)),
        started_at=started_at or parsed.started_at,
        expected=expected,
        idempotency_key=key,
        **texts,
    )
    return sent, str(options.get("gate", "")).lower() in ("1", "true", "yes", "on")


def _parsed(decoded: object, path: str, asked: str) -> tuple[str, formats.Parsed]:
    try:
        return formats.parse(decoded, asked)
    except formats.UnknownFormat as error:
        raise Problem(422, "unknown-format", "Unknown format", str(error)) from error
    except formats.Unreadable as error:
        raise _problem([(path + where.removeprefix("$"), detail) for where, detail in error.errors]) from error


def _testbed(reader: Reader, value: object) -> dict[str, Any]:
    """An object, or its name as text."""
    if value in (None, ""):
        return {}
    return {"name": reader.text(value, "$.testbed")} if isinstance(value, str) else reader.mapping(value, "$.testbed")


def _finite(testbed: dict[str, Any]) -> dict[str, Any]:
    """The same. Tools write NaN and Infinity, which a figure refuses when it is read; no database keeps them as JSON."""
    try:
        json.dumps(testbed, allow_nan=False)
    except ValueError as error:
        raise _problem([("$.testbed", "finite numbers are needed")]) from error
    return testbed


def _problem(errors: list[tuple[str, str]]) -> Problem:
    return invalid([{"path": path, "detail": detail} for path, detail in errors[:100]])
