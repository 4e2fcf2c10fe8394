"""The whole demo as `make demo` starts it, in a folder of its own, and Chromium to look at it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from config.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
START_S, MEASURE_S = 120, 120


@dataclass(frozen=True)
class Demo:
    """A running demo: its address, the password of its people, a token that may read and send results."""

    url: str
    password: str
    token: str
    run: int
    submission: str

    def path(self, pattern: str) -> str:
        return pattern.format(run=self.run, submission=self.submission)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    port = free_port(18200 + 200 * int(worker))  # two that look for one at the same time would find the same
    env = {key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "REDIS_URL", "PROBE_ALLOW", "BASE_URL")}
    env |= {"MILEPOST_VAR": str(folder), "PORT": str(port), "DEMO_PORT": str(free_port(port + 60))}
    log = (folder / "log").open("w")
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up", "--demo"], cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True
    )
    try:
        yield _ready(f"http://127.0.0.1:{port}", folder, env, process)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        log.close()


def _ready(url: str, folder: Path, env: dict[str, str], process: subprocess.Popen[bytes]) -> Demo:
    _until(lambda: httpx.get(f"{url}/login/").status_code == 200, START_S, folder, process)
    token = _manage(env, "create_token", "--owner", "engineer", "--scope", "read", "--scope", "results:write")
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=10) as client:
        return _measured(client, url, folder, env, process, token)


def _measured(
    client: httpx.Client, url: str, folder: Path, env: dict[str, str], process: subprocess.Popen[bytes], token: str
) -> Demo:
    _until(lambda: 'milepost_kpi_actual{kpi="response-time-p95"' in client.get("/metrics").text, MEASURE_S, folder, process)
    switches = f"http://127.0.0.1:{env['DEMO_PORT']}/switches/phases"
    for phase in (1, 2):  # the slow variants would compete with the browser for this machine
        httpx.put(f"{switches}/{phase}", json={"on": True}, timeout=60).raise_for_status()
    sample = (ROOT / "fixtures" / "results" / "milepost.json").read_bytes()
    posted = client.post(
        "/api/v1/results/?service=demo-api&branch=main", content=sample, headers={"Content-Type": "application/json"}
    )
    assert posted.status_code == 201, posted.text
    runs = client.get("/api/v1/runs/", params={"service": "demo-api"}).json()["results"]
    return Demo(url, (folder / "demo_password").read_text(), token, runs[-1]["id"], posted.json()["id"])


def _until(holds: object, seconds: float, folder: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if holds():  # type: ignore[operator]
                return
        except httpx.TransportError:
            pass
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < end, f"not within {seconds} s:\n{(folder / 'log').read_text()}"
        time.sleep(0.3)


def _manage(env: dict[str, str], *words: str) -> str:
    done = subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def states(demo: Demo, browser: Browser) -> dict[str, object]:
    """The log-in of each role, made once through the page."""
    found: dict[str, object] = {"": None}
    for role in ("viewer", "manager", "engineer", "approver", "auditor", "admin"):
        context = browser.new_context(base_url=demo.url)
        page = context.new_page()
        page.goto("/login/")
        page.fill("#id_username", role)
        page.fill("#id_password", demo.password)
        page.click("button:has-text('Log in')")
        page.wait_for_url(f"{demo.url}/")
        found[role] = context.storage_state()
        context.close()
    return found


Contexts = Callable[..., BrowserContext]


@pytest.fixture(scope="session")
def contexts(browser: Browser, demo: Demo, states: dict[str, object]) -> Contexts:
    """`contexts(role, width, dark, scripts=True)`: one logged-in browser profile for each combination."""

    @cache
    def context(role: str, width: int, dark: bool, scripts: bool = True) -> BrowserContext:
        return browser.new_context(
            base_url=demo.url,
            storage_state=states[role],  # type: ignore[arg-type]
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
        )

    return context
