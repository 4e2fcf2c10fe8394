"""What the middleware has made of a request by the time a guarded page sees it."""

from datetime import date

from django.http import HttpRequest
from django.utils.dateparse import parse_date
from django_htmx.middleware import HtmxDetails

from accounts.models import User


class PageRequest(HttpRequest):
    """A request by somebody who is logged in."""

    user: User
    htmx: HtmxDetails


def day_of(text: str) -> date | None:
    """The day of a filter; None for what is no date, so that a mistyped filter shows everything."""
    try:
        return parse_date(text)
    except ValueError:
        return None
