"""The order that a shard is given on its standard input."""

from __future__ import annotations

import msgspec

from probes.load.profile import Profile


class Spec(msgspec.Struct, frozen=True):
    """`profile` is this shard's share; `allow` and `deny` make its address policy.

    `headers` are the service's own and may be secret: an order is never written to a log or a command line.
    """

    base_url: str
    profile: Profile
    headers: dict[str, str] = {}
    allow: list[str] = []
    deny: list[tuple[str, int]] = []
    shard: int = 0
    seed: int = 0
    connections: int = 1_000
    kernel_stamps: bool = True
