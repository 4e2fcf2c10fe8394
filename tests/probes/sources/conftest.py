"""A service's own database and cache: real servers, reached as a probe reaches them."""

from __future__ import annotations

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import uvloop
from django.db import connection

from outgoing.addresses import AddressPolicy
from probes.kinds.base import Measured, Page, Target, Tools

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LOCAL = AddressPolicy.of(["127.0.0.0/8", "localhost"])


async def no_scrape() -> Page:
    raise AssertionError("this source reads no metrics")


class Prober:
    """Runs a kind against one target again and again, a minute apart, and keeps what it keeps."""

    def __init__(self, kind: Any, **target: Any) -> None:
        self.kind, self.at, self.memory = kind, AT, {}
        self.target = Target(slug="orders", base_url=target.pop("base_url", "http://127.0.0.1:9"), **target)

    def __call__(self, policy: AddressPolicy = LOCAL, **params: Any) -> Measured:
        tools = Tools(policy=policy, scrape=no_scrape, now=lambda: self.at, previous=self.memory)
        measured: Measured = run(self.kind.measure(self.target, self.kind.Params(**params), tools))
        self.at, self.memory = self.at + timedelta(minutes=1), measured.memory
        return measured


def run(work: Awaitable[Any]) -> Any:
    async def whole() -> Any:
        return await work

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(whole())


def told(measured: Measured) -> list[tuple[str, float, str, int, str]]:
    return [(one.metric, round(one.value, 6), one.unit, one.count, one.note) for one in measured.readings]


class Answering:
    """`answering(body)` starts a server that answers everything by this JSON; `seen` holds what it was asked, by address."""

    def __init__(self, scripted: Callable[..., str]) -> None:
        self._scripted, self.seen = scripted, defaultdict[str, list[str]](list)

    def __call__(self, body: Any) -> str:
        text, seen = json.dumps(body).encode(), []

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))

        address = self._scripted(script)
        self.seen[address] = seen
        return address


@pytest.fixture
def answering(scripted: Callable[..., str]) -> Answering:
    return Answering(scripted)


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    """A database of the service's own, empty, and its owner's address."""
    server = connection.settings_dict
    name = f"service_{os.getpid()}"
    at = f"postgres://{server['USER']}:{server['PASSWORD'] or ''}@127.0.0.1:{server['PORT'] or 5432}"
    with psycopg.connect(f"{at}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield f"{at}/{name}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def application(dsn: str) -> Iterator[Callable[..., Any]]:
    """The service's own connection: `application(statement)` runs one, each in its own transaction."""
    with psycopg.connect(dsn, autocommit=True) as own:
        yield own.execute
