"""Every page in Chromium: no console errors or foreign requests, accessible, no sideways scroll, and without scripts."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import Contexts, Demo

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # Playwright's own pipes, at its end
]

ROADMAP = "/roadmaps/fastapi-easy-performance/"
# path → who opens it; "" is a stranger
PAGES = {
    "/login/": "",
    "/password/reset/": "",
    "/": "manager",
    "/roadmaps/": "viewer",
    ROADMAP: "manager",
    f"{ROADMAP}phases/4/": "manager",
    f"{ROADMAP}roi/": "manager",
    f"{ROADMAP}risks/": "manager",
    "/roadmaps/import/": "manager",
    "/scorecards/": "viewer",
    "/scorecards/new/": "manager",
    "/scorecards/fastapi-easy/edit/": "manager",
    "/scorecards/fastapi-easy/new/": "manager",
    "/scorecards/fastapi-easy/import/": "engineer",
    "/scorecards/fastapi-easy/bounce-rate-reduction/": "manager",
    "/scorecards/fastapi-easy/response-time-p95/edit/": "manager",
    "/scorecards/fastapi-easy/response-time-p95/archive/": "manager",
    "/scorecards/fastapi-easy/": "viewer",
    "/scorecards/fastapi-easy/response-time-p95/": "engineer",
    "/scorecards/fastapi-easy/developer-productivity/": "viewer",
    "/services/": "engineer",
    "/services/new/": "engineer",
    "/services/demo-api/": "engineer",
    "/services/demo-api/probes/new/http/": "engineer",
    "/services/demo-api/load/": "engineer",
    "/runs/{run}/": "engineer",
    "/results/": "engineer",
    "/results/{submission}/": "engineer",
    "/account/": "viewer",
    "/account/password/": "viewer",
    "/tokens/": "engineer",
    "/alerts/": "viewer",
    "/alerts/channels/": "engineer",
    "/alerts/channels/new/webhook/": "engineer",
    "/alerts/silences/": "engineer",
    "/alerts/rules/": "engineer",
    "/approvals/": "approver",
    "/waivers/": "approver",
    "/waivers/new/": "engineer",
    "/gate-waivers/": "approver",
    "/activity/": "auditor",
    "/api/docs/": "engineer",
    "/no-such-page/": "viewer",
}
WITHOUT_SCRIPTS = {path for path in PAGES if path != "/api/docs/"}
LOOKS = [(1280, False), (390, True)]
"""Wide and light, narrow and dark: both themes and both widths are seen by every page."""
FITTING = ("/services/", "/services/demo-api/", "/alerts/", "/alerts/channels/")
"""Pages whose tables a phone shows whole."""
SHOTS = os.environ.get("SCREENSHOTS", "")
"""A folder to leave a picture of every page in, for eyes."""


def watched(page: Page, demo: Demo) -> list[str]:
    """Collects what a page must not do: console errors, failures, requests to other hosts."""
    faults: list[str] = []
    page.on("console", lambda message: faults.append(f"console: {message.text}") if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    host = urlsplit(demo.url).netloc

    def request(made: object) -> None:
        parts = urlsplit(made.url)  # type: ignore[attr-defined]
        if parts.scheme in ("http", "https") and parts.netloc != host:
            faults.append(f"foreign request: {made.url}")  # type: ignore[attr-defined]

    page.on("request", request)
    return faults


@pytest.mark.parametrize("pattern", PAGES)
def test_page(pattern: str, demo: Demo, contexts: Contexts) -> None:
    path = demo.path(pattern)
    for width, dark in LOOKS:
        page = contexts(PAGES[pattern], width, dark).new_page()
        faults = watched(page, demo)
        answer = page.goto(path, wait_until="load")
        assert answer is not None
        assert answer.status == (404 if "no-such" in path else 200), path
        if SHOTS:
            name = f"{path.strip('/').replace('/', '_') or 'overview'}-{width}{'-dark' if dark else ''}.png"
            page.screenshot(path=Path(SHOTS) / name, full_page=True)
        if "no-such" in path:
            faults = [fault for fault in faults if "404" not in fault]
        assert faults == [], (path, width)
        if width == 390:
            sideways = "[...document.querySelectorAll('.scroll')].some((part) => part.scrollWidth > part.clientWidth)"
            assert pattern not in FITTING or not page.evaluate(sideways), f"a row of {path} is wider than a phone"
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, f"{path} scrolls sideways"
        if pattern != "/api/docs/":
            violations = Axe().run(page).response["violations"]
            assert [(v["id"], [n["html"][:160] for n in v["nodes"][:4]]) for v in violations] == [], (path, width, dark)
        page.close()


@pytest.mark.parametrize("pattern", sorted(WITHOUT_SCRIPTS))
def test_page_without_scripts(pattern: str, demo: Demo, contexts: Contexts) -> None:
    page = contexts(PAGES[pattern], 390, False, scripts=False).new_page()
    page.goto(demo.path(pattern))
    assert page.locator("h1").first.inner_text()
    page.close()


def test_a_table_stands_in_for_the_chart_that_no_script_draws(demo: Demo, contexts: Contexts) -> None:
    page = contexts("viewer", 1280, False, scripts=False).new_page()
    page.goto("/scorecards/fastapi-easy/response-time-p95/")
    assert "none runs here" in page.locator("noscript").inner_text()
    assert page.locator("#points tbody tr").first.is_visible()
    assert not page.locator("canvas").is_visible()
    page.close()


def test_what_stands_beside_a_figure_never_breaks_on_a_phone(demo: Demo, contexts: Contexts) -> None:
    page = contexts("viewer", 390, False).new_page()
    page.goto("/", wait_until="load")
    heights = "[...document.querySelectorAll('.strip .f')].map((figure) => figure.offsetHeight)"
    assert max(page.evaluate(heights)) < 50, "the words broke, and both lines are as high as the figure"
    page.close()
