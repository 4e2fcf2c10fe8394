"""Runs the tests lane by lane: which database, which servers, which browser; names what was absent in the closing line.

    python tests/lanes.py quick    SQLite whole, PostgreSQL and Redis where they matter, one browser pass
    python tests/lanes.py rest     everything else: the whole on PostgreSQL, and the slow tests

`REQUIRE_LANES=postgres,redis,browser` makes an absent lane a failure.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
USUAL_DATABASE = "postgres://postgres@127.0.0.1:5432/postgres"
USUAL_REDIS = "redis://127.0.0.1:6379/0"


@dataclass(frozen=True)
class Lane:
    name: str
    marks: str
    database_url: str = ""
    processes: int = 2


def answers(url: str, default_port: int) -> bool:
    """Whether something listens where the URL points to."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or default_port), timeout=2):
            return True
    except OSError:
        return False


def lanes(which: str, present: dict[str, str]) -> list[Lane]:
    """The lanes to run, given the servers that are there; a Redis test runs only where Redis does."""
    redis = "" if "redis" in present else " and not redis"
    found = []
    if which == "quick":
        found.append(Lane("SQLite", f"not postgres and not browser and not slow{redis}"))
        if "postgres" in present:
            found.append(Lane("PostgreSQL", f"(postgres or databases) and not browser and not slow{redis}", present["postgres"]))
        if "browser" in present:
            found.append(Lane("browser", "browser", processes=0))  # one demo is all that two cores bear
    else:
        found.append(Lane("SQLite, slow", f"slow and not postgres and not browser{redis}", processes=0))
        if "postgres" in present:
            # What `quick` ran on PostgreSQL is not run again, but for the slow ones.
            marks = f"not browser and ((not postgres and not databases) or slow){redis}"
            found.append(Lane("PostgreSQL, the rest", marks, present["postgres"]))
    return found


def find_servers() -> dict[str, str]:
    present = {}
    database = os.environ.get("TEST_DATABASE_URL") or USUAL_DATABASE
    if answers(database, 5432):
        present["postgres"] = database
    redis = os.environ.get("TEST_REDIS_URL") or USUAL_REDIS
    if answers(redis, 6379):
        present["redis"] = redis
    if any(shutil.which(name) for name in BROWSERS):
        present["browser"] = "chromium"
    if shutil.which("prometheus"):
        present["prometheus"] = "prometheus"
    return present


def run(lane: Lane, present: dict[str, str]) -> int:
    env = {
        key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "REDIS_URL", "PRODUCTION", "PROBE_ALLOW"}
    }
    if lane.database_url:
        env["DATABASE_URL"] = lane.database_url
    if "redis" in present:
        env["TEST_REDIS_URL"] = present["redis"]
    command = [sys.executable, "-m", "pytest", "-q", "-m", lane.marks]
    if lane.processes:
        command += ["-n", str(lane.processes), "--dist", "loadfile"]
    began = time.monotonic()
    print(f"\n--- {lane.name}", flush=True)
    code = subprocess.call(command, cwd=ROOT, env=env)
    print(f"--- {lane.name}: {'ok' if code in (0, 5) else 'FAILED'} in {time.monotonic() - began:.0f} s", flush=True)
    return 0 if code == 5 and "slow" in lane.name else code


def main(which: str) -> int:
    present = find_servers()
    absent = [name for name in ("postgres", "redis", "browser", "prometheus") if name not in present]
    required = [name for name in os.environ.get("REQUIRE_LANES", "").split(",") if name]
    lacking = [name for name in required if name in absent]
    if lacking:
        print(f"required, but not there: {', '.join(lacking)}")
        return 1
    failed = [lane.name for lane in lanes(which, present) if run(lane, present) != 0]
    print(f"\n{'FAILED: ' + ', '.join(failed) if failed else 'All lanes passed'}", end="")
    print(f"; absent, so not tested: {', '.join(absent)}." if absent else "; nothing was absent.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "quick"))
