import socket

from config.ports import free_port


def test_port_that_is_taken_gives_a_later_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert port < free_port(port) < port + 50


def test_port_that_is_free_is_kept() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert free_port(port) == port
