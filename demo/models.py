"""Tables of the reference service."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    email: Mapped[str] = mapped_column(String(120))
    is_active: Mapped[bool]
    created_at: Mapped[datetime]


class Post(Base):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str] = mapped_column(String(120))
    body: Mapped[str] = mapped_column(Text)
    published: Mapped[bool]
    views: Mapped[int]


class Comment(Base):
    __tablename__ = "comments"
    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"))
    body: Mapped[str] = mapped_column(Text)
    is_approved: Mapped[bool]


class QueryLog(Base):
    """What each statement took, in ms; bounded, filled in batches."""

    __tablename__ = "query_logs"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[float]
    duration: Mapped[float]
    statement: Mapped[str] = mapped_column(String(300))


# Made and dropped by a switch, so they are no part of the tables above.
INDEXES = {
    "idx_users_active_created": ("users", ("is_active", "created_at")),
    "idx_posts_author_published": ("posts", ("author_id", "published")),
    "idx_comments_post_approved": ("comments", ("post_id", "is_approved")),
}

__all__ = ["INDEXES", "Base", "Comment", "Post", "QueryLog", "User"]
