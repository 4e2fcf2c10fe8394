"""What all pages of the plan share: rendering a page or its live part, and going back to where somebody came from."""

from __future__ import annotations

import hashlib
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import get_conditional_response, patch_vary_headers

from accounts.permissions import Scope, may
from accounts.versions import StaleEdit
from roadmap.editing import Refused

TROUBLES = (StaleEdit, Refused, ValidationError)


def page(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    rights = {"may_write": may(request.user, Scope.PLAN_WRITE), "may_approve": may(request.user, Scope.APPROVE)}
    shared = {"here": request.path, "fragment": template.rpartition("/")[2].startswith("_"), **rights}
    response = render(request, template, {**shared, **context}, status=status)
    patch_vary_headers(response, ["HX-Target"])
    return response


def live(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """A part of a page that renews itself: answers 304 while nothing changed."""
    response = page(request, template, context)
    etag = '"' + hashlib.sha256(response.content).hexdigest()[:32] + '"'
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    return get_conditional_response(request, etag=etag, response=response) or response


def target_of(request: HttpRequest) -> str:
    """The id of the element that htmx will replace, or nothing."""
    return (getattr(request, "htmx", None) and request.htmx.target) or ""  # type: ignore[attr-defined]


def told(error: Exception) -> str:
    """A trouble as a sentence for people."""
    if isinstance(error, StaleEdit):
        return "Somebody else changed this meanwhile. You see it as it is now; nothing of theirs was lost."
    if isinstance(error, ValidationError):
        return " ".join(error.messages)
    text = str(error)
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def complain(request: HttpRequest, error: Exception) -> None:
    messages.error(request, told(error))
