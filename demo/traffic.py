"""Steady traffic: a fixed mix at 20 requests a second, so that cache and database figures exist. Not a load test."""

from __future__ import annotations

import argparse
import asyncio
import random
from collections.abc import Iterator

import httpx

RATE = 20.0
MOST_WAITING = 40
"""Requests under way at most; beyond that one is left out rather than piled up."""

KNOWN_USERS, KNOWN_POSTS = 200, 100


def mix(draw: random.Random) -> Iterator[tuple[str, str]]:
    """Endless (method, path): 12 profiles, 6 comment lists, one page of users and one write in every 20."""
    while True:
        batch = [("GET", f"/users/{_popular(draw, KNOWN_USERS)}") for _ in range(12)]
        batch += [("GET", f"/posts/{_popular(draw, KNOWN_POSTS)}/comments") for _ in range(6)]
        batch += [("GET", "/users?limit=4"), ("POST", f"/posts/{draw.randint(1_000, 60_000)}/comments")]
        draw.shuffle(batch)
        yield from batch


def _popular(draw: random.Random, known: int) -> int:
    """Few are asked for often, many seldom (Zipf-like)."""
    return min(known, int(known ** draw.random()))


async def run(url: str) -> None:
    draw = random.Random(7)
    waiting: set[asyncio.Task[None]] = set()
    limits = httpx.Limits(max_connections=20, max_keepalive_connections=20)
    async with httpx.AsyncClient(base_url=url, timeout=10, trust_env=False, limits=limits) as client:
        loop = asyncio.get_running_loop()
        due = loop.time()
        for method, path in mix(draw):
            due = max(due + 1 / RATE, loop.time() - 1)
            await asyncio.sleep(max(0, due - loop.time()))
            if len(waiting) < MOST_WAITING:
                task = asyncio.create_task(_ask(client, method, path))
                waiting.add(task)
                task.add_done_callback(waiting.discard)


async def _ask(client: httpx.AsyncClient, method: str, path: str) -> None:
    body = [{"body": "looks good"}, {"body": "measured"}] if method == "POST" else None
    try:
        await client.request(method, path, json=body)
    except httpx.HTTPError:
        return  # the service is away; the next request tries again


def main() -> None:
    parser = argparse.ArgumentParser(prog="demo.traffic", description=__doc__)
    parser.add_argument("--url", required=True)
    asyncio.run(run(parser.parse_args().url))


if __name__ == "__main__":
    main()
