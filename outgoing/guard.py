"""Holding foreign code to the address policy: inside `guarded`, this thread connects only to what the policy allows.

Libraries that speak to chat services bring HTTP and SMTP clients of their own. An audit hook of the interpreter sees every
connection just before it is made, with the address that was resolved, whatever library asks: redirects, proxies and names
that change their address between two look-ups included. It holds for the context of its thread: where a library works in another
thread, it must take the context along (Apprise does).
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

from outgoing.addresses import AddressPolicy, Refused, literal_address

SENDS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
NEVER = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"})
"""Ways around the guard, and nothing that a message needs."""


class NotMade(Refused, PermissionError):
    """As an error of the system, so that libraries close what they opened."""


@dataclass
class Watch:
    """What happened inside: `refused` is why a connection was not made."""

    policy: AddressPolicy
    name: str = ""
    own: bool = False
    refused: str = ""

    def look(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.getaddrinfo":
            self.name = str(args[0])
        elif event in NEVER:
            self._refuse("a message starts no program")
        elif event in SENDS:
            self._judge(args[1])

    def _judge(self, place: Any) -> None:
        if not isinstance(place, tuple) or (address := literal_address(str(place[0]).partition("%")[0])) is None:
            self._refuse("sockets of this machine and unresolved names are never reached")
            return
        port = int(place[1])
        try:
            self.policy.judge(self.name.lower().removesuffix(".") or str(address), address, port)
        except Refused as refused:
            self._refuse(str(refused))
        if str(address) in self._own_addresses(port):
            self._refuse(f"{address}:{port} is a part of Milepost itself")

    def _own_addresses(self, port: int) -> set[str]:
        """Where parts of Milepost that have a name listen on this port."""
        names = [host for host, at in self.policy.denied if at == port and literal_address(host) is None]
        self.own = True
        try:
            return {str(ipaddress.ip_address(found[4][0])) for name in names for found in _resolved(name, port)}
        finally:
            self.own = False

    def _refuse(self, reason: str) -> None:
        self.refused = reason
        raise NotMade(reason)


_watching: ContextVar[Watch | None] = ContextVar("watching", default=None)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    watch = _watching.get()
    if watch is not None and not watch.own:
        watch.look(event, args)


@cache
def _install() -> None:
    """Once in a process, and only in one that sends: a hook cannot be taken out again."""
    sys.addaudithook(_hook)


def _resolved(name: str, port: int) -> list[Any]:
    try:
        return list(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
    except OSError:
        return []


@contextmanager
def guarded(policy: AddressPolicy) -> Iterator[Watch]:
    """Connections of this thread that the policy does not allow raise Refused, and `Watch.refused` tells."""
    _install()
    watch = Watch(policy)
    token = _watching.set(watch)
    try:
        yield watch
    finally:
        _watching.reset(token)
