"""A small load run from its page: started, seen to move, stopped."""

from __future__ import annotations

import re
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Contexts, Demo
from tests.browser.test_pages import LOOKS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),  # the demo itself takes most of it
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

RUN_S = 15.0


def test_a_load_run_moves_and_stops(demo: Demo, contexts: Contexts) -> None:
    page = contexts("engineer", 1280, False).new_page()
    page.goto("/services/demo-api/load/?profile=baseline")
    page.fill("[name='params.stages']", "5 users for 60s")
    page.fill("[name='params.requests']", "GET /health")
    began = time.monotonic()
    page.click("button:has-text('Start the run')")
    expect(page).to_have_url(re.compile(r"/runs/\d+/$"))
    line = page.locator(".plot path.line").first
    line.wait_for(timeout=8_000, state="attached")
    before = line.get_attribute("d")
    expect(line).not_to_have_attribute("d", before or "", timeout=5_000)
    expect(page.locator(".load h2")).to_contain_text("5 users")
    page.click("button:has-text('Stop run')")
    expect(page.locator("#run .strip").first).to_contain_text("Stopped", timeout=5_000)
    expect(page.locator(".course .ys").first).to_contain_text("/s")
    expect(page.get_by_role("button", name="Stop run")).to_have_count(0)
    assert time.monotonic() - began < RUN_S
    path = page.url
    page.close()
    for width, dark in LOOKS:
        page = contexts("engineer", width, dark).new_page()
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert [found["id"] for found in Axe().run(page).response["violations"]] == []
        page.close()
