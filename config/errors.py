"""Errors outside of the API framework: problem documents under /api/, pages elsewhere."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.views import csrf, defaults

from accounts.problems import answer


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return answer(400, "bad-request", "Bad Request", "The request cannot be read.")
    return defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return answer(403, "forbidden", "Forbidden", str(exception))
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return answer(404, "not-found", "Not Found", "There is no such endpoint; see /api/docs/.")
    return defaults.page_not_found(request, exception)


def failed(request: HttpRequest) -> HttpResponse:
    if is_api(request):
        return answer(500, "internal-server-error", "Internal Server Error", "It has been written to the log.")
    return defaults.server_error(request)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    if is_api(request):
        return answer(403, "forbidden", "Forbidden", f"CSRF failed: {reason}")
    return csrf.csrf_failure(request, reason)


def body(request: HttpRequest, status: int, slug: str, text: str) -> HttpResponse:
    """Refuse a body before any of it is read."""
    if is_api(request):
        return answer(status, slug, HTTPStatus(status).phrase, text)
    return HttpResponse(text, status=status, content_type="text/plain")
