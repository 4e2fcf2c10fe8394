"""What is not stated of KPIs: without it nobody answers for a figure, nothing feeds it, or nothing is judged by it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kpis.reviewing import Due
from kpis.standing import Standing

WORDS = {
    "owner": "owner",
    "source": "source",
    "target": "target",
    "baseline": "baseline",
    "alert_threshold": "alert threshold",
}


@dataclass(frozen=True)
class Gap:
    """What one KPI lacks, and where its reviews stand."""

    standing: Standing
    missing: tuple[str, ...]
    review: Due

    @property
    def columns(self) -> list[bool]:
        """Whether it lacks each of WORDS."""
        return [name in self.missing for name in WORDS]


def missing(standing: Standing) -> tuple[str, ...]:
    """Names out of WORDS, in their order. A source is anything that ever fed it and still counts."""
    there = {
        "owner": standing.kpi.owner_id is not None,
        "source": bool(standing.series),
        "target": standing.target is not None,
        "baseline": standing.baseline is not None,
        "alert_threshold": standing.alert_threshold is not None,
    }
    return tuple(name for name in WORDS if not there[name])


def gaps(standings: Iterable[Standing], reviews: Mapping[int, Due]) -> list[Gap]:
    """The KPIs that lack something or whose review is due, those that are overdue the longest first."""
    every = [Gap(one, missing(one), reviews[one.kpi.pk]) for one in standings]
    found = [gap for gap in every if gap.missing or gap.review.state in ("due", "overdue")]
    return sorted(found, key=lambda gap: (-gap.review.days_late, gap.review.state != "due", -len(gap.missing)))


def counted(found: Iterable[Gap]) -> str:
    """`1 review overdue, 3 without owner`; empty where nothing is missing."""
    listed = list(found)
    parts = [
        f"{number} without {words}" for name, words in WORDS.items() if (number := sum(name in gap.missing for gap in listed))
    ]
    late = sum(gap.review.state == "overdue" for gap in listed)
    return ", ".join([*([f"{late} review{'' if late == 1 else 's'} overdue"] if late else []), *parts])
