"""What the service reads and writes, each in the shape it starts with and in the one of the roadmap; both return the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from demo.models import Comment, Post, User

Rows = list[dict[str, Any]]
APPROVED = and_(Comment.post_id == Post.id, Comment.is_approved.is_(True))


async def newest_users(connection: AsyncConnection, limit: int) -> Rows:
    found = await connection.execute(
        select(User.id, User.name).where(User.is_active.is_(True)).order_by(User.created_at.desc(), User.id).limit(limit)
    )
    return [{"id": row.id, "name": row.name} for row in found]


async def users_one_by_one(connection: AsyncConnection, limit: int) -> Rows:
    """Users with their posts and each post's approved comments: one statement for the users, then one for each (N+1)."""
    users = await newest_users(connection, limit)
    for user in users:
        found = await connection.execute(
            select(Post.id, Post.title, func.count(Comment.id).label("comments"))
            .outerjoin(Comment, APPROVED)
            .where(Post.author_id == user["id"], Post.published.is_(True))
            .group_by(Post.id, Post.title)
            .order_by(Post.id)
        )
        user["posts"] = [{"id": row.id, "title": row.title, "comments": row.comments} for row in found]
    return users


async def users_at_once(connection: AsyncConnection, limit: int) -> Rows:
    """The same in one statement."""
    chosen = (
        select(User.id, User.name, User.created_at)
        .where(User.is_active.is_(True))
        .order_by(User.created_at.desc(), User.id)
        .limit(limit)
        .subquery()
    )
    found = await connection.execute(
        select(chosen.c.id, chosen.c.name, Post.id.label("post_id"), Post.title, func.count(Comment.id).label("comments"))
        .outerjoin(Post, and_(Post.author_id == chosen.c.id, Post.published.is_(True)))
        .outerjoin(Comment, APPROVED)
        .group_by(chosen.c.id, chosen.c.name, chosen.c.created_at, Post.id, Post.title)
        .order_by(chosen.c.created_at.desc(), chosen.c.id, Post.id)
    )
    users: dict[int, dict[str, Any]] = {}
    for row in found:
        user = users.setdefault(row.id, {"id": row.id, "name": row.name, "posts": []})
        if row.post_id is not None:
            user["posts"].append({"id": row.post_id, "title": row.title, "comments": row.comments})
    return list(users.values())


async def profile(connection: AsyncConnection, user_id: int) -> dict[str, Any] | None:
    """A user with the number of published posts and their views."""
    found = await connection.execute(
        select(
            User.id,
            User.name,
            User.email,
            func.count(Post.id).label("posts"),
            func.coalesce(func.sum(Post.views), 0).label("views"),
        )
        .outerjoin(Post, and_(Post.author_id == User.id, Post.published.is_(True)))
        .where(User.id == user_id)
        .group_by(User.id, User.name, User.email)
    )
    row = found.first()
    if row is None:
        return None
    return {"id": row.id, "name": row.name, "email": row.email, "posts": row.posts, "views": int(row.views)}


async def comments(connection: AsyncConnection, post_id: int) -> Rows:
    found = await connection.execute(
        select(Comment.id, Comment.body).where(Comment.post_id == post_id, Comment.is_approved.is_(True)).order_by(Comment.id)
    )
    return [{"id": row.id, "body": row.body} for row in found]


async def insert_one_by_one(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> int:
    for row in rows:
        await connection.execute(insert(Comment), row)
    return len(rows)


async def insert_at_once(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> int:
    if rows:
        await connection.execute(insert(Comment), list(rows))
    return len(rows)


async def popular_posts(connection: AsyncConnection, limit: int) -> list[int]:
    found = await connection.execute(
        select(Post.id).where(Post.published.is_(True)).order_by(Post.views.desc(), Post.id).limit(limit)
    )
    return [row.id for row in found]
