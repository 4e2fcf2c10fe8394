"""What can be misconfigured, each with its id."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from outgoing.addresses import allowance


def check_allow_list(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """E001: an entry of CHANNEL_ALLOW that is neither a host name nor a network."""
    found: list[CheckMessage] = []
    for entry in settings.CHANNEL_ALLOW:
        try:
            allowance(entry)
        except ValueError as error:
            hint = "Write host-or-CIDR[:port], separated by commas."
            found.append(Error(f"CHANNEL_ALLOW: {error}", hint=hint, id="kpis.E001"))
    return found
