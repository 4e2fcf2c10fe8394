"""ETag and If-Match (RFC 9110): an edit names the state that it was made from.

A row's tag is strong and made of its version. `If-Match` compares strongly, so a weak tag (`W/"…"`) never matches; `*`
matches whatever stands. Without the header the edit applies to what stands: nobody asked for protection.
"""

from __future__ import annotations

import re
from typing import Any

from django.db import models
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

TAG = re.compile(r'(W/)?"([^"]*)"')


def etag(row: models.Model) -> str:
    return f'"{row._meta.model_name}-{row.pk}-{row.version}"'  # type: ignore[attr-defined]


def asked_version(request: Request, row: models.Model) -> int | None:
    """The version that `If-Match` names for this row; None without the header or with `*`; -1 where none matches."""
    header = request.headers.get("If-Match", "").strip()
    if header in ("", "*"):
        return None
    prefix = f"{row._meta.model_name}-{row.pk}-"
    for weak, tag in TAG.findall(header):
        if not weak and tag.startswith(prefix) and tag.removeprefix(prefix).isdigit():
            version = int(tag.removeprefix(prefix))
            if version == row.version:  # type: ignore[attr-defined]
                return version
    return -1


def not_modified(request: Request, row: models.Model) -> bool:
    """`If-None-Match` compares weakly."""
    header = request.headers.get("If-None-Match", "")
    return header.strip() == "*" or etag(row).strip('"') in [tag for _, tag in TAG.findall(header)]


def fresh(request: Request, row: models.Model, data: Any) -> Response:
    """The row with its tag, or 304 where the caller has it already."""
    if request.method == "GET" and not_modified(request, row):
        return Response(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": etag(row)})
    return Response(data, headers={"ETag": etag(row)})


def stale(current: models.Model | None, data: Any) -> Response:
    """412 with the state that stands, so that the caller can look at both and try again."""
    problem = {
        "type": "urn:milepost:problem:stale-edit",
        "title": "Changed by somebody else meanwhile",
        "status": status.HTTP_412_PRECONDITION_FAILED,
        "detail": "Nothing was written. Compare with `current` and send your change again with its ETag.",
        "current": data,
    }
    headers = {} if current is None else {"ETag": etag(current)}
    return Response(problem, status=status.HTTP_412_PRECONDITION_FAILED, headers=headers, content_type="application/problem+json")
