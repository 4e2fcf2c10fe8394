"""What the application's own metrics say while it is loaded: memory, connections, processor and database time, by stage."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from kpis.readings import Reading
from outgoing.addresses import checked_url
from outgoing.http import Unreachable
from probes.addresses import below
from probes.kinds import memory, queries
from probes.kinds.base import Target, Tools
from probes.load.merging import Result
from probes.load.profile import Profile
from probes.load.report import Row
from probes.metrics.reading import left_out
from probes.metrics.scrape import Scrape, Unreadable, read
from probes.metrics.window import NoWindow, Replicas, Restarted, window
from probes.stopwatch import Plan, prepare, run
from probes.stopwatch.serving import KEPT_OUT

EVERY_S, HEALTH_EVERY_S = 5, 10
HIGHEST = ("resident_memory", "db_connections")
"""Of these the highest one counts; of what is told over a window the whole of a stage."""


At = tuple[int, int]


class UnderLoad:
    """Carries profiles out, one after the other, and scrapes now and then inside each stage that is measured."""

    def __init__(self, target: Target, tools: Tools) -> None:
        self.target, self.tools = target, tools
        self.tasks: set[asyncio.Task[None]] = set()
        self.run = -1
        self.scrapes: dict[At, list[Scrape]] = {}
        self.missing = ""
        self.attempts = self.answered = 0

    async def carry(self, profile: Profile) -> Result:
        assert self.tools.generate is not None
        self.run += 1
        return await self.tools.generate(profile, self.see)

    def see(self, row: Row) -> None:
        """Told each second of the run."""
        at = (self.run, row.stage)
        if row.second % HEALTH_EVERY_S == 0:
            self._begin(self._health())
        if row.warm or not row.sent or (at in self.scrapes and row.second % EVERY_S):
            return
        self.scrapes.setdefault(at, [])
        self._begin(self._scrape(at))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def end(self, *, at_once: bool) -> None:
        """Wait for what is still asked, or give it up."""
        for task in self.tasks if at_once else ():
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=at_once)

    async def _health(self) -> None:
        """One small request, as the availability probe that waits would have made."""
        payload = prepare("GET", below(self.target.base_url, self.target.health_path), self.target.headers)
        plan = Plan(origin=checked_url(self.target.base_url), payloads=[payload], requests=1, warm_up=0, total_s=10)
        result = await run(plan, self.tools.policy)
        if not KEPT_OUT & result.statuses.keys():
            self.attempts += 1
            self.answered += any(status < 300 for status in result.statuses)

    def availability(self) -> list[Reading]:
        if not self.attempts:
            return []
        note = f"{self.answered} of {self.attempts} small requests under load"
        value = self.answered / self.attempts
        return [Reading(metric="availability", value=value, unit="ratio", at=self.tools.now(), note=note)]

    async def _scrape(self, at: At) -> None:
        try:
            page = await self.tools.scrape()
            self.scrapes[at].append(read(page.text, page.media_type, page.at))
        except (Unreachable, Unreadable, OSError) as error:
            self.missing = str(error) or "the metrics did not answer under load"

    def figures(self, at: At) -> dict[str, float]:
        """What the metrics said in one stage, by name, in base units."""
        return {one.metric: one.value for one in self.readings(at, "")}

    def readings(self, at: At, label: str) -> list[Reading]:
        """What the metrics said in one stage: over the whole of it, or the highest."""
        scrapes = self.scrapes.get(at, [])
        if not scrapes:
            return []
        first, last = scrapes[0], scrapes[-1]
        try:
            since = window(first, last)
        except (NoWindow, Restarted, Replicas):
            since = None
        routes = left_out(self.target)
        told = [*memory.told(last, since).readings, *queries.told(last, since, routes).readings]
        every = [one for scrape in scrapes for one in memory.told(scrape, None).readings]
        every += [one for scrape in scrapes for one in queries.told(scrape, None, routes).readings]
        found = {one.metric: one for one in told if one.metric in ("cpu", "db_query_time")}
        for metric in HIGHEST:
            same = [one for one in every if one.metric == metric]
            if same:
                found[metric] = max(same, key=lambda one: one.value)
        return [
            Reading(metric=one.metric, value=one.value, unit=one.unit, at=one.at, count=one.count, note=f"at {label}")
            for one in found.values()
        ]
