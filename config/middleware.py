"""What every request passes through."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse

from config import errors

Respond = Callable[[HttpRequest], HttpResponse]


def limit_body(get_response: Respond) -> Respond:
    """Refuse a body that is too large, of unstated length or packed, before any of it is read.

    Django's own limit does not see what the API framework reads as a stream; a body of unstated length would be read as empty.
    """

    def limited(request: HttpRequest) -> HttpResponse:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        stated = request.META.get("CONTENT_LENGTH") or ""
        if stated.isdecimal() and int(stated) > most:
            return errors.body(request, 413, "too-large", f"At most {most:,} bytes are taken.")
        if not stated and "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
            return errors.body(request, 411, "length-required", "Send the body in one piece, with its Content-Length.")
        if request.META.get("HTTP_CONTENT_ENCODING", "").lower() not in ("", "identity"):
            return errors.body(request, 415, "content-encoding", "Send the body as it is, without a Content-Encoding.")
        return get_response(request)

    return limited


def mark_nul(get_response: Respond) -> Respond:
    """Read a NUL in an address as U+FFFD, as bytes that are no text are read: PostgreSQL refuses to be asked for a NUL.

    A filter then finds only a text that holds that sign itself, and what has to be a day or a number is said to be none.
    What would write is refused: it might be kept otherwise than it was sent.
    """

    def marked(request: HttpRequest) -> HttpResponse:
        query = request.META.get("QUERY_STRING", "")
        if "%00" in query or "\0" in request.path_info:
            if request.method not in ("GET", "HEAD"):
                return errors.bad_request(request, SuspiciousOperation("a NUL in the address"))
            request.META["QUERY_STRING"] = query.replace("%00", "%EF%BF%BD")
            request.path_info = request.path_info.replace("\0", "\ufffd")
        return get_response(request)

    return marked
