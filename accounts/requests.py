"""What the middleware has made of a request by the time a guarded page sees it."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from accounts.models import User


class PageRequest(HttpRequest):
    """A request by somebody who is logged in."""

    user: User
    htmx: HtmxDetails
