"""Where requests come from: users who think (closed model), or arrivals that wait for nobody (open model)."""

from __future__ import annotations

import heapq
from collections import deque
from random import Random
from time import time_ns

from probes.load.profile import Stage, Think
from probes.load.sending import AFTER_ERROR_NS, Sender
from probes.load.wire import Wire

SPREAD_S = 1.0
"""Users who do not think start over so long: a crowd that starts as one stays one, and queues behind itself."""


NO_CONNECTION = "all connections were waiting for answers"


class User:
    __slots__ = ("due", "number", "turn", "wire")

    def __init__(self, number: int, turn: int) -> None:
        self.number, self.turn = number, turn
        self.wire: Wire | None = None
        self.due = 0


class Users:
    """N users, each sending its next request some thought after its last answer."""

    def __init__(self, sender: Sender, think: Think, random: Random) -> None:
        self.sender, self.think, self.random = sender, think, random
        self.wanted = 0
        self.all: list[User] = []
        self.away: set[int] = set()
        self.waiting: list[tuple[int, int, User]] = []

    def become(self, stage: Stage, now: int) -> None:
        """As many as the stage wants: newcomers start spread over their thinking time, the others leave after their answer."""
        before, self.wanted = self.wanted, stage.users
        spread = 0.0 if stage.at_once else min(self.think.seconds or SPREAD_S, stage.seconds / 2)
        coming = max(0, stage.users - before)
        for order, number in enumerate(range(before, stage.users)):
            if number >= len(self.all):
                self.all.append(User(number, self.random.randrange(len(self.sender.round))))
            elif number not in self.away:
                continue
            self.away.discard(number)
            due = now + int(spread * 1e9 * (order + self.random.random()) / coming)
            heapq.heappush(self.waiting, (due, number, self.all[number]))

    def tick(self, now: int) -> None:
        waiting, record = self.waiting, self.sender.record
        while waiting and waiting[0][0] <= now:
            due, _, user = heapq.heappop(waiting)
            late = now - due
            record.late.append(late)
            record.lost_ns += late
            self.fire(user, now)

    def fire(self, user: User, now: int) -> None:
        if user.number >= self.wanted:
            self.away.add(user.number)
            if user.wire is not None:
                user.wire.close()
            return
        user.turn += 1
        user.due = now
        wire = user.wire
        if wire is None or wire.closed:
            self.sender.connect(user, user.turn, 0)
        else:
            self.sender.begin(wire, user, user.turn, 0)

    def free(self, user: User, wire: Wire | None, failed: bool) -> None:
        user.wire = wire
        law, seconds = self.think.law, self.think.seconds
        if law == "none" and not failed:
            self.fire(user, time_ns())
            return
        now = time_ns()
        due = now + AFTER_ERROR_NS if failed else now
        if law == "exponential":
            due = max(due, now + int(self.random.expovariate(1 / seconds) * 1e9)) if seconds else due
        elif law == "fixed":
            due = max(due, now + int(seconds * 1e9))
        elif law == "paced":
            due = max(due, user.due + int(seconds * 1e9))
        heapq.heappush(self.waiting, (due, user.number, user))


class Arrivals:
    """Requests at a rate, whether earlier ones were answered or not; what finds no connection waits, and is counted as late."""

    def __init__(self, sender: Sender, random: Random, *, poisson: bool, connections: int) -> None:
        self.sender, self.random, self.poisson, self.connections = sender, random, poisson, connections
        self.gap = 0.0
        self.at = 0.0
        self.turn = random.randrange(len(sender.round))
        self.idle: list[Wire] = []
        self.backlog: deque[tuple[int, int]] = deque()

    def become(self, stage: Stage, now: int) -> None:
        self.gap = 1e9 / stage.rate if stage.rate else 0.0
        self.at = now + self.gap * self.random.random()

    def give_up(self, now: int) -> None:
        """What still waits for a connection at the end of its stage has had no answer: it counts as an error, at the time it
        has waited."""
        record = self.sender.record
        for turn, intended in self.backlog:
            record.sent += 1
            record.errors[NO_CONNECTION] += 1
            record.counts[self.sender.round[turn % len(self.sender.round)]] += 1
            record.response.append(now - intended)
        self.backlog.clear()

    def tick(self, now: int) -> None:
        record = self.sender.record
        while self.gap and self.at <= now:
            intended = int(self.at)
            self.at += self.random.expovariate(1 / self.gap) if self.poisson else self.gap
            record.wanted += 1
            record.late.append(now - intended)
            self.turn += 1
            self.launch(self.turn, intended)

    def launch(self, turn: int, intended: int) -> None:
        while self.idle:
            wire = self.idle.pop()
            if not wire.closed:
                self.sender.begin(wire, None, turn, intended)
                return
        if len(self.sender.wires) + len(self.sender.connecting) < self.connections:
            self.sender.connect(None, turn, intended)
        else:
            self.backlog.append((turn, intended))

    def free(self, _: None, wire: Wire | None, failed: bool) -> None:
        if self.backlog:
            if wire is None:
                self.launch(*self.backlog.popleft())
            else:
                self.sender.begin(wire, None, *self.backlog.popleft())
        elif wire is not None:
            self.idle.append(wire)
