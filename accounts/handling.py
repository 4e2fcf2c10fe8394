"""The exception handler of the API."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from accounts.problems import MEDIA_TYPE, Problem, document, invalid, paths


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """The exception handler of the API: every error leaves as a problem document, and its transaction is rolled back."""
    set_rollback()
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied(str(error) or None)
    elif isinstance(error, IntegrityError) and _twice(error):
        error = Problem(409, "conflict", "Conflict", "The same was made at this very moment: look at what is there.")
    if not isinstance(error, exceptions.APIException):
        return None
    if isinstance(error, Problem):
        body = error.document
    elif isinstance(error, exceptions.ValidationError):
        error = invalid(paths(error.detail))
        body = error.document
    else:
        title = HTTPStatus(error.status_code).phrase
        body = document(error.status_code, title.lower().replace(" ", "-"), title, str(error.detail))
    response = Response(body, status=error.status_code, content_type=MEDIA_TYPE)
    if header := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        response["Retry-After"] = str(int(wait) + 1)
    return response


def _twice(error: IntegrityError) -> bool:
    """Whether a row was to be unique and is not: two requests looked before either wrote. Anything else is a fault of ours."""
    return getattr(error.__cause__, "sqlstate", "") == "23505" or str(error).startswith("UNIQUE constraint failed")
