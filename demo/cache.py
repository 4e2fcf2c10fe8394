"""Both caches of the service: the small one that it starts with, and the layered one of the roadmap's second phase."""

from __future__ import annotations

import contextlib
import json
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import redis.asyncio
from redis.exceptions import RedisError

from probes.instrument import Cache as Counted

Entry = tuple[float, Any, frozenset[str]]
PREFIX = "demo:"
TAGS = f"{PREFIX}tag:"


class SmallCache:
    """A dictionary that forgets the oldest entry: what grows in many services before anybody plans a cache."""

    def __init__(self, counted: Counted, *, size: int = 64, ttl_s: float = 30) -> None:
        self.counted, self.size, self.ttl_s = counted, size, ttl_s
        self.entries: OrderedDict[str, Entry] = OrderedDict()
        self.changes = 0
        """How often something was forgotten: what was read before a change is not kept after it."""

    async def get(self, key: str) -> Any | None:
        entry = self.entries.get(key)
        if entry is None or entry[0] < time.monotonic():
            self.counted.miss()
            return None
        self.counted.hit()
        return entry[1]

    async def set(self, key: str, value: Any, tags: Iterable[str] = (), *, since: int | None = None) -> None:
        """Keep a value; `since` is what `changes` was before it was read from the database."""
        if since in (None, self.changes):
            self.put(key, value, tags)

    async def close(self) -> None:
        """Take no more values, and give back what is held outside the process: another cache takes over."""
        self.changes += 1

    def put(self, key: str, value: Any, tags: Iterable[str] = ()) -> None:
        self.entries[key] = (time.monotonic() + self.ttl_s, value, frozenset(tags))
        while len(self.entries) > self.size:
            self.entries.popitem(last=False)

    async def invalidate(self, tag: str, kind: str) -> int:
        """Forget every entry of a kind: without tags nobody knows which ones a change touches. Returns how many."""
        self.changes += 1
        keys = [key for key in self.entries if key.startswith(kind)]
        for key in keys:
            del self.entries[key]
        return len(keys)


class LayeredCache(SmallCache):
    """L1: true LRU in memory. L2: Redis, where there is one. Entries carry tags, and a tag takes its entries along."""

    def __init__(
        self,
        counted: Counted,
        *,
        size: int = 5000,
        ttl_s: float = 300,
        by_tag: bool = True,
        l2_url: str = "",
        l2_ttl_s: int = 1800,
    ) -> None:
        super().__init__(counted, size=size, ttl_s=ttl_s)
        self.by_tag, self.l2_ttl_s = by_tag, l2_ttl_s
        self.l2 = redis.asyncio.Redis.from_url(l2_url, socket_timeout=0.5, socket_connect_timeout=0.5) if l2_url else None
        self.keys: dict[str, set[str]] = {}

    async def get(self, key: str) -> Any | None:
        entry = self.entries.get(key)
        if entry is not None and entry[0] >= time.monotonic():
            self.entries.move_to_end(key)
            self.counted.hit()
            return entry[1]
        changes = self.changes
        found = await self._from_l2(key)
        if found is None:
            self.counted.miss()
            return None
        self.counted.hit()
        if changes == self.changes:
            self.put(key, found["value"], found["tags"])
        return found["value"]

    async def set(self, key: str, value: Any, tags: Iterable[str] = (), *, since: int | None = None) -> None:
        if since not in (None, self.changes):
            return
        self.put(key, value, tags)
        if self.l2 is not None:
            l2, changes = self.l2, self.changes
            with contextlib.suppress(RedisError):
                await self._to_l2(l2, key, value, list(tags))
                if changes != self.changes:  # a change overtook it
                    await l2.delete(f"{PREFIX}{key}")

    async def close(self) -> None:
        await super().close()
        l2, self.l2 = self.l2, None
        if l2 is not None:
            await l2.aclose()

    async def clear_l2(self) -> None:
        """Forget all of L2: what was written while it was off has passed it by."""
        if self.l2 is not None:
            with contextlib.suppress(RedisError):
                await self._forget_l2(self.l2, [key async for key in self.l2.scan_iter(f"{PREFIX}*", count=1000)])

    def put(self, key: str, value: Any, tags: Iterable[str] = ()) -> None:
        self._forget(key)
        self.entries[key] = (time.monotonic() + self.ttl_s, value, frozenset(tags))
        for tag in tags:
            self.keys.setdefault(tag, set()).add(key)
        while len(self.entries) > self.size:
            self._forget(next(iter(self.entries)))

    def _forget(self, key: str) -> None:
        entry = self.entries.pop(key, None)
        for tag in entry[2] if entry else ():
            left = self.keys.get(tag, set())
            left.discard(key)
            if not left:
                self.keys.pop(tag, None)

    async def invalidate(self, tag: str, kind: str) -> int:
        self.changes += 1
        keys = list(self.keys.get(tag, ())) if self.by_tag else [key for key in self.entries if key.startswith(kind)]
        for key in keys:
            self._forget(key)
        if self.l2 is not None:
            with contextlib.suppress(RedisError):
                await self._forget_l2(self.l2, await self._l2_keys(self.l2, tag, kind))
        return len(keys)

    async def _to_l2(self, l2: redis.asyncio.Redis, key: str, value: Any, tags: list[str]) -> None:
        async with l2.pipeline(transaction=True) as together:
            together.set(f"{PREFIX}{key}", json.dumps({"value": value, "tags": tags}), ex=self.l2_ttl_s)
            for tag in tags:
                together.sadd(f"{TAGS}{tag}", f"{PREFIX}{key}")
                together.expire(f"{TAGS}{tag}", self.l2_ttl_s)
            await together.execute()

    async def _l2_keys(self, l2: redis.asyncio.Redis, tag: str, kind: str) -> list[bytes | str]:
        """What L2 holds of a tag or kind, which is more than L1 does: entries live longer there, and outlive L1's."""
        if self.by_tag:
            return list(await l2.smembers(f"{TAGS}{tag}"))
        return [key async for key in l2.scan_iter(f"{PREFIX}{kind}*", count=1000)]

    async def _forget_l2(self, l2: redis.asyncio.Redis, keys: list[bytes | str]) -> None:
        if keys:
            await l2.delete(*keys)

    async def _from_l2(self, key: str) -> Any | None:
        if self.l2 is None:
            return None
        try:
            data = await self.l2.get(f"{PREFIX}{key}")
        except RedisError:
            return None
        return json.loads(data) if data else None
