"""What a probe kind is given, and what it gives back. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import msgspec

from kpis.readings import Reading
from outgoing.addresses import AddressPolicy
from probes.load.merging import Result
from probes.load.profile import Caps, Profile
from probes.load.report import Row


class Outcome(StrEnum):
    OK = "ok"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    REFUSED = "refused"
    INVALID = "invalid"
    GENERATOR_LIMITED = "generator_limited"
    STOPPED = "stopped"
    ABANDONED = "abandoned"


@dataclass(frozen=True)
class Target:
    """The service that is measured."""

    slug: str
    base_url: str
    environment: str = ""
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    metrics_url: str = "/metrics"
    health_path: str = "/health"
    database_dsn: str = field(default="", repr=False)
    redis_url: str = field(default="", repr=False)


@dataclass(frozen=True)
class Page:
    """A fetched document: text of at most the cap, its media type, status, when it was asked for, its headers by small name."""

    status: int
    text: str
    media_type: str
    at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)


Generate = Callable[[Profile, Callable[[Row], None]], Awaitable[Result]]


class Tools(msgspec.Struct, frozen=True):
    """What a kind may use: nothing else reaches the outside.

    `scrape` fetches the service's metrics, once per service and batch, however many kinds ask; it raises
    `outgoing.http.Unreachable` (or its `TimedOut`, `Refused`) with a plain reason. `previous` is what the kind kept last time.
    """

    policy: AddressPolicy
    scrape: Callable[[], Awaitable[Page]]
    now: Callable[[], datetime]
    previous: dict[str, Any] = msgspec.field(default_factory=dict)
    generate: Generate | None = None
    """Carries a load profile out, telling each second; only the load worker hands it in."""

    caps: Caps = msgspec.field(default_factory=Caps)
    """What no load run may exceed."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a run brought: readings only when they are true. `availability` readings may accompany a failure."""

    outcome: Outcome
    readings: list[Reading] = msgspec.field(default_factory=list)
    error: str = ""
    reason: str = ""
    details: dict[str, Any] = msgspec.field(default_factory=dict)
    memory: dict[str, Any] = msgspec.field(default_factory=dict)


@runtime_checkable
class Kind(Protocol):
    """A module of `probes.kinds`. METRICS maps each metric it may read to the base unit it comes in."""

    LABEL: str
    METRICS: dict[str, str]
    DEFAULT_INTERVAL_S: int
    TIMED: bool
    """Whether it times requests: timed runs on one service go one after another."""

    Params: type[msgspec.Struct]

    def measure(self, target: Target, params: Any, tools: Tools) -> Awaitable[Measured]: ...
