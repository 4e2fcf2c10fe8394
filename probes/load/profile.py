"""What a load run asks of a service: stages of users or of a rate, thinking between requests, a mix of requests."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from probes.stopwatch.request import prepare

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]


class Caps(msgspec.Struct, frozen=True):
    """What no load run may exceed, whatever its profile says."""

    users: int = 1_000
    rate: float = 10_000
    seconds: float = 1_800


class Stage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`users` (closed model) or `rate` in requests/s (open model) for `seconds`; neither is a pause to cool down.

    The first `warm_up_s` are run and left out. Users start spread over their thinking time unless `at_once`.
    """

    seconds: Positive
    users: Annotated[int, Meta(ge=0)] = 0
    rate: NotNegative = 0.0
    warm_up_s: NotNegative = 0.0
    at_once: bool = False

    @property
    def idle(self) -> bool:
        return not self.users and not self.rate

    @property
    def label(self) -> str:
        return f"{self.users:,} users" if self.users else f"{self.rate:,g}/s" if self.rate else "cool-down"


class Think(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a user waits between an answer and the next request; `paced`: from one request to the next."""

    law: Literal["none", "fixed", "exponential", "paced"] = "none"
    seconds: NotNegative = 0.0


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One request of the mix; it comes as often as its weight says."""

    path: str = "/"
    method: str = "GET"
    headers: dict[str, str] = {}
    body: str = ""
    weight: Annotated[int, Meta(ge=1, le=100)] = 1

    @property
    def label(self) -> str:
        return f"{self.method} {self.path}"


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`poisson` draws the gaps of an open model at random (independent arrivals); otherwise they are even."""

    stages: tuple[Stage, ...]
    requests: tuple[Ask, ...] = (Ask(),)
    think: Think = Think()
    timeout_s: Annotated[float, Meta(ge=0.05, le=60)] = 10.0
    poisson: bool = False
    only_2xx: bool = False

    @property
    def seconds(self) -> float:
        return sum(stage.seconds for stage in self.stages)

    @property
    def rate(self) -> float:
        """The most requests/s that a stage can come to, on average: users who do not think send as many as are answered."""
        think_s = 0.0 if self.think.law == "none" else self.think.seconds
        return max(stage.rate or (stage.users / think_s if think_s else inf if stage.users else 0.0) for stage in self.stages)

    @property
    def model(self) -> str:
        return "open" if any(stage.rate for stage in self.stages) else "closed"

    def failed(self, status: int) -> bool:
        return status >= 500 or (self.only_2xx and not 200 <= status < 300)


def check(profile: Profile, caps: Caps) -> None:
    """Raises ValueError, with the reason in words, for a profile that makes no sense or exceeds a cap."""
    if not profile.stages or all(stage.idle for stage in profile.stages):
        raise ValueError("a profile needs a stage with users or a rate")
    if not profile.requests:
        raise ValueError("a profile needs a request")
    for stage in profile.stages:
        if stage.users and stage.rate:
            raise ValueError("a stage has users or a rate, not both")
        if stage.users > caps.users:
            raise ValueError(f"{stage.users:,} users are more than the cap of {caps.users:,}")
        if stage.rate > caps.rate:
            raise ValueError(f"{stage.rate:,g} requests/s are more than the cap of {caps.rate:,g}")
        if stage.warm_up_s >= stage.seconds:
            raise ValueError("a warm-up is shorter than its stage")
    if profile.seconds > caps.seconds:
        raise ValueError(f"{profile.seconds:,g} s are longer than the cap of {caps.seconds:,g} s")
    for ask in profile.requests:
        if ask.method not in METHODS:
            raise ValueError(f"{ask.method} cannot be sent: one of {', '.join(METHODS)}")
        if not ask.path.startswith("/"):
            raise ValueError(f"{ask.path!r}: a path begins with /")
        prepare(ask.method, f"http://localhost{ask.path}", ask.headers, ask.body.encode())


def share(profile: Profile, number: int, shards: int) -> Profile:
    """What shard `number` of so many sends: users are dealt out, a rate is divided."""
    stages = tuple(
        msgspec.structs.replace(stage, users=(stage.users + shards - 1 - number) // shards, rate=stage.rate / shards)
        for stage in profile.stages
    )
    return msgspec.structs.replace(profile, stages=stages)


def turns(requests: Sequence[Ask]) -> list[int]:
    """The mix as one round of indices, every request as often as its weight, spread evenly over the round."""
    places = [((turn + 0.5) / ask.weight, index) for index, ask in enumerate(requests) for turn in range(ask.weight)]
    return [index for _, index in sorted(places)]
