"""Renews the pictures of the documentation from a running demo (`make demo` in another terminal).

    python -m docs.screenshots [--url http://127.0.0.1:8000] [--password …]

The password of the demo's people is read from `var/demo_password` unless it is given.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PAGES = {
    "overview": "/",
    "scorecard": "/scorecards/fastapi-easy/",
    "kpi": "/scorecards/fastapi-easy/response-time-p95/",
    "roadmap": "/roadmaps/fastapi-easy-performance/",
    "alert": "/alerts/of/fastapi-easy/database-connections/",
}
"""The alert is there once the connection leak of the demo was on, and is over: docs/demo.md."""
LOOKS = {"": (1280, "light"), "-dark": (1280, "dark"), "-phone": (390, "light")}


def shoot(browser: Browser, url: str, password: str, suffix: str, names: list[str]) -> None:
    """One look of some pages, as a manager sees them; the height of a window, so that pictures stay small."""
    width, scheme = LOOKS[suffix]
    context = browser.new_context(base_url=url, viewport={"width": width, "height": 860}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/login/")
    page.fill("#id_username", "manager")
    page.fill("#id_password", password)
    page.click("button:has-text('Log in')")
    page.wait_for_url(f"{url}/")
    for name in names:
        page.goto(PAGES[name], wait_until="networkidle")
        page.screenshot(path=IMAGES / f"{name}{suffix}.png")
    context.close()


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--url", default="http://127.0.0.1:8000")
    words.add_argument("--password", default="")
    asked = words.parse_args()
    password = asked.password or (ROOT / "var" / "demo_password").read_text(encoding="utf-8").strip()
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        for suffix, names in {"": list(PAGES), "-dark": ["overview", "kpi"], "-phone": ["overview"]}.items():
            shoot(browser, asked.url, password, suffix, names)
        browser.close()


if __name__ == "__main__":
    main()
