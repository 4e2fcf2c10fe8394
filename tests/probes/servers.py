"""PostgreSQL and Redis of a test's own, to be stopped and started, and the processes of an installation on them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 90.0
BIN = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), Path(shutil.which("initdb") or "initdb"))


def there() -> bool:
    return BIN.exists() and shutil.which("redis-server") is not None


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def until(holds: Callable[[], Any], what: str) -> Any:
    """Wait for it, and give it."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.1)
    raise TimeoutError(what)


class Postgres:
    """A cluster of its own. Its programs refuse to run as root, so then they run as `postgres`."""

    def __init__(self, *, durable: bool = False) -> None:
        self.durable = durable
        self.folder, self.port = Path(tempfile.mkdtemp(prefix="milepost-")), free_port()
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(self.folder, self.user)
        self._do("initdb", "-U", "milepost", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        self.url = f"postgres://milepost@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        options += "" if self.durable else " -c fsync=off"
        self._do("pg_ctl", "-w", "-t", "60", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self, how: str = "fast") -> None:
        self._do("pg_ctl", "-w", "-m", how, "stop")

    def remove(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder)

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as own:
            found = own.execute(query, values)
            return found.fetchall() if found.description else []

    def _do(self, program: str, *arguments: str) -> None:
        command = [str(BIN.parent / program), "-D", str(self.folder), *arguments]
        subprocess.run(command, user=self.user, cwd=self.folder, check=True, stdout=subprocess.DEVNULL)


class Redis:
    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


class Processes:
    """Programs of Milepost on an environment of their own, each in a group of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        own = {"MILEPOST_VAR": str(folder), "PROBE_ALLOW": "127.0.0.0/8", "DJANGO_SETTINGS_MODULE": "config.settings"}
        self.env = os.environ | own | {"PYTHONPATH": str(ROOT), "REDIS_URL": ""} | environment
        self.folder, self.running = folder, list[subprocess.Popen[bytes]]()

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"process-{len(self.running)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, env=self.env, start_new_session=True, stdout=log, stderr=log
            )
        self.running.append(process)
        return process

    def do(self, script: str) -> None:
        subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=self.env, check=True)

    def kill(self, processes: Sequence[subprocess.Popen[bytes]] = ()) -> None:
        for process in processes or self.running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)
