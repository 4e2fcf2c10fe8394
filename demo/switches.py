"""The optimisations of the roadmap as switches: what each does, its parameters, and turning it while the service runs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from demo import reading
from demo.cache import LayeredCache, SmallCache
from demo.database import Database, PoolSize
from probes.instrument import Instrument

MOST = 1_000_000
FAULT = "connection-leak"


class BadParameter(ValueError):
    """A parameter that does not exist or whose value makes no sense."""


@dataclass
class Switch:
    """One optimisation. `parameters` can be changed; `effect` says what it does here, honestly."""

    name: str
    phase: int
    title: str
    effect: str
    parameters: dict[str, int] = field(default_factory=dict)
    on: bool = False
    available: str = ""
    """Why it has no effect here; empty when it has one."""


def registry(*, sqlite: bool, redis_url: str) -> dict[str, Switch]:
    pool_note = "needs PostgreSQL: on SQLite it changes nothing and claims nothing" if sqlite else ""
    l2_note = "" if redis_url else "needs Redis (DEMO_REDIS_URL)"
    switches = [
        Switch("single-query", 1, "One query instead of N+1", "Users with their posts are read by one statement."),
        Switch(
            "indexes", 1, "Indexes", "users(is_active, created_at), posts(author_id, published), comments(post_id, is_approved)."
        ),
        Switch("batch-insert", 1, "Batch insert", "Imported comments are written by one statement."),
        Switch(
            "connection-pool", 1, "Connection pool", "From 10 + 20 overflow, 30 s time-out.",
            {"size": 25, "overflow": 50, "timeout_s": 10, "recycle_s": 3600}, available=pool_note,
        ),
        Switch("l1-cache", 2, "L1 cache in memory", "True LRU instead of 64 entries for 30 s.", {"size": 5000, "ttl_s": 300}),
        Switch(
            "l2-cache", 2, "L2 cache in Redis", "Keeps what no longer fits into L1, and for longer; works with L1.",
            {"ttl_s": 1800}, available=l2_note,
        ),
        Switch(
            "warming", 2, "Cache warming", "Active users and popular posts are loaded when it is switched on.",
            {"users": 1000, "posts": 500},
        ),
        Switch("tag-invalidation", 2, "Tag invalidation", "A change forgets what carries its tag, not every entry of its kind."),
        Switch(
            FAULT, 0, "A connection leak",
            "Every page of users takes one more connection and forgets it. Switched off, they are closed.", {"most": 110},
        ),
    ]  # fmt: skip
    return {switch.name: switch for switch in switches}


class Board:
    """The switches of a running service. Turning is serial; what fails leaves the switch as it was."""

    def __init__(self, database: Database, instrument: Instrument, redis_url: str = "") -> None:
        self.database, self.redis_url = database, redis_url
        self.counted = instrument.cache("pages")
        self.switches = registry(sqlite=database.sqlite, redis_url=redis_url)
        self.cache: SmallCache = SmallCache(self.counted)
        self._turning = asyncio.Lock()
        self._warming: asyncio.Task[None] | None = None

    def on(self, name: str) -> bool:
        return self.switches[name].on

    async def look(self) -> None:
        """Indexes outlive a restart: their switch says what is really there."""
        self.switches["indexes"].on = bool(await self.database.indexes())

    async def turn(self, name: str, on: bool, parameters: dict[str, Any] | None = None) -> Switch:
        """Switch one optimisation; raises KeyError for an unknown one, BadParameter for a wrong parameter."""
        switch = self.switches[name]
        wanted = switch.parameters | checked(switch, parameters or {})
        async with self._turning:
            if name == "indexes":
                await self.database.set_indexes(on)
            elif name == "connection-pool" and not self.database.sqlite:
                await self.database.resize(_pool(wanted if on else None, self._leak()))
            elif name == FAULT and (on or switch.on):
                pool = self.switches["connection-pool"]
                optimised = pool.parameters if pool.on and not self.database.sqlite else None
                switch.on = False  # nothing leaks into the pool that comes
                await self.database.close_forgotten()
                await self.database.resize(_pool(optimised, wanted["most"] if on else 0))
            switch.on, switch.parameters = on, wanted
            if name in ("l1-cache", "l2-cache", "tag-invalidation"):
                await self._renew_cache()
            if name in ("warming", "l1-cache"):
                if self._warming is not None:
                    self._warming.cancel()
                self._warming = asyncio.create_task(self._warm()) if self.on("warming") else None
        return switch

    def _leak(self) -> int:
        """How many connections the leak may take; 0 while it is off."""
        leak = self.switches[FAULT]
        return leak.parameters["most"] if leak.on else 0

    async def forget_a_connection(self) -> None:
        """What the leak does on the way of a request; nothing while it is off."""
        if most := self._leak():
            await self.database.forget_one(most)

    async def turn_phase(self, phase: int, on: bool) -> list[Switch]:
        """Turn every switch of a phase, in order. Raises KeyError for a phase without switches."""
        names = [switch.name for switch in self.switches.values() if switch.phase == phase]
        if not names:
            raise KeyError(phase)
        return [await self.turn(name, on) for name in names]

    async def _renew_cache(self) -> None:
        old, self.cache = self.cache, await self._made()
        await old.close()

    async def _made(self) -> SmallCache:
        l1, l2 = self.switches["l1-cache"], self.switches["l2-cache"]
        if not l1.on:
            return SmallCache(self.counted)
        made = LayeredCache(
            self.counted,
            size=l1.parameters["size"],
            ttl_s=l1.parameters["ttl_s"],
            by_tag=self.on("tag-invalidation"),
            l2_url=self.redis_url if l2.on else "",
            l2_ttl_s=l2.parameters["ttl_s"],
        )
        await made.clear_l2()
        return made

    async def _warm(self) -> None:
        """Fill the cache with active users and popular posts, a few at a time so that requests are served meanwhile."""
        sizes = self.switches["warming"].parameters
        async with self.database.connect() as connection:
            users = await reading.newest_users(connection, sizes["users"])
            posts = await reading.popular_posts(connection, sizes["posts"])
        for user in users:
            cache, since = self.cache, self.cache.changes
            async with self.database.connect() as connection:
                found = await reading.profile(connection, user["id"])
            if found is not None:
                await cache.set(f"user:{user['id']}", found, {"users", f"user:{user['id']}"}, since=since)
        for post in posts:
            cache, since = self.cache, self.cache.changes
            async with self.database.connect() as connection:
                listed = await reading.comments(connection, post)
            await cache.set(f"comments:{post}", listed, {"comments", f"post:{post}"}, since=since)


def _pool(optimised: dict[str, int] | None, leak: int) -> PoolSize:
    """The pool by its switch, with room for what leaks: otherwise requests would wait for it, and nothing could be seen."""
    if optimised is None:
        return PoolSize(overflow=PoolSize().overflow + leak)
    return PoolSize(optimised["size"], optimised["overflow"] + leak, optimised["timeout_s"], optimised["recycle_s"])


def checked(switch: Switch, parameters: dict[str, Any]) -> dict[str, int]:
    found = {}
    for name, value in parameters.items():
        if name not in switch.parameters:
            raise BadParameter(f"{switch.name} has no parameter {name}")
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise BadParameter(f"{name} is a whole number") from None
        if not (1 <= number <= MOST or (name == "recycle_s" and number == -1)):
            raise BadParameter(f"{name} lies between 1 and {MOST:,}")
        found[name] = number
    return found
