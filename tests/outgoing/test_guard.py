"""Foreign code under the address policy: real sockets, whoever opens them."""

from __future__ import annotations

import socket
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from urllib.error import URLError

import pytest

from outgoing.addresses import AddressPolicy, Refused
from outgoing.guard import guarded

CLOSED, LOCAL = AddressPolicy.of([]), AddressPolicy.of(["127.0.0.0/8"])


@pytest.fixture
def listener() -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


def test_connection_is_refused_before_it_is_made(listener: tuple[str, int]) -> None:
    with guarded(CLOSED) as watch, pytest.raises(Refused, match="not a public address"):
        socket.create_connection(listener, timeout=1)
    assert "not a public address" in watch.refused


def test_what_an_operator_allowed_is_reached(listener: tuple[str, int]) -> None:
    with guarded(LOCAL) as watch:
        socket.create_connection(listener, timeout=1).close()
    assert watch.refused == ""


def test_name_that_an_operator_allowed_is_reached(listener: tuple[str, int]) -> None:
    with guarded(AddressPolicy.of(["localhost"])) as watch, socket.create_connection(("localhost", listener[1]), 1) as made:
        assert made.getpeername() == listener
    assert watch.refused == ""


def test_own_parts_are_never_reached_by_any_name(listener: tuple[str, int]) -> None:
    policy = AddressPolicy.of(["127.0.0.0/8"], [("localhost", listener[1])])
    with guarded(policy), pytest.raises(Refused, match="a part of Milepost itself"):
        socket.create_connection(listener, timeout=1)


def test_library_with_its_own_client_is_held_to_it(listener: tuple[str, int]) -> None:
    with guarded(CLOSED) as watch, pytest.raises(URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{listener[1]}/", timeout=1)
    assert watch.refused != ""


def test_ways_around_are_closed() -> None:
    with guarded(LOCAL), pytest.raises(Refused):
        subprocess.run(["true"], check=False)
    with guarded(LOCAL), socket.socket(socket.AF_UNIX) as local, pytest.raises(Refused):
        local.connect("/run/nothing.sock")
    with guarded(CLOSED), socket.socket(type=socket.SOCK_DGRAM) as datagram, pytest.raises(Refused):
        datagram.sendto(b"x", ("127.0.0.1", 514))


def test_guard_ends_with_its_block(listener: tuple[str, int]) -> None:
    with guarded(CLOSED), pytest.raises(Refused):
        socket.create_connection(listener, timeout=1)
    with socket.create_connection(listener, timeout=1) as made:
        assert made.getpeername() == listener


def test_guard_holds_for_its_own_thread_only(listener: tuple[str, int]) -> None:
    made: list[bool] = []
    inside, done = threading.Event(), threading.Event()

    def other() -> None:
        inside.wait(5)
        socket.create_connection(listener, timeout=1).close()
        made.append(True)
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with guarded(CLOSED):
        inside.set()
        done.wait(5)
    thread.join(5)
    assert made == [True]
