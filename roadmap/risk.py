"""Risk in ISO 31000 terms: likelihood 1-5 × impact 1-5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

CERTAIN = 5


class Level(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


BANDS = ((4, Level.LOW), (9, Level.MEDIUM), (16, Level.HIGH), (25, Level.CRITICAL))


@dataclass(frozen=True)
class Placement:
    """A cell of the 5 × 5 matrix."""

    likelihood: int
    impact: int

    @property
    def score(self) -> int:
        return self.likelihood * self.impact

    @property
    def level(self) -> Level:
        return level(self.score)


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """A KPI that a risk listens to; `breached_since` is None while it is not breached.

    `measured` is the figure that triggered it, `origin` what measured that (run:<id>, …), `actual` the figure of now.
    """

    kpi: str
    name: str
    breached_since: datetime | None = None
    measured: str = ""
    measured_at: datetime | None = None
    origin: str = ""
    actual: str = ""
    waived: bool = False


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a risk is now. A placement is None where likelihood or impact is not stated."""

    inherent: Placement | None
    residual: Placement | None
    current: Placement | None
    status: str
    triggered_since: datetime | None
    triggered_by: tuple[Trigger, ...]
    review_overdue: bool
    agrees_with_stated: bool | None

    @property
    def triggered(self) -> bool:
        return self.triggered_since is not None

    @property
    def level(self) -> Level | None:
        return self.current.level if self.current else None


def level(score: int) -> Level:
    """low 1-4, medium 5-9, high 10-16, critical 17-25."""
    if not 1 <= score <= 25:
        raise ValueError(f"a risk score is 1…25, not {score}")
    return next(name for limit, name in BANDS if score <= limit)


def placement(likelihood: int | None, impact: int | None) -> Placement | None:
    if likelihood is None or impact is None:
        return None
    if not (1 <= likelihood <= 5 and 1 <= impact <= 5):
        raise ValueError(f"likelihood and impact are 1…5, not {likelihood} and {impact}")
    return Placement(likelihood, impact)


def judge(
    *,
    inherent: Placement | None,
    residual: Placement | None,
    status: str,
    triggers: Sequence[Trigger],
    today: date,
    review_on: date | None = None,
    stated_level: str = "",
) -> Judgement:
    """Current is residual (inherent while no residual is stated); while a trigger's KPI is breached it stands at
    likelihood 5. A closed risk listens to nothing."""
    hit = tuple(trigger for trigger in triggers if trigger.breached_since is not None and status != "closed")
    resting = residual or inherent
    current = Placement(CERTAIN, resting.impact) if hit and resting else resting
    return Judgement(
        inherent=inherent,
        residual=residual,
        current=current,
        status="triggered" if hit else status,
        triggered_since=min((t.breached_since for t in hit if t.breached_since), default=None),
        triggered_by=hit,
        review_overdue=review_on is not None and review_on < today and status != "closed",
        agrees_with_stated=None if not stated_level or inherent is None else inherent.level == stated_level,
    )
