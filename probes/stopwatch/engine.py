"""The closed model: N users, each sending its next request when the last one was answered."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Iterator, Sequence
from urllib.parse import SplitResult

import msgspec

from outgoing import tls
from outgoing.addresses import AddressPolicy, Refused, port_of
from probes.stopwatch.connection import Connection, ConnectionLost, Response
from probes.stopwatch.serving import unserved

MOST_USERS, MOST_REQUESTS, MOST_SECONDS, MOST_BYTES = 50, 10_000, 120.0, 200_000_000
"""Caps of a latency probe; load beyond them is another tool's work."""

GIVE_UP_AFTER = 3
"""So many failed attempts without a single answer, and a service is left alone."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`payloads` are sent in turn; `warm_up` requests come first and are left out.

    No request starts after `total_s`; those under way then still end by their time-out, so that none is cut short.
    """

    origin: SplitResult
    payloads: Sequence[bytes]
    requests: int = 20
    users: int = 1
    warm_up: int = 1
    timeout_s: float = 5.0
    total_s: float = 60.0

    def __post_init__(self) -> None:
        if not self.payloads:
            raise ValueError("a plan needs at least one request")
        if not (1 <= self.users <= MOST_USERS and 1 <= self.requests <= MOST_REQUESTS and 0 < self.total_s <= MOST_SECONDS):
            raise ValueError(f"at most {MOST_USERS} users, {MOST_REQUESTS} requests and {MOST_SECONDS:g} s")


class Result(msgspec.Struct):
    """Times in ms; a 3xx or 4xx has none, since it is not what was asked for, and comes sooner.

    A time-out stands in `times_ms` at its full time; a lost connection has no time and is an error.
    `complete` is False when a cap, or silence of the service, ended it before all requests were made.
    """

    times_ms: list[float] = []
    connects_ms: list[float] = []
    statuses: Counter[int] = msgspec.field(default_factory=Counter)
    errors: Counter[str] = msgspec.field(default_factory=Counter)
    size: int = 0
    complete: bool = True

    @property
    def attempts(self) -> int:
        return self.statuses.total() + self.errors.total()

    @property
    def silent(self) -> bool:
        return not self.statuses and self.errors.total() >= GIVE_UP_AFTER


async def run(plan: Plan, policy: AddressPolicy) -> Result:
    """Carry a plan out. Raises Refused when its address may not be reached."""
    result = Result()
    turns = iter(range(plan.warm_up + plan.requests))
    users = [_User(plan, policy, result) for _ in range(plan.users)]
    end = asyncio.get_running_loop().time() + plan.total_s
    try:
        if len(users) == 1:  # the usual case needs no task of its own
            await users[0].work(turns, start_after=0, end=end)
        else:
            async with asyncio.TaskGroup() as crowd:
                for number, user in enumerate(users):
                    crowd.create_task(user.work(turns, start_after=number * 0.01, end=end))
    except* Refused as group:
        raise Refused(str(group.exceptions[0])) from None
    finally:
        for user in users:
            user.leave()
    result.complete = result.attempts == plan.requests
    return result


class _User:
    def __init__(self, plan: Plan, policy: AddressPolicy, result: Result) -> None:
        self.plan, self.policy, self.result = plan, policy, result
        self.tls = tls.context() if plan.origin.scheme == "https" else None
        self.connection: Connection | None = None

    async def work(self, turns: Iterator[int], *, start_after: float, end: float) -> None:
        if start_after:
            await asyncio.sleep(start_after)  # users that start together would queue behind each other
        for turn in turns:
            payload = self.plan.payloads[turn % len(self.plan.payloads)]
            await self.one(payload, counted=turn >= self.plan.warm_up)
            if self.result.silent or self.result.size > MOST_BYTES or asyncio.get_running_loop().time() >= end:
                return

    async def one(self, payload: bytes, *, counted: bool) -> None:
        """One request, reconnecting where needed; a reused connection that the server had closed is tried once more."""
        try:
            async with asyncio.timeout(self.plan.timeout_s):
                response = await self.send(payload, counted)
        except TimeoutError:
            self.leave()
            self.note_error("timed out", counted, self.plan.timeout_s * 1000)
        except ConnectionLost as lost:
            self.leave()
            self.note_error(str(lost), counted)
        except OSError as error:
            self.leave()
            self.note_error(reason(error), counted)
        else:
            if counted:
                self.result.statuses[response.status] += 1
                if not unserved(response.status):
                    self.result.times_ms.append(response.seconds * 1000)
                self.result.size += response.size

    async def send(self, payload: bytes, counted: bool) -> Response:
        for last in (False, True):
            if self.connection is None or self.connection.closed:
                self.connection, seconds = await self.connect()
                if counted:
                    self.result.connects_ms.append(seconds * 1000)
            try:
                return await self.connection.request(payload)
            except ConnectionLost as lost:
                self.leave()
                if last or not lost.unused:
                    raise
        raise AssertionError("the loop returns or raises")

    async def connect(self) -> tuple[Connection, float]:
        return await Connection.open(self.plan.origin.hostname or "", port_of(self.plan.origin), policy=self.policy, tls=self.tls)

    def note_error(self, text: str, counted: bool, time_ms: float | None = None) -> None:
        if counted:
            self.result.errors[text] += 1
            if time_ms is not None:
                self.result.times_ms.append(time_ms)

    def leave(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or 'certificate problem'}"
    if isinstance(error, ConnectionResetError):
        return "connection reset"
    return error.strerror or type(error).__name__
