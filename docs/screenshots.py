"""Renews the pictures of the documentation from a running demo (`make demo` in another terminal).

    python -m docs.screenshots [--url http://127.0.0.1:8000] [--password …]

The password of the demo's people is read from its folder (`MILEPOST_VAR`, else `var/`) unless it is given.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PAGES = {"overview": "/", "alert": "/alerts/of/fastapi-easy/database-connections/"}
"""The alert is there once the connection leak of the demo was on, and is over: docs/demo.md."""


def shoot(browser: Browser, url: str, password: str) -> None:
    """The pages as a manager sees them; the height of a window, so that pictures stay small."""
    context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 860}, color_scheme="light")
    page = context.new_page()
    page.goto("/login/")
    page.fill("#id_username", "manager")
    page.fill("#id_password", password)
    page.click("button:has-text('Log in')")
    page.wait_for_url(f"{url}/")
    for name, path in PAGES.items():
        page.goto(path, wait_until="networkidle")
        page.screenshot(path=IMAGES / f"{name}.png")
    context.close()


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--url", default="http://127.0.0.1:8000")
    words.add_argument("--password", default="")
    asked = words.parse_args()
    data = Path(os.environ.get("MILEPOST_VAR") or ROOT / "var")
    password = asked.password or (data / "demo_password").read_text(encoding="utf-8").strip()
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        shoot(browser, asked.url.rstrip("/"), password)
        browser.close()


if __name__ == "__main__":
    main()
