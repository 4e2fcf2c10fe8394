"""Which addresses may be reached. A registered URL makes this server connect to it, so this is a security boundary. Pure
but for the resolver, which is handed in."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

NEVER: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local, cloud metadata
        "224.0.0.0/4",
        "240.0.0.0/4",
        "100.100.100.200/32",  # cloud metadata
        "168.63.129.16/32",  # cloud metadata, though a public address
        "192.0.0.192/32",  # cloud metadata
        "192.88.99.0/24",  # relays of 6to4
        "::/128",
        "fe80::/10",
        "fec0::/10",  # site-local, given up long ago
        "ff00::/8",
        "fd00:c1::a9fe:a9fe/128",  # cloud metadata
        "fd00:ec2::254/128",  # cloud metadata
        "fd20:ce::254/128",  # cloud metadata
    )
)
"""Denied whatever an operator allows."""

WRAPPERS: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in ("::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::ffff:0:0:0/96")
)
"""IPv6 forms that carry an IPv4 address inside: never needed for a service, and a way around every list."""

PUBLIC6 = ipaddress.IPv6Network("2000::/3")
"""All that is given out of IPv6 so far; Python calls the unassigned rest global too."""

LOOPBACK6 = ipaddress.IPv6Address("::1")
"""Lies among the IPv4-compatible forms and is none: an operator may allow it."""

ISATAP = 0x5EFE
NAME = re.compile(r"(?=.{1,253}\Z)(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*", re.I | re.A)
NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*", re.I | re.A)
RESOLVE_S = 5.0


class Refused(Exception):
    """An address that may not be reached, with the reason in words."""


@dataclass(frozen=True)
class Allowance:
    """One entry of the allow-list: a host name or a network, and a port or any."""

    host: str | None
    network: Network | None
    port: int | None

    def covers(self, host: str, address: Address, port: int) -> bool:
        if self.port is not None and self.port != port:
            return False
        if self.network is not None:
            return address.version == self.network.version and address in self.network
        return self.host == host


@dataclass(frozen=True)
class AddressPolicy:
    """Globally routable addresses, and what an operator allowed by `setting`; `denied` are (host, port) of Milepost's own."""

    allowed: tuple[Allowance, ...] = ()
    denied: tuple[tuple[str, int], ...] = ()
    setting: str = "PROBE_ALLOW"
    resolver: Resolver | None = None

    @classmethod
    def of(cls, allow: Sequence[str], deny: Sequence[tuple[str, int]] = (), *, setting: str = "PROBE_ALLOW") -> AddressPolicy:
        """Read an allow-list of `host-or-CIDR[:port]`. Raises ValueError for an entry that makes no sense."""
        own = tuple((host.lower(), port) for host, port in deny)
        return cls(tuple(allowance(entry) for entry in allow), own, setting)

    @lru_cache(maxsize=4096)  # noqa: B019 - there are two or three policies, and they live as long as the process
    def judge(self, host: str, address: Address, port: int) -> None:
        """Raise Refused unless the address may be reached under that name. What has a name of ours is judged in `resolve`."""
        own = any(port == p and (host == h or same_place(address, h)) for h, p in self.denied)
        if own:
            raise Refused(f"{host}:{port} is a part of Milepost itself")
        if never(address):
            raise Refused(f"{address} is never reached (link-local, metadata, multicast, unspecified or a disguised form)")
        if any(entry.covers(host, address, port) for entry in self.allowed):
            return
        if not address.is_global or (address.version == 6 and address not in PUBLIC6):
            raise Refused(
                f"{address} is not a public address; an operator can allow it with {self.setting}={allowed_as(address, port)}"
            )

    def judge_written(self, host: str, port: int) -> None:
        """As `judge`, of a host as somebody typed it, before it is stored. A name is resolved, and judged, at every connection;
        only a name of ours is known already."""
        name = host.strip("[]").removesuffix(".").lower()
        if (address := literal_address(name)) is not None:
            self.judge(name, address, port)
        elif (name, port) in self.denied:
            raise Refused(f"{host}:{port} is a part of Milepost itself")

    async def resolve(self, host: str, port: int, resolver: Resolver | None = None) -> list[Address]:
        """Resolve once; every address must be allowed, and only these may be connected to. Raises Refused or OSError."""
        name, resolver = checked_host(host), resolver or self.resolver
        literal = literal_address(name)
        addresses = [literal] if literal is not None else await _found(name, port, resolver)
        if not addresses:
            raise Refused(f"{name} has no address")
        for address in addresses:
            self.judge(name, address, port)
        for own in [h for h, p in self.denied if p == port and literal_address(h) is None]:
            if not set(addresses).isdisjoint(await _own_addresses(own, port, resolver)):
                raise Refused(f"{host}:{port} is a part of Milepost itself")
        return addresses


