"""One figure out of several. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from probes.kinds.base import Outcome
from probes.sources.base import Unread

Combine = Literal["only", "sum", "mean", "max", "min"]


def combined(values: Sequence[float], how: Combine) -> float:
    """Raises Unread where there is none, and for several unless it was said what to make of them."""
    if not values:
        raise Unread("nothing was found", outcome=Outcome.OK, reason="nothing was found")
    if how == "only":
        if len(values) > 1:
            raise Unread(
                f"{len(values)} figures were found; say what to make of several, or ask for one", reason="several figures"
            )
        return values[0]
    total = sum(values)
    return {"sum": total, "mean": total / len(values), "max": max(values), "min": min(values)}[how]
