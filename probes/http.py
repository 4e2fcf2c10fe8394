"""Reading documents of services: scrapes and checks, by the guarded client, with time-outs and a cap on what is read.

It is wrong as a stopwatch (see `probes.stopwatch`).
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from outgoing.addresses import AddressPolicy, checked_url
from outgoing.http import TimedOut, Unreachable, client, plain
from probes.addresses import below
from probes.kinds.base import Page, Target

TOTAL_S = 10.0
MOST_BYTES = 5_000_000


@dataclass(frozen=True)
class Certificate:
    """What was agreed on a connection by TLS: its version, and when the certificate ends."""

    version: str
    expires_at: datetime


async def fetch(url: str, *, policy: AddressPolicy, headers: dict[str, str], at: datetime) -> Page:
    """Read one document. Raises Refused, TimedOut or Unreachable with a plain reason."""
    checked_url(url)
    asked = headers | {"Accept-Encoding": "identity"}  # a few compressed bytes can unfold without end
    try:
        async with asyncio.timeout(TOTAL_S), client(policy) as http, http.stream("GET", url, headers=asked) as response:
            body = await _capped(response)
    except (TimeoutError, httpx.TimeoutException) as error:
        raise TimedOut("no answer in time") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise Unreachable(plain(error)) from error
    media_type = response.headers.get("content-type", "")
    text = body.decode("utf-8", "replace").replace("\0", "\ufffd")  # no database keeps a NUL in a text
    return Page(response.status_code, text, media_type, at, dict(response.headers))


async def ask(url: str, target: Target, *, policy: AddressPolicy, at: datetime) -> Page:
    """Read a document for a service; the service's headers go to its own origin only."""
    same = checked_url(url)[:2] == checked_url(target.base_url)[:2]
    return await fetch(url, policy=policy, headers=target.headers if same else {}, at=at)


async def scrape(target: Target, *, policy: AddressPolicy, at: datetime) -> Page:
    """Read a service's metrics."""
    page = await ask(below(target.base_url, target.metrics_url or "/metrics"), target, policy=policy, at=at)
    if page.status != 200:
        raise Unreachable(f"the metrics address answered {page.status}")
    return page


async def certificate(url: str, *, policy: AddressPolicy) -> Certificate | None:
    """The certificate that an https address shows; None for http. Raises Refused, TimedOut or Unreachable."""
    if checked_url(url).scheme != "https":
        return None
    try:
        async with asyncio.timeout(TOTAL_S), client(policy) as http, http.stream("HEAD", url) as response:
            shown = response.extensions["network_stream"].get_extra_info("ssl_object")
            expires = ssl.cert_time_to_seconds(shown.getpeercert()["notAfter"])
            return Certificate(shown.version(), datetime.fromtimestamp(expires, UTC))
    except (TimeoutError, httpx.TimeoutException) as error:
        raise TimedOut("no answer in time") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise Unreachable(plain(error)) from error


async def _capped(response: httpx.Response) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Unreachable("the answer is compressed, though plain text was asked for")
    parts, size = [], 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > MOST_BYTES:
            raise Unreachable(f"the answer is longer than {MOST_BYTES // 1_000_000} MB")
        parts.append(part)
    return b"".join(parts)
