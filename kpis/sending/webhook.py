"""A signed POST of JSON, by the Standard Webhooks specification (https://www.standardwebhooks.com)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import httpx

from kpis.sending.base import BadConfig, Envelope, Undelivered, for_good
from outgoing.addresses import AddressPolicy, Refused, checked_url, port_of
from outgoing.http import client, plain

LABEL = "Webhook"
PREFIX = "whsec_"
TOTAL_S = 10.0


def check(config: Mapping[str, Any], policy: AddressPolicy) -> str:
    errors = {}
    host = ""
    try:
        parts = checked_url(str(config.get("url", "")))
        policy.judge_written(parts.hostname or "", port_of(parts))
        host = parts.netloc
    except Refused as refused:
        errors["url"] = str(refused)
    try:
        _key(str(config.get("secret", "")))
    except ValueError:
        errors["secret"] = f"A secret is {PREFIX} and at least 24 bytes in base 64."
    if errors:
        raise BadConfig(errors)
    return host


def send(config: Mapping[str, Any], envelope: Envelope, policy: AddressPolicy) -> None:
    try:
        asyncio.run(_post(config, envelope, policy))
    except Refused as refused:
        raise Undelivered(str(refused), permanent=True) from refused
    except (TimeoutError, httpx.TimeoutException) as late:
        raise Undelivered("no answer in time") from late
    except (httpx.HTTPError, OSError, ValueError) as error:
        raise Undelivered(plain(error)) from error


def signature(secret: str, key: str, timestamp: int, body: str) -> str:
    """`v1,` and the HMAC-SHA256 over `key.timestamp.body` in base 64."""
    signed = hmac.new(_key(secret), f"{key}.{timestamp}.{body}".encode(), hashlib.sha256)
    return f"v1,{base64.b64encode(signed.digest()).decode()}"


async def _post(config: Mapping[str, Any], envelope: Envelope, policy: AddressPolicy) -> None:
    body = json.dumps(dict(envelope.event), ensure_ascii=False)
    timestamp = int(envelope.at.timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Milepost",
        "webhook-id": envelope.key,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(config["secret"], envelope.key, timestamp, body),
    }
    async with (
        asyncio.timeout(TOTAL_S),
        client(policy) as http,
        http.stream("POST", config["url"], content=body.encode(), headers=headers) as answer,
    ):
        _judge(answer)


def _judge(answer: httpx.Response) -> None:
    """Raise Undelivered unless it was taken; what the receiver will never take is not tried again."""
    status = answer.status_code
    if 200 <= status < 300:
        return
    later = answer.headers.get("retry-after", "")
    raise Undelivered(
        f"answered {status}",
        permanent=for_good(status),
        retry_after_s=min(float(later), 3600.0) if later.isascii() and later.isdigit() else None,
    )


def _key(secret: str) -> bytes:
    if not secret.startswith(PREFIX):
        raise ValueError("no prefix")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("not base 64") from error
    if len(key) < 24:
        raise ValueError("too short")
    return key
