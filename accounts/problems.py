"""Errors of the API as problem documents (RFC 9457)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from rest_framework import exceptions

MEDIA_TYPE = "application/problem+json"
PREFIX = "urn:milepost:problem:"


class Problem(exceptions.APIException):
    """An error to answer with. `slug` names its kind for good; `errors` are `{"path": "$.a[3].b", "detail": …}`."""

    def __init__(
        self,
        status: int,
        slug: str,
        title: str,
        detail: str = "",
        errors: list[dict[str, Any]] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail or title)
        self.status_code = status
        self.document = document(status, slug, title, detail, errors, **more)


def document(
    status: int, slug: str, title: str, detail: str = "", errors: list[dict[str, Any]] | None = None, **more: Any
) -> dict[str, Any]:
    found: dict[str, Any] = {"type": PREFIX + slug, "title": title, "status": status}
    if detail:
        found["detail"] = detail
    if errors:
        found["errors"] = errors
    return found | more


def invalid(errors: list[dict[str, Any]], detail: str = "") -> Problem:
    """What was sent is understood but wrong; every error says where."""
    return Problem(422, "validation", "Not valid", detail or "See errors for each place.", errors)


def paths(detail: Any, path: str = "$") -> list[dict[str, str]]:
    """Flatten the nested errors of a serializer into paths."""
    if isinstance(detail, dict):
        return [entry for key, value in detail.items() for entry in paths(value, _below(path, key))]
    if isinstance(detail, list):
        if any(isinstance(item, (dict, list)) for item in detail):
            return [entry for index, item in enumerate(detail) for entry in paths(item, f"{path}[{index}]")]
        return [{"path": path, "detail": str(item)} for item in detail]
    return [{"path": path, "detail": str(detail)}]


def _below(path: str, key: Any) -> str:
    if key == "non_field_errors":
        return path
    return f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}"


def answer(status: int, slug: str, title: str, detail: str = "") -> JsonResponse:
    """A problem outside of the API framework: unknown addresses, failures."""
    return JsonResponse(document(status, slug, title, detail), status=status, content_type=MEDIA_TYPE)


def not_found(request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
    """Whatever lies under /api/ and is no endpoint."""
    return answer(404, "not-found", "Not Found", "There is no such endpoint; see /api/docs/.")
