"""The only place where a service's database is connected to: PostgreSQL, at a checked address, to read and nothing else."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from outgoing.addresses import AddressPolicy, Refused, checked_host
from probes.kinds.base import Outcome
from probes.sources.base import Unread

CONNECT_S, STATEMENT_S = 3, 5.0
MAY_HOLD = {"host", "port", "dbname", "user", "password", "sslmode", "channel_binding"}
NO_FILE = os.path.join(os.devnull, "none")
"""Milepost's own password file is not for other people's servers."""

DRIVER = re.compile(r"^postgres(ql)?\+\w+://")
DATA_EXCEPTION = "22"
"""Messages of this class quote the rows that they are about."""

Session = psycopg.AsyncConnection[tuple[Any, ...]]


def dsn_parts(dsn: str) -> dict[str, Any]:
    """What a DSN says. Raises Refused for what is no PostgreSQL over a network, or would read files of this machine."""
    try:
        parts = {name: value for name, value in conninfo_to_dict(DRIVER.sub("postgresql://", dsn.strip())).items() if value}
    except psycopg.Error:
        raise Refused("the database address cannot be read; write postgres://user:password@host:5432/name") from None
    if surplus := sorted(set(parts) - MAY_HOLD):
        raise Refused(f"the database address holds {', '.join(surplus)}; it may hold {', '.join(sorted(MAY_HOLD))}")
    host, port = str(parts.get("host", "")), str(parts.get("port", 5432))
    if not host or host.startswith(("/", "@")) or "," in host:
        raise Refused("the database address names one host of a network")
    if not parts.get("user"):
        raise Refused("the database address names no user")
    if not re.fullmatch(r"\d{1,5}", port, re.A) or not 0 < int(port) < 65536:
        raise Refused("the port of the database address lies between 1 and 65535")
    return parts | {"host": checked_host(host), "port": int(port), "dbname": parts.get("dbname") or parts["user"]}


def check_dsn(dsn: str, policy: AddressPolicy) -> None:
    """Raises Refused for an address that could never be reached; names are judged at every connection."""
    parts = dsn_parts(dsn)
    policy.judge_written(parts["host"], parts["port"])


@asynccontextmanager
async def reading(dsn: str, policy: AddressPolicy, *, timeout_s: float = STATEMENT_S) -> AsyncIterator[Session]:
    """A read-only transaction in UTC whose statements end by `timeout_s`. Raises Refused, or Unread with a plain reason."""
    if not dsn:
        raise Unread("the service has no database address", outcome=Outcome.REFUSED, reason="no database address")
    parts = dsn_parts(dsn)
    addresses = [str(address) for address in await policy.resolve(parts["host"], parts["port"])]
    spread = {"host": ",".join([parts["host"]] * len(addresses)), "hostaddr": ",".join(addresses)}
    own = {"connect_timeout": CONNECT_S, "application_name": "milepost", "passfile": NO_FILE, "gssencmode": "disable"}
    try:
        async with asyncio.timeout(CONNECT_S + timeout_s + 2):
            session: Session = await psycopg.AsyncConnection.connect(**(parts | spread | own), prepare_threshold=None)
            async with session:
                await session.set_read_only(True)
                await session.execute(
                    "SELECT /* milepost */ set_config('statement_timeout', %s, true), set_config('TimeZone', 'UTC', true)",
                    [str(int(timeout_s * 1000))],
                )
                yield session
    except psycopg.errors.QueryCanceled:
        raise Unread(f"the statement took longer than {timeout_s:g} s", outcome=Outcome.TIMED_OUT) from None
    except (TimeoutError, psycopg.errors.ConnectionTimeout):
        raise Unread("the database did not answer in time", outcome=Outcome.TIMED_OUT) from None
    except psycopg.Error as error:
        raise Unread(in_words(error, str(parts.get("password", "")))) from None


async def row(session: Session, statement: str, params: dict[str, Any] | None = None) -> tuple[Any, ...]:
    """The only row of one of our own statements."""
    found = await (await session.execute(statement, params)).fetchone()
    if found is None:
        raise Unread("the database gave no row")
    return found


def in_words(error: psycopg.Error, password: str) -> str:
    """The server's own first line, without the password, and without what it may quote of rows."""
    if error.sqlstate and error.sqlstate.startswith(DATA_EXCEPTION):
        return f"the statement met data that it cannot take ({type(error).__name__})"
    said = (error.diag.message_primary or str(error)).strip().splitlines()
    text = (said[0] if said else type(error).__name__).rpartition(" failed: ")[2]
    return (text.replace(password, "…") if password else text)[:300]
