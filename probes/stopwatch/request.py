"""Requests prepared once as bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

TOKEN = re.compile(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")


def prepare(method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """The bytes of one HTTP/1.1 request. Raises ValueError for a method or header that would break its frame."""
    parts = urlsplit(url)
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (
        f"?{quote(parts.query, safe='=&%:@!$()*+,;/?~-._')}" if parts.query else ""
    )
    fields = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": "Milepost", "Accept": "*/*", "Connection": "keep-alive"}
    fields |= dict(headers)
    if body:
        fields["Content-Length"] = str(len(body))
    if not TOKEN.match(method):
        raise ValueError(f"{method!r} is not a method")
    for name, value in fields.items():
        if not TOKEN.match(name) or any(sign in value for sign in "\r\n\0"):
            raise ValueError(f"the header {name!r} cannot be sent")
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1", "replace") + body
