"""Neither layer ever gives back what has changed since."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter

from demo.cache import PREFIX, LayeredCache, SmallCache
from probes.instrument import Cache

TAGS = {"comments", "post:1"}


def counted() -> Cache:
    return Cache(Counter("cache_requests", "", ["cache_name", "result"], registry=CollectorRegistry()), "x")


@asynccontextmanager
async def layered(**options: Any) -> AsyncIterator[LayeredCache]:
    cache = LayeredCache(counted(), l2_url=os.environ["TEST_REDIS_URL"], **options)
    await cache.clear_l2()
    yield cache
    await cache.clear_l2()
    await cache.close()


@pytest.mark.parametrize("kind", [SmallCache, LayeredCache])
def test_what_was_read_before_a_change_is_not_kept_after_it(kind: type[SmallCache]) -> None:
    async def use() -> list[Any]:
        cache = kind(counted())
        since = cache.changes
        await cache.invalidate("post:1", "comments:")
        await cache.set("comments:1", ["old"], TAGS, since=since)
        overtaken = await cache.get("comments:1")
        await cache.set("comments:1", ["new"], TAGS, since=cache.changes)
        return [overtaken, await cache.get("comments:1")]

    assert asyncio.run(use()) == [None, ["new"]]


def test_cache_that_was_replaced_takes_nothing_more() -> None:
    async def use() -> Any:
        cache = LayeredCache(counted())
        since = cache.changes
        await cache.close()
        await cache.set("comments:1", ["old"], TAGS, since=since)
        return await cache.get("comments:1")

    assert asyncio.run(use()) is None


@pytest.mark.redis
def test_l2_keeps_what_l1_has_no_room_for() -> None:
    async def use() -> list[Any]:
        async with layered(size=1) as cache:
            await cache.set("comments:1", ["one"], TAGS)
            await cache.set("comments:2", ["two"], {"comments", "post:2"})
            return [list(cache.entries), await cache.get("comments:1"), await cache.get("comments:3")]

    assert asyncio.run(use()) == [["comments:2"], ["one"], None]


@pytest.mark.redis
@pytest.mark.parametrize(("by_tag", "other"), [(True, ["two"]), (False, None)])
def test_change_reaches_l2_although_l1_has_forgotten(by_tag: bool, other: Any) -> None:
    async def use() -> list[Any]:
        async with layered(size=1, by_tag=by_tag) as cache:
            await cache.set("comments:1", ["one"], TAGS)
            await cache.set("comments:2", ["two"], {"comments", "post:2"})
            await cache.set("user:1", {"id": 1}, {"users", "user:1"})
            await cache.invalidate("post:1", "comments:")
            return [await cache.get(key) for key in ("comments:1", "comments:2", "user:1")]

    assert asyncio.run(use()) == [None, other, {"id": 1}]


@pytest.mark.redis
def test_l2_entries_and_tags_end_by_themselves() -> None:
    async def use() -> list[int]:
        async with layered(l2_ttl_s=1800) as cache:
            await cache.set("comments:1", ["one"], TAGS)
            assert cache.l2 is not None
            return [await cache.l2.ttl(key) async for key in cache.l2.scan_iter(f"{PREFIX}*")]

    ends = asyncio.run(use())
    assert len(ends) == 3
    assert all(1790 <= end <= 1800 for end in ends)


def test_redis_that_is_away_is_a_miss_and_no_error() -> None:
    async def use() -> list[Any]:
        cache = LayeredCache(counted(), size=1, l2_url="redis://127.0.0.1:1/0")
        await cache.set("comments:1", ["one"], TAGS)
        found = [await cache.get("comments:1"), await cache.get("comments:2"), await cache.invalidate("post:1", "comments:")]
        await cache.close()
        return found

    assert asyncio.run(use()) == [["one"], None, 1]
