"""`measurements/`: many at once, all or nothing."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.days import moment
from accounts.models import ApiToken
from accounts.permissions import Scope, allowed_services, scopes
from accounts.problems import Problem, invalid
from kpis.api import payload
from kpis.api.lookup import Lookup
from kpis.identity import Conflict
from kpis.models import KPI, IngestReceipt
from kpis.points import EARLIEST, Point, Rejected, faults, measured
from kpis.recording import Receipt, Then, record
from kpis.stats.histogram import Histogram
from kpis.units import UnitMismatch, factor

MOST_BYTES = 20_000_000
LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
NO_TIME = (".at", "Write an ISO 8601 time with its offset, such as 2026-03-01T12:00:00Z.")
Errors = list[dict[str, Any]]
STORED = inline_serializer("Stored", {"stored": serializers.IntegerField(), "ignored": serializers.IntegerField()})


@extend_schema(
    request={"application/json": payload.DESCRIBED, "application/x-ndjson": OpenApiTypes.STR},
    responses={201: STORED, 200: STORED},
    parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)],
)
@scopes(per_service=True, POST=Scope.RESULTS_WRITE)
@api_view(["POST"])
def measurement_post(request: Request) -> Response:
    """Store up to 10,000 measurements: a JSON array, `{"measurements": […]}` or one object a line (NDJSON).

    Each has `kpi`, `subject`, `environment`, `at`, `value`, and may have `count`, `unit` and `histogram`. Answers 201 with
    how many were stored and how many were there already (`ignored`), or stores nothing and says what is wrong where.
    """
    body, lines = _body(request)
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > 200:
        raise invalid([{"path": "Idempotency-Key", "detail": "At most 200 characters."}])
    batch = _read(body, lines)
    points = _points(request, batch)
    if not key:
        receipt = _record(points, batch.prefix)
        return Response({"stored": receipt.stored, "ignored": receipt.ignored}, status=201)
    return _once(request, key, hashlib.sha256(body).hexdigest(), points, batch.prefix)


def _body(request: Request) -> tuple[bytes, bool]:
    kind = (request.content_type or "").partition(";")[0].strip().lower()
    if kind not in LINES and kind != "application/json":
        raise Problem(
            415, "media-type", "Unsupported media type", f"Send application/json or {LINES[0]}, not {kind or 'nothing'}."
        )
    body = request.stream.read(MOST_BYTES + 1) if request.stream is not None else b""
    if len(body) > MOST_BYTES:
        raise Problem(413, "too-large", "Too large", f"At most {MOST_BYTES:,} bytes at once.")
    return body, kind in LINES


def _read(body: bytes, lines: bool) -> payload.Batch:
    try:
        return payload.read(body, lines=lines)
    except payload.Malformed as error:
        raise Problem(400, "malformed", "Not readable", str(error)) from error
    except payload.Faulty as error:
        raise invalid([{"path": path, "detail": detail} for path, detail in error.errors]) from error


def _once(request: Request, key: str, digest: str, points: list[Point], prefix: str) -> Response:
    """Do it once for a key: the same key again gets the same answer, with 200.

    The key is taken before anything is stored, so that of two bodies that come with it at once only one is looked at.
    """
    user, _ = audit.actor_of(request)
    taken, _ = IngestReceipt.objects.get_or_create(user=user, key=key, defaults={"payload_sha256": digest})
    if taken.payload_sha256 != digest:
        raise Problem(422, "idempotency-key", "Key used before", "This Idempotency-Key came with another body before.")
    answered = 0
    if taken.stored is None:
        waits = IngestReceipt.objects.filter(pk=taken.pk, stored=None)

        def keep(told: Receipt) -> None:
            nonlocal answered, taken
            answered = waits.update(stored=told.stored, ignored=told.ignored)
            if not answered and not IngestReceipt.objects.filter(pk=taken.pk).exists():  # the same body was refused meanwhile
                said = {"stored": told.stored, "ignored": told.ignored}
                taken, answered = IngestReceipt.objects.create(user=user, key=key, payload_sha256=digest, **said), 1

        try:
            _record(points, prefix, keep)
        except Problem:
            waits.delete()
            raise
        taken.refresh_from_db()
    return Response({"stored": taken.stored, "ignored": taken.ignored}, status=201 if answered else 200)


def _record(points: list[Point], prefix: str, then: Then | None = None) -> Receipt:
    try:
        return record(points, now=timezone.now(), then=then)
    except Rejected as error:
        raise invalid(_placed(error.errors, prefix)) from error
    except Conflict as error:
        detail = "Nothing was stored: some measurements contradict stored ones, or each other."
        raise Problem(409, "conflict", "Conflict", detail, _placed(error.errors, prefix)) from error


def _placed(wrong: Sequence[payload.Fault], prefix: str) -> Errors:
    return [{"path": f"{prefix}[{index}].{field}", "detail": detail} for index, field, detail in wrong[: payload.MOST_ERRORS]]


def _points(request: Request, batch: payload.Batch) -> list[Point]:
    """The rows as points in their KPIs' units. Raises a problem with the place of everything that is wrong."""
    names = {row.kpi for row in batch.rows}
    lookup = Lookup.of(request, names)
    kpis = {name: lookup.find(name) for name in names}
    allowed = allowed_services(request)
    origin = _origin(request)
    moments = _Moments()
    wrong: list[tuple[int, dict[str, Any]]] = [(index, _told(path, detail)) for index, path, detail in batch.faults]
    refused: Errors = []
    points, places = [], []
    for index, row in zip(batch.places, batch.rows, strict=True):
        found = kpis[row.kpi]
        if allowed is not None and row.subject not in allowed:
            detail = "This token may not write for this service."
            refused.append({"path": f"{batch.prefix}[{index}].subject", "detail": detail})
        elif not isinstance(found, KPI):
            wrong.append((index, {"path": ".kpi", **found}))
            wrong += [(index, _told(*NO_TIME))] if moments[row.at] is None else []
        else:
            point, faulty = _point(row, moments[row.at], found, origin)
            points.append(point)
            places.append(index)
            if faulty:
                wrong += [(index, _told(*fault)) for fault in faulty]
    if refused:
        raise Problem(
            403, "restricted", "Forbidden", "The token is restricted to other services.", refused[: payload.MOST_ERRORS]
        )
    if wrong:
        implausible = faults(measured(points), timezone.now())
        wrong += [(places[number], _told(f".{field}", detail)) for number, field, detail in implausible]
        raise invalid(_in_order(wrong, batch.prefix))
    return points


