"""What can be misconfigured, each with its id."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from outgoing.addresses import allowance


def check_allow_list(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """E001: an entry of PROBE_ALLOW that is neither a host name nor a network."""
    found: list[CheckMessage] = []
    for entry in settings.PROBE_ALLOW:
        try:
            allowance(entry)
        except ValueError as error:
            found.append(Error(f"PROBE_ALLOW: {error}", hint="Write host-or-CIDR[:port], separated by commas.", id="probes.E001"))
    return found


def check_load(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """E002: numbers with which no load run could be carried out."""
    named = ("LOAD_SHARDS", "LOAD_WORKERS", "LOAD_MAX_SHARDS", "LOAD_MAX_USERS", "LOAD_MAX_RATE", "LOAD_MAX_SECONDS")
    found: list[CheckMessage] = [
        Error(f"{name} is {getattr(settings, name)}: at least 1", id="probes.E002")
        for name in named
        if getattr(settings, name) < 1
    ]
    if settings.LOAD_MAX_SHARDS < settings.LOAD_SHARDS:
        hint = "Leave LOAD_MAX_SHARDS unset, or raise it."
        found.append(Error("LOAD_MAX_SHARDS is less than LOAD_SHARDS", hint=hint, id="probes.E002"))
    return found
