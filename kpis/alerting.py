"""The life of an alert as a pure function: what it is now and what one look says give its next step, or none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

SETTLE_S = 300
"""The shortest recover window: within it a good figure may turn bad again and is the same incident, untold."""

GATHER_S = 5
"""So long a transition waits before it is told, so that what breaks together is told together."""


LONGEST_S = 366 * 86400
"""What is watched waits at most so long before it fires, and before it is over."""


class State(StrEnum):
    PENDING = "pending"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Step(StrEnum):
    """What a look makes of an incident."""

    OPEN = "open"
    FIRE = "fire"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    FORGET = "forget"


@dataclass(frozen=True)
class Look:
    """What one look says. `bad` is None where it cannot be told; `lasting`: it has been bad for as long as the rule says."""

    at: datetime
    bad: bool | None
    lasting: bool = False


@dataclass(frozen=True)
class Life:
    """Where an incident stands."""

    state: State
    moved_at: datetime
    reopen_s: int = SETTLE_S


def step(life: Life | None, look: Look) -> Step | None:
    """The next step, or None where nothing moves.

    Nothing moves at a time before its last move: a clock that was stepped back undoes and repeats nothing. What could not
    be told moves nothing either: absence neither fires nor recovers. What was bad for less than *for* was no alert: it is
    forgotten.
    """
    if look.bad is None or (life is not None and look.at < life.moved_at):
        return None
    if life is None or (life.state == State.RESOLVED and not reopens(life, look)):
        return Step.OPEN if look.bad else None
    if life.state == State.RESOLVED:
        return Step.REOPEN if look.lasting else None
    if life.state == State.PENDING:
        return Step.FIRE if look.lasting else None if look.bad else Step.FORGET
    return None if look.bad else Step.RESOLVE


def reopens(life: Life, look: Look) -> bool:
    """Whether a resolved incident is still the one that a new breach belongs to."""
    return look.at <= life.moved_at + timedelta(seconds=life.reopen_s)


def window_s(recover_s: int) -> int:
    """How long after its end an incident is the same one again."""
    return max(recover_s, SETTLE_S)


def told_after_s(recover_s: int, waited_s: int = 0) -> int:
    """How long good news wait until the recover window has passed, of which whoever judged has waited a part."""
    return max(0, window_s(recover_s) - waited_s) + GATHER_S