def _told(path: str, detail: str) -> dict[str, Any]:
    return {"path": path, "detail": detail}


def _in_order(wrong: list[tuple[int, dict[str, Any]]], prefix: str) -> Errors:
    """As many faults as are told, in the order of the rows; their paths stand below the row before."""
    ordered = sorted(wrong, key=lambda one: one[0])[: payload.MOST_ERRORS]
    return [{**fault, "path": f"{prefix}[{index}]{fault['path']}"} for index, fault in ordered]


def _origin(request: Request) -> str:
    token = request.auth
    return f"api:{token.prefix}" if isinstance(token, ApiToken) else f"manual:{request.user.get_username()}"[:80]


class _Moments(dict[str, datetime | None]):
    """Times by their text, each read once: what is pushed together was mostly measured together. None for what is no time."""

    def __missing__(self, text: str) -> datetime | None:
        at: datetime | None
        try:
            at = moment(text)
        except (ValueError, OverflowError):
            at = None
        self[text] = at
        return at


def _point(row: payload.MeasurementIn, at: datetime | None, kpi: KPI, origin: str) -> tuple[Point, list[tuple[str, str]]]:
    """The row as a point, and what is wrong with it, by field.

    For what is wrong something that is right stands in the point, so that the rest of it can be looked at.
    """
    wrong = [NO_TIME] if at is None else []
    scale: float | None = 1.0
    try:
        if row.unit and row.unit != kpi.measured_unit:
            scale = factor(row.unit, kpi.measured_unit)
    except UnitMismatch as error:
        scale = None
        wrong.append((".unit", str(error)))
    value, count, histogram = row.value * scale if scale else 0.0, 1 if row.count is None else row.count, None
    if row.histogram is not None:
        histogram, faulty = _histogram(row.histogram, kpi)
        wrong += faulty
    if histogram is not None:
        count = histogram.count
        if row.count not in (None, count):
            wrong.append((".count", f"The histogram holds {count} samples."))
        if scale and not kpi.is_reduction and not histogram.spans(value):
            value = 0.0
            wrong.append((".value", "The value lies outside of the samples of its histogram."))
    point = Point(
        kpi=kpi, subject=row.subject, environment=row.environment, at=at or EARLIEST, value=value, count=count,
        histogram=histogram, reported=row.reported, origin=origin,
    )  # fmt: skip
    return point, wrong


def _histogram(sent: payload.HistogramIn, kpi: KPI) -> tuple[Histogram | None, list[tuple[str, str]]]:
    try:
        scale = factor(sent.unit, kpi.measured_unit) if sent.unit and sent.unit != kpi.measured_unit else 1.0
    except UnitMismatch as error:
        return None, [(".histogram.unit", str(error))]
    if len(sent.values) != len(sent.counts):
        return None, [(".histogram.counts", "There are as many counts as values.")]
    if place := _first_bad(sent.values, lambda i, v: not math.isfinite(v) or v < 0 or (i > 0 and v <= sent.values[i - 1])):
        return None, [(f".histogram.values[{place - 1}]", "Values are finite, not negative, and ascend.")]
    if place := _first_bad(sent.counts, lambda _, c: not 0 < c < 2**53):
        return None, [(f".histogram.counts[{place - 1}]", "Counts are whole and positive.")]
    return Histogram.from_counts([value * scale for value in sent.values], sent.counts), []


def _first_bad(items: Sequence[Any], bad: Any) -> int:
    """One more than the index of the first bad item; 0 where all are good."""
    return next((index + 1 for index, item in enumerate(items) if bad(index, item)), 0)
