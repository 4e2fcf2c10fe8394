"""The reference service: users, posts and comments, with the optimisations of the roadmap as switches."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request
from pydantic import BaseModel, Field

from demo import data, inbox, reading, switch_page
from demo.database import Database
from demo.switches import Board
from probes.instrument import Instrument


class NewComment(BaseModel):
    body: str = Field(min_length=1, max_length=500)
    is_approved: bool = True


def create_app(database_url: str, redis_url: str = "", sizes: data.Sizes | None = None) -> FastAPI:
    instrument = Instrument()
    database = Database(database_url, instrument)
    board = Board(database, instrument, redis_url)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await data.create(database.quiet, sizes or data.Sizes())
        await board.look()
        log = asyncio.create_task(database.keep_log())
        yield
        log.cancel()
        await asyncio.gather(log, return_exceptions=True)  # what it was writing is ended before its connection is closed
        await board.cache.close()
        await database.close()

    app = FastAPI(title="Milepost reference service", lifespan=lifespan)
    app.state.board = board
    app.state.inbox = OrderedDict()
    app.add_middleware(instrument.middleware)
    app.add_route("/metrics", instrument, include_in_schema=False)  # type: ignore[arg-type]
    app.include_router(switch_page.router)
    app.include_router(inbox.router)
    _routes(app, database, board)
    return app


def _routes(app: FastAPI, database: Database, board: Board) -> None:
    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    _users(app, database, board)
    _comments(app, database, board)

    @app.middleware("http")
    async def own_host_only(request: Request, call_next: Any) -> Any:
        """The switches answer this machine only, and only under its own name (no rebinding from a web page)."""
        return await switch_page.guarded(request, call_next)


def _users(app: FastAPI, database: Database, board: Board) -> None:
    @app.get("/users")
    async def users(limit: Annotated[int, Query(ge=1, le=50)] = 4) -> reading.Rows:
        read = reading.users_at_once if board.on("single-query") else reading.users_one_by_one
        await board.forget_a_connection()
        async with database.connect() as connection:
            return await read(connection, limit)

    @app.get("/users/{user_id}")
    async def user(user_id: int) -> dict[str, Any]:
        key, cache = f"user:{user_id}", board.cache
        if (known := await cache.get(key)) is not None:
            return dict(known)
        since = cache.changes
        async with database.connect() as connection:
            found = await reading.profile(connection, user_id)
        if found is None:
            raise HTTPException(404, "no such user")
        await cache.set(key, found, {"users", key}, since=since)
        return found


def _comments(app: FastAPI, database: Database, board: Board) -> None:
    @app.get("/posts/{post_id}/comments")
    async def comments(post_id: int) -> reading.Rows:
        key, cache = f"comments:{post_id}", board.cache
        if (known := await cache.get(key)) is not None:
            return list(known)
        since = cache.changes
        async with database.connect() as connection:
            found = await reading.comments(connection, post_id)
        await cache.set(key, found, {"comments", f"post:{post_id}"}, since=since)
        return found

    @app.post("/posts/{post_id}/comments", status_code=201)
    async def add_comments(post_id: int, new: list[NewComment]) -> dict[str, int]:
        rows = [{"post_id": post_id, **comment.model_dump()} for comment in new[:100]]
        write = reading.insert_at_once if board.on("batch-insert") else reading.insert_one_by_one
        async with database.connect() as connection:
            written = await write(connection, rows)
        await board.cache.invalidate(f"post:{post_id}", "comments:")
        return {"written": written}
