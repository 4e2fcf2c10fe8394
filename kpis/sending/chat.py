"""Chat and push services, by an Apprise address (https://github.com/caronc/apprise)."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import apprise

from kpis.sending.base import BadConfig, Envelope, Undelivered, for_good
from outgoing.addresses import AddressPolicy, Refused
from outgoing.guard import guarded

LABEL = "Chat or push service"
LOCAL = {"dbus", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"}
"""They would speak to the desktop or the log of this server."""

TIMEOUT_S = 4.0
STATUS = re.compile(r"error=(\d{3})")
ASSET = apprise.AppriseAsset(app_id="Milepost", app_desc="Milepost alerts", async_mode=False, http_redirects=False)


def check(config: Mapping[str, Any], policy: AddressPolicy) -> str:
    service = _service(str(config.get("url", "")))
    try:
        _judge(service, policy)
    except Refused as refused:
        raise BadConfig({"url": str(refused)}) from refused
    return str(service.service_name)


def send(config: Mapping[str, Any], envelope: Envelope, policy: AddressPolicy) -> None:
    service = _service(str(config["url"]))
    service.socket_connect_timeout = service.socket_read_timeout = TIMEOUT_S
    kind = apprise.NotifyType.SUCCESS if envelope.good else apprise.NotifyType.WARNING
    with apprise.LogCapture(level=logging.WARNING) as said, guarded(policy) as watch:
        taken = False
        with suppress(Refused):  # what a library lets through: the watch tells it as well
            taken = service.notify(title=envelope.title, body=envelope.body, notify_type=kind)
        told = said.getvalue()
    if watch.refused:
        raise Undelivered(watch.refused, permanent=True)
    if not taken:
        # What the library says may hold the address and its secrets: only the status is passed on.
        status = STATUS.search(told)
        if status is None:
            raise Undelivered(f"{service.service_name} did not take it")
        raise Undelivered(f"{service.service_name} answered {status.group(1)}", permanent=for_good(int(status.group(1))))


def _judge(service: Any, policy: AddressPolicy) -> None:
    """Raises Refused for what could not be reached at its port; where none is written, at any that an operator allowed."""
    host, usual = str(service.host or ""), 443 if service.secure else 80
    for port in () if service.port else [entry.port for entry in policy.allowed if entry.port]:
        with suppress(Refused):
            return policy.judge_written(host, port)
    return policy.judge_written(host, service.port or usual)


def _service(url: str) -> Any:
    if url.partition(":")[0].strip().lower() in LOCAL:
        raise BadConfig({"url": "This would speak to the server itself, and not to people."})
    service = apprise.Apprise.instantiate(url, asset=ASSET, suppress_exceptions=True)
    if service is None:
        raise BadConfig({"url": "This is not an address that Apprise knows, such as slack://… or ntfy://host/topic."})
    return service
