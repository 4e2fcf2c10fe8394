"""What a result format has to offer, and what it hands back. A format is handed the payload and reads nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from accounts import texts
from accounts.days import asked
from kpis.stats.histogram import Histogram


class Unreadable(ValueError):
    """A payload of this format that cannot be read: `errors` are (path, what is wrong)."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{path}: {detail}" for path, detail in errors[:5]))
        self.errors = errors


@dataclass(frozen=True, kw_only=True)
class ParsedSample:
    """One named figure of a result, in `unit`.

    `value` is the mean, or the only figure there is. `histogram` holds every single sample where the payload has them.
    `statistics` are figures that the tool reported ready-made, by the aggregation they are (`p95`, `max`, …).
    `failures` of the `count` samples failed. `kpi` names a KPI explicitly: `key` or `scorecard/key`.
    """

    name: str
    metric: str
    value: float
    unit: str
    count: int = 1
    failures: int = 0
    histogram: Histogram | None = None
    reported: bool = False
    statistics: Mapping[str, float] = field(default_factory=dict)
    kpi: str = ""


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """Everything that a payload says; empty where it does not."""

    samples: list[ParsedSample]
    commit: str = ""
    branch: str = ""
    testbed: Mapping[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None


class Format(Protocol):
    """The surface of a module in this package. `sniff` never raises; `parse` raises Unreadable and nothing else.

    The payload is the decoded value where it was JSON, and bytes otherwise.
    """

    LABEL: str

    def sniff(self, payload: object) -> bool: ...

    def parse(self, payload: object) -> Parsed: ...


class Reader:
    """Typed access to a decoded payload that collects faults with their paths instead of stopping at the first."""

    def __init__(self) -> None:
        self.errors: list[tuple[str, str]] = []

    def fault(self, path: str, detail: str) -> None:
        self.errors.append((path, detail))

    def mapping(self, value: object, path: str) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        self.fault(path, "an object is needed")
        return {}

    def sequence(self, value: object, path: str) -> list[Any]:
        if isinstance(value, list):
            return value
        self.fault(path, "a list is needed")
        return []

    def text(self, value: object, path: str, *, longest: int = 300) -> str:
        if not isinstance(value, str) or len(value) > longest:
            self.fault(path, f"a text of at most {longest} characters is needed")
        elif detail := texts.fault(value):
            self.fault(path, detail)
        else:
            return value
        return ""

    def number(self, value: object, path: str, *, least: float = 0.0) -> float:
        """A finite number of at least `least`."""
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300:
            figure = float(value)
            if math.isfinite(figure) and figure >= least:
                return figure
        self.fault(path, f"a finite number of at least {least:g} is needed")
        return 0.0

    def whole(self, value: object, path: str, *, least: int) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**63:
            return value
        self.fault(path, f"a whole number of at least {least} is needed")
        return least

    def moment(self, value: object, path: str) -> datetime | None:
        """A time in UTC, written with its offset; None for nothing."""
        if value in (None, ""):
            return None
        try:
            return asked(str(value))
        except ValueError:
            self.fault(path, "an ISO 8601 time with its offset is needed, such as 2026-03-01T12:00:00Z")
            return None

    def finish(self) -> None:
        """Raise Unreadable when anything was wrong."""
        if self.errors:
            raise Unreadable(self.errors)
