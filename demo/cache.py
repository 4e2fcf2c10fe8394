"""Both caches of the service: the small one that it starts with, and the layered one of the roadmap's second phase."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import redis.asyncio
from redis.exceptions import RedisError

from probes.instrument import Cache as Counted

Entry = tuple[float, Any, frozenset[str]]


class SmallCache:
    """A dictionary that forgets the oldest entry: what grows in many services before anybody plans a cache."""

    def __init__(self, counted: Counted, *, size: int = 64, ttl_s: float = 30) -> None:
        self.counted, self.size, self.ttl_s = counted, size, ttl_s
        self.entries: OrderedDict[str, Entry] = OrderedDict()

    async def get(self, key: str) -> Any | None:
        entry = self.entries.get(key)
        if entry is None or entry[0] < time.monotonic():
            self.counted.miss()
            return None
        self.counted.hit()
        return entry[1]

    async def set(self, key: str, value: Any, tags: Iterable[str] = ()) -> None:
        self.put(key, value, tags)

    def put(self, key: str, value: Any, tags: Iterable[str] = ()) -> None:
        self.entries[key] = (time.monotonic() + self.ttl_s, value, frozenset(tags))
        while len(self.entries) > self.size:
            self.entries.popitem(last=False)

    async def invalidate(self, tag: str, kind: str) -> int:
        """Forget every entry of a kind: without tags nobody knows which ones a change touches. Returns how many."""
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
        found = await self._from_l2(key)
        if found is None:
            self.counted.miss()
            return None
        self.counted.hit()
        self.put(key, found["value"], found["tags"])
        return found["value"]

    async def set(self, key: str, value: Any, tags: Iterable[str] = ()) -> None:
        self.put(key, value, tags)
        if self.l2 is not None:
            try:
                await self.l2.set(f"demo:{key}", json.dumps({"value": value, "tags": list(tags)}), ex=self.l2_ttl_s)
            except RedisError:
                return

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
        keys = list(self.keys.get(tag, ())) if self.by_tag else [key for key in self.entries if key.startswith(kind)]
        for key in keys:
            self._forget(key)
        if self.l2 is not None and keys:
            try:
                await self.l2.delete(*(f"demo:{key}" for key in keys))
            except RedisError:
                return len(keys)
        return len(keys)

    async def _from_l2(self, key: str) -> Any | None:
        if self.l2 is None:
            return None
        try:
            data = await self.l2.get(f"demo:{key}")
        except RedisError:
            return None
        return json.loads(data) if data else None
