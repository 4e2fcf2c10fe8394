"""What a shard tells: a row per second while it runs, and its sums at the end. All of it merges by adding."""

from __future__ import annotations

import msgspec

from kpis.stats.histogram import Histogram

EMPTY = Histogram.merge([]).to_bytes()


class Gauge(msgspec.Struct):
    """How the generator itself fared, the worst of its shards; `achieved` is the share of what was asked, sent in time."""

    cpu: float = 0.0
    lag_p95_ms: float = 0.0
    late_p99_ms: float = 0.0
    achieved: float = 1.0
    steal: float = 0.0


class Row(msgspec.Struct):
    """One second of a run, by when requests ended; times are compact histograms in ms."""

    second: int
    stage: int
    warm: bool
    users: int = 0
    sent: int = 0
    backlog: int = 0
    size: int = 0
    statuses: dict[int, int] = {}
    errors: dict[str, int] = {}
    response: bytes = EMPTY
    service: bytes = EMPTY
    connect: bytes = EMPTY
    gauge: Gauge = msgspec.field(default_factory=Gauge)
    shard: int = 0

    @property
    def ended(self) -> int:
        return sum(self.statuses.values()) + sum(self.errors.values())


class Asked(msgspec.Struct):
    """One request of the mix in a stage: how often it ended, how often without an answer, and its service times."""

    name: str
    count: int = 0
    service: bytes = EMPTY


class Total(msgspec.Struct):
    """A stage without its warm-up, by when requests began. `seconds` is how long it was measured.

    `arrived` counts answers by when they came; `left` is what had been asked for and had no answer yet at its end.
    """

    stage: int
    label: str
    users: int
    rate: float
    seconds: float = 0.0
    sent: int = 0
    size: int = 0
    statuses: dict[int, int] = {}
    errors: dict[str, int] = {}
    arrived: dict[int, int] = {}
    left: int = 0
    response: bytes = EMPTY
    service: bytes = EMPTY
    connect: bytes = EMPTY
    requests: list[Asked] = []
    gauge: Gauge = msgspec.field(default_factory=Gauge)

    @property
    def ended(self) -> int:
        return sum(self.statuses.values()) + sum(self.errors.values())


class Final(msgspec.Struct):
    """The last word of a shard. `skew_ms` is how late it began."""

    shard: int
    totals: list[Total]
    skew_ms: float = 0.0
    stopped: bool = False
    stepped: bool = False
    cpu_s: float = 0.0
    memory_bytes: int = 0
    kernel_stamps: bool = False


class Told(msgspec.Struct):
    """One line of a shard's output: exactly one of these. `refused` is an address that may not be reached."""

    row: Row | None = None
    final: Final | None = None
    refused: str = ""
    ready: bool = False
