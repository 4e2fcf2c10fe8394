"""The reference data: the same at every first start, in one go. Volume and shape are what makes the service slow."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from demo.models import Base, Comment, Post, User

WORDS = ["latency", "cache", "index", "query", "pool", "batch", "warm", "scale", "trace", "probe", "plan", "budget"]
START = datetime(2025, 1, 1, tzinfo=UTC).replace(tzinfo=None)
CHUNK = 10_000


@dataclass(frozen=True)
class Sizes:
    """How many rows there are; the volume is what makes the slow variants slow."""

    users: int = 2_000
    posts: int = 80_000
    comments: int = 60_000


async def create(engine: AsyncEngine, sizes: Sizes) -> None:
    """Make tables and rows where they are missing; a start that was cut off leaves none of the rows."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        if await connection.scalar(select(func.count()).select_from(User)):
            return
        draw = random.Random(20251201)
        for table, rows in ((User, _users(draw, sizes)), (Post, _posts(draw, sizes)), (Comment, _comments(draw, sizes))):
            for start in range(0, len(rows), CHUNK):
                await connection.execute(insert(table), rows[start : start + CHUNK])


def _users(draw: random.Random, sizes: Sizes) -> list[dict[str, Any]]:
    return [
        {
            "id": n,
            "name": f"User {n}",
            "email": f"user{n}@example.org",
            "is_active": draw.random() < 0.8,
            "created_at": START + timedelta(minutes=n * 7),
        }
        for n in range(1, sizes.users + 1)
    ]


def _posts(draw: random.Random, sizes: Sizes) -> list[dict[str, Any]]:
    return [
        {
            "id": n,
            "author_id": draw.randint(1, sizes.users),
            "title": f"{draw.choice(WORDS)} {n}",
            "body": " ".join(draw.choices(WORDS, k=12)),
            "published": draw.random() < 0.9,
            "views": draw.randint(0, 10_000),
        }
        for n in range(1, sizes.posts + 1)
    ]


def _comments(draw: random.Random, sizes: Sizes) -> list[dict[str, Any]]:
    return [
        {
            "id": n,
            "post_id": draw.randint(1, sizes.posts),
            "body": " ".join(draw.choices(WORDS, k=8)),
            "is_approved": draw.random() < 0.85,
        }
        for n in range(1, sizes.comments + 1)
    ]
