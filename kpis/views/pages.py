"""What all pages of KPIs share: a page, or only the part of it that renews itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.context import make_context
from django.template.loader import get_template
from django.utils.cache import get_conditional_response, patch_vary_headers


def page(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    shared = {"here": request.get_full_path(), "fragment": template.rpartition("/")[2].startswith("_")}
    response = HttpResponse(_rendered(request, template, {**shared, **context}), status=status)
    patch_vary_headers(response, ["HX-Target"])
    return response


def _rendered(request: HttpRequest, template: str, context: dict[str, Any]) -> str:
    """As Django renders it. Its context refers to itself: emptied here, it leaves the rows of a page to nobody; otherwise they
    wait for the collector, which walks through all of them in the middle of a later answer."""
    told = make_context(context, request)
    text: str = get_template(template).template.render(told)  # type: ignore[attr-defined]
    told.dicts.clear()
    return text


def live(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """The part of a page that renews itself: 304 while nothing changed."""
    response = page(request, template, context)
    etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    return get_conditional_response(request, etag=etag, response=response) or response


def asks_for(request: HttpRequest, part: str) -> bool:
    """Whether htmx will replace only the element with this id."""
    return getattr(getattr(request, "htmx", None), "target", None) == part


def beside(form: forms.BaseForm, errors: Mapping[str, str]) -> None:
    """What a verb refused, beside the field that it is about, or above all of them."""
    for name, text in errors.items():
        form.add_error(name if name in form.fields else None, text)
