"""What every source does alike: say why nothing was read, and what is kept between two runs. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from probes.kinds.base import Measured, Outcome
from probes.metrics.window import LONGEST

NO_WINDOW = "no window yet: the next run has one"


class Unread(Exception):
    """A source that gave no figure, with the outcome of the run, a short reason and the whole story."""

    def __init__(self, text: str, *, outcome: Outcome = Outcome.FAILED, reason: str = "") -> None:
        super().__init__(text)
        self.outcome, self.reason = outcome, reason

    def measured(self, memory: dict[str, Any]) -> Measured:
        return Measured(outcome=self.outcome, reason=self.reason, error=str(self), memory=memory)


def nothing(reason: str, memory: dict[str, Any]) -> Measured:
    """A run in order that has nothing to tell."""
    return Measured(outcome=Outcome.OK, reason=reason, memory=memory, details={"not_told": reason})


def remembered(memory: dict[str, Any], source: str, at: datetime) -> dict[str, Any]:
    """What this source kept last time; nothing where another one did, or where it is too old for a window."""
    try:
        age = at - datetime.fromisoformat(memory["at"])
    except (KeyError, TypeError, ValueError):
        return {}
    return memory if memory.get("source") == source and timedelta(0) < age <= LONGEST else {}
