"""Finding a free port on the loopback address."""

import errno
import socket

TRIES = 50


def free_port(wanted: int, *, host: str = "127.0.0.1") -> int:
    """The wanted port, or the next one above it that nobody listens on.

    Raises OSError when none of the next `TRIES` ports is free, or when the port may not be used at all.
    """
    for port in range(wanted, min(wanted + TRIES, 65536)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                return port
    raise OSError(errno.EADDRINUSE, f"no free port from {wanted} on")
