"""What the middleware has made of a request by the time a guarded page sees it."""

from datetime import date

from django.http import HttpRequest
from django.utils.dateparse import parse_date
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.middleware import HtmxDetails

from accounts.models import User


class PageRequest(HttpRequest):
    """A request by somebody who is logged in."""

    user: User
    htmx: HtmxDetails


def day_of(text: str) -> date | None:
    """The day of a filter; None for what is no date."""
    try:
        return parse_date(text)
    except ValueError:
        return None


def said(request: HttpRequest, name: str, most: int = 2000) -> str:
    """A posted text that no form has read: without NULs, which PostgreSQL refuses, and of at most so many characters."""
    return request.POST.get(name, "").replace("\0", "").strip()[:most]


def back_to(request: HttpRequest, default: str, anchor: str = "") -> str:
    """Where a form said it was, if that is a page of ours."""
    asked = request.POST.get("next", "")
    safe = asked.startswith("/") and url_has_allowed_host_and_scheme(asked, allowed_hosts=None)
    return (asked if safe else default) + (f"#{anchor}" if anchor else "")