def never(address: Address) -> bool:
    """Whether no operator can allow it: see NEVER and WRAPPERS; also IPv4 inside an ISATAP interface."""
    if address.version == 6 and (int(address) >> 32) & 0xFFFFFFFF in (ISATAP, 0x02000000 | ISATAP):
        return True
    return any(address.version == net.version and address in net for net in (*NEVER, *WRAPPERS) if address != LOOPBACK6)


def same_place(address: Address, host: str) -> bool:
    """Whether a literal host of ours is this address; every loopback address is the same place."""
    own = literal_address(host)
    return own is not None and (own == address or (own.is_loopback and address.is_loopback))


def allowed_as(address: Address, port: int) -> str:
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


async def _found(name: str, port: int, resolver: Resolver | None) -> list[Address]:
    found = await asyncio.wait_for((resolver or system_resolver)(name, port), RESOLVE_S)
    return [ipaddress.ip_address(text.partition("%")[0]) for text in dict.fromkeys(found)]


async def _own_addresses(name: str, port: int, resolver: Resolver | None) -> list[Address]:
    """Where a part of Milepost is; nowhere, while its name is not known."""
    try:
        return await _found(name, port, resolver)
    except OSError:
        return []


def checked_host(host: str) -> str:
    """The host in lower case. Raises Refused for what is neither a name nor a plainly written address."""
    name = host.strip("[]").removesuffix(".").lower()
    if literal_address(name) is not None and "%" not in name:
        return name
    if NUMERIC.fullmatch(name):
        raise Refused(f"{host} is a disguised address (decimal, octal or hexadecimal); write it plainly")
    if not NAME.fullmatch(name):
        raise Refused(f"{host!r} is not a host name")
    return name


@lru_cache(maxsize=4096)
def literal_address(name: str) -> Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def checked_url(url: str) -> SplitResult:
    """Parse an address that a person typed. Raises Refused for anything but http and https with a plain host."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise Refused(f"{url!r} is not an address: {error}") from None
    if parts.scheme not in ("http", "https"):
        raise Refused("only http and https addresses are reached")
    if not parts.hostname:
        raise Refused("the address names no host")
    if parts.username or parts.password:
        raise Refused("an address holds no password; use headers")
    if port == 0:
        raise Refused("port 0 does not exist")
    checked_host(parts.hostname)
    return parts


def port_of(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def allowance(entry: str) -> Allowance:
    """Read `host-or-CIDR[:port]`; IPv6 in brackets when a port follows. Raises ValueError."""
    text, port = entry.strip(), None
    bracketed = re.match(r"^\[([^\]]+)\](?::(\d+))?$", text)
    if bracketed:
        text, port = bracketed.group(1), int(bracketed.group(2)) if bracketed.group(2) else None
    elif text.count(":") == 1:
        text, _, digits = text.partition(":")
        if not re.fullmatch(r"\d{1,5}", digits, re.A):
            raise ValueError(f"{entry!r}: {digits!r} is not a port")
        port = int(digits)
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"{entry!r}: a port lies between 1 and 65535")
    try:
        return Allowance(None, ipaddress.ip_network(text, strict=False), port)
    except ValueError:
        if not NAME.fullmatch(text) or NUMERIC.fullmatch(text):
            raise ValueError(f"{entry!r} is neither a host name nor a network") from None
        return Allowance(text.lower(), None, port)


async def system_resolver(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
