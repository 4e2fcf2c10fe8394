"""What every request passes through."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from config import errors

Respond = Callable[[HttpRequest], HttpResponse]


def limit_body(get_response: Respond) -> Respond:
    """Refuse a body that is too large before any of it is read.

    Django's own limit does not see what the API framework reads as a stream. A body of unstated length is read as empty.
    """

    def limited(request: HttpRequest) -> HttpResponse:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        stated = request.META.get("CONTENT_LENGTH") or ""
        if stated.isdecimal() and int(stated) > most:
            return errors.too_large(request, most)
        return get_response(request)

    return limited


def drop_nul(get_response: Respond) -> Respond:
    """Read an address without the NULs in its query: nobody types one, and PostgreSQL refuses a text that has one."""

    def dropped(request: HttpRequest) -> HttpResponse:
        while "%00" in (query := request.META.get("QUERY_STRING", "")):
            request.META["QUERY_STRING"] = query.replace("%00", "")
        return get_response(request)

    return dropped
