"""Sending requests over connections and writing down what became of each."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from time import time_ns
from typing import Any

from probes.load.profile import Profile, turns
from probes.load.recording import Record
from probes.load.wire import Wire, reason

REPEATABLE = ("GET", "PUT", "DELETE", "OPTIONS")
AFTER_ERROR_NS = 100_000_000
"""A user whose request failed at once waits so long, lest a dead service be hammered in a loop."""

Place = tuple[int, tuple[Any, ...]]


class Way:
    """Where to: checked addresses to try in turn, and how TLS is spoken."""

    def __init__(self, places: Sequence[Place], tls: ssl.SSLContext | None, name: str, *, stamps: bool) -> None:
        self.places, self.tls, self.name, self.stamps = places, tls, name, stamps

    async def open(self, crew: Sender) -> Wire:
        for family, address in self.places:
            try:
                return await Wire.open(crew, family, address, tls=self.tls, name=self.name, stamps=self.stamps)
            except OSError:
                if (family, address) == self.places[-1]:
                    raise
        raise AssertionError("there is at least one address")


class Sender:
    """The crew of all connections. `free` is told of each connection, or None, when a request of `user` has ended."""

    def __init__(self, profile: Profile, payloads: Sequence[bytes], way: Way, record: Record) -> None:
        self.profile, self.payloads, self.way = profile, payloads, way
        self.round = turns(profile.requests)
        self.repeatable = [ask.method in REPEATABLE for ask in profile.requests]
        self.timeout_ns = round(profile.timeout_s * 1e9)
        self.record = record
        self.wires: set[Wire] = set()
        self.connecting: set[asyncio.Task[None]] = set()
        self.free: Callable[[Any, Wire | None, bool], None] = lambda user, wire, failed: None
        self.stamped = False

    def begin(self, wire: Wire, user: Any, turn: int, intended: int) -> None:
        """Send the request of this turn; `intended` is when it should have been sent, 0 for now."""
        wire.index = index = self.round[turn % len(self.round)]
        wire.user, wire.record = user, self.record
        self.record.sent += 1
        wire.send(self.payloads[index])
        wire.intended = intended or wire.sent

    def connect(self, user: Any, turn: int, intended: int) -> None:
        """Begin over a connection of its own, made now."""
        task = asyncio.get_running_loop().create_task(self._connect(user, turn, intended, self.record))
        self.connecting.add(task)
        task.add_done_callback(self.connecting.discard)

    async def _connect(self, user: Any, turn: int, intended: int, record: Record) -> None:
        began = time_ns()
        try:
            async with asyncio.timeout(self.profile.timeout_s):
                wire = await self.way.open(self)
        except (TimeoutError, OSError) as error:
            record.sent += 1
            index = self.round[turn % len(self.round)]
            if isinstance(error, TimeoutError):
                self._timed_out(record, index, began - (intended or began))
            else:
                record.errors[reason(error)] += 1
                record.counts[index] += 1
            self.free(user, None, True)
            return
        record.connect.append(time_ns() - began)
        self.wires.add(wire)
        self.begin(wire, user, turn, intended)

    def answered(self, wire: Wire, at_ns: int, lag_ns: int) -> None:
        record = wire.record
        taken = at_ns - wire.sent
        if taken >= self.timeout_ns:
            self._timed_out(record, wire.index, wire.sent - wire.intended)
            wire.close()
            self.free(wire.user, None, True)
            return
        record.service.append(taken)
        record.asked.append(wire.index)
        if record.open:
            record.response.append(at_ns - wire.intended)
        record.lag.append(lag_ns)
        record.lost_ns += lag_ns
        record.statuses[wire.status] += 1
        self.record.arrived[wire.status] += 1
        record.counts[wire.index] += 1
        record.size += wire.size
        self.free(wire.user, None if wire.closed else wire, False)

    def lost(self, wire: Wire, text: str, *, unused: bool) -> None:
        """A reused connection that the server had closed meanwhile is nobody's error: the request is sent once more."""
        record = wire.record
        if unused and self.repeatable[wire.index]:
            record.sent -= 1
            self.connect(wire.user, self.round.index(wire.index), wire.intended)
            return
        record.errors[text] += 1
        record.counts[wire.index] += 1
        self.free(wire.user, None, True)

    def give_up_late(self, now: int) -> None:
        """Count out what has had no answer in time, and forget closed connections."""
        latest = now - self.timeout_ns
        for wire in [wire for wire in self.wires if wire.closed or (wire.busy and wire.sent < latest)]:
            self.wires.discard(wire)
            self.stamped |= wire.stamped
            if not wire.closed:
                wire.busy = False
                wire.close()
                self._timed_out(wire.record, wire.index, wire.sent - wire.intended)
                self.free(wire.user, None, True)

    def _timed_out(self, record: Record, index: int, late_ns: int) -> None:
        record.errors["timed out"] += 1
        record.counts[index] += 1
        record.service.append(self.timeout_ns)
        record.asked.append(index)
        if record.open:
            record.response.append(self.timeout_ns + max(0, late_ns))

    @property
    def under_way(self) -> int:
        return len(self.connecting) + sum(wire.busy for wire in self.wires)

    def close(self) -> None:
        self.stamped |= any(wire.stamped for wire in self.wires)
        for task in self.connecting:
            task.cancel()
        for wire in self.wires:
            wire.busy = False
            wire.close()
