"""How many users still meet the limits: doubled until a step misses, then halved between, then confirmed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from probes.load import guard
from probes.load.judging import Limits, busy_stages
from probes.load.merging import Result
from probes.load.profile import Profile
from probes.load.report import Row

Carry = Callable[[Profile, Callable[[Row], None]], Awaitable[Result]]
MOST, PRECISION, MOST_STEPS = 1_000, 0.1, 14


Found = tuple[list[Result], tuple[int, bool] | None]


async def users(profile: Profile, limits: Limits, carry: Carry, see: Callable[[Row], None]) -> Found:
    """All steps, and the highest number of users that met the limits twice with whether more were tried and missed.

    The first stage is the first step. A step in which the generator was the bottleneck, or that was stopped, ends the search.
    """
    results: list[Result] = []

    async def meets(count: int) -> bool | None:
        stage = msgspec.structs.replace(profile.stages[0], users=count, rate=0.0)
        step = msgspec.structs.replace(profile, stages=(stage,))
        result = await carry(step, see)
        results.append(result)
        if result.dead or result.stopped or guard.limited(result):
            return None
        return all(one.meets(limits) for one in busy_stages(result, step))

    good, bad, count = 0, 0, max(1, profile.stages[0].users)
    while len(results) < MOST_STEPS:
        held = await meets(count)
        if held is None:
            return results, None
        good, bad = (count, bad) if held else (good, count)
        if bad and bad - good <= max(1, PRECISION * bad):
            break
        if good >= MOST:
            break
        count = (good + bad) // 2 if bad else min(MOST, good * 2)
        if count in (good, bad):
            break
    if not good or not await meets(good):
        return results, None
    return results, (good, bool(bad))
