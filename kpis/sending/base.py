"""What every kind of channel is handed, and how it says that a message was not taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from outgoing.addresses import AddressPolicy


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """One message. `key` stays the same however often it is sent, so that a receiver can tell a repetition."""

    key: str
    at: datetime
    title: str
    body: str
    event: Mapping[str, Any]
    good: bool = False


TRY_AGAIN = {408, 409, 425, 429}


def for_good(status: int) -> bool:
    """Whether a receiver that answers so will never take the message."""
    return 300 <= status < 500 and status not in TRY_AGAIN


class Undelivered(Exception):
    """The message was not taken. A permanent one is not tried again; the text holds no secret."""

    def __init__(self, reason: str, *, permanent: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.permanent = permanent
        self.retry_after_s = retry_after_s


class BadConfig(ValueError):
    """A channel's settings that cannot work: field → what is wrong."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


class ChannelKind(Protocol):
    """A module of this package."""

    LABEL: str

    def check(self, config: Mapping[str, Any], policy: AddressPolicy) -> str:
        """How the channel is shown, without its secrets. Raises BadConfig, also for an address that is never reached."""

    def send(self, config: Mapping[str, Any], envelope: Envelope, policy: AddressPolicy) -> None:
        """Send one message within about ten seconds. Raises Undelivered."""
