"""Where an address of a service leads: one answer for looking at it, for every run and for load. Pure."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from outgoing.addresses import literal_address, port_of


def is_full(address: str) -> bool:
    """Whether an address says itself on which host it is."""
    return address.startswith(("http://", "https://"))


def below(base_url: str, address: str) -> str:
    """A full address as it stands; any other, with a slash in front or without, begins below the base address."""
    if is_full(address):
        return address
    # "./" keeps a colon in the first part of the path from being read as a scheme
    return urljoin(base_url.rstrip("/") + "/", "./" + address.lstrip("/"))


def origin(base_url: str) -> str:
    """Host and port, whatever scheme and path: services of one origin share what answers. Every loopback address is one place."""
    parts = urlsplit(base_url)
    host = (parts.hostname or "").removesuffix(".")
    literal = literal_address(host)
    if literal is not None and literal.is_loopback:
        host = "localhost"
    return f"{host}:{port_of(parts)}"
