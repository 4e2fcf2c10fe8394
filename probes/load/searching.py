"""How many users, or what rate, still meet the limits: doubled until a step misses, then halved between, then confirmed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec

from probes.load import guard
from probes.load.judging import By, Capacity, Limits, busy_stages
from probes.load.merging import Result
from probes.load.profile import Caps, Profile

Carry = Callable[[Profile], Awaitable[Result]]
PRECISION, MOST_STEPS = 0.1, 16


@dataclass
class Search:
    """`results` are all steps; `capacity` is what met the limits twice, or `why` says what kept it from being found."""

    profile: Profile
    limits: Limits
    by: By
    caps: Caps
    results: list[Result] = field(default_factory=list)
    held: set[int] = field(default_factory=set)
    missed: int = 0
    capacity: Capacity | None = None
    why: str = ""

    async def run(self, carry: Carry) -> None:
        """The first stage is the first step. A step that says nothing of the service ends the search."""
        most = int(getattr(self.caps, self.by))
        size: int | None = min(most, max(1, int(getattr(self.profile.stages[0], self.by))))
        while size is not None:
            if len(self.results) >= MOST_STEPS or (len(self.results) + 1) * self.profile.stages[0].seconds > self.caps.seconds:
                self.why = f"nothing was confirmed within {len(self.results)} steps"
                return
            if not await self._step(size, carry):
                return
            if self.capacity is None:
                size = self._next(most)
            else:
                return
        self.why = f"not even {self.missed} met the limits"

    async def _step(self, size: int, carry: Carry) -> bool:
        """Returns whether to go on."""
        before = self.results[-1] if self.results else None
        step = self._profile(size)
        result = await carry(step)
        self.results.append(result)
        if result.dead or (result.stopped and not result.down) or guard.limited(result):
            return False
        if result.down and before is not None and before.down:
            self.why = result.down
            return False
        if result.down or not all(one.meets(self.limits) for one in busy_stages(result, step)):
            self.missed, self.held = size, {one for one in self.held if one < size}
        elif size in self.held:
            self.capacity = Capacity(self.by, size, bool(self.missed))
        else:
            self.held.add(size)
        return True

    def _next(self, most: int) -> int | None:
        good, bad = max(self.held, default=0), self.missed
        if not bad:
            return good if good >= most else min(most, good * 2)
        if bad - good <= max(1, PRECISION * bad):
            return good or None
        return (good + bad) // 2

    def _profile(self, size: int) -> Profile:
        first = self.profile.stages[0]
        stage = msgspec.structs.replace(first, users=size if self.by == "users" else 0, rate=size if self.by == "rate" else 0.0)
        return msgspec.structs.replace(self.profile, stages=(stage,))
