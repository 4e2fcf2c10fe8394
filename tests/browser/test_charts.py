"""What charts draw in Chromium."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Contexts, Demo

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # Playwright's own pipes, at its end
]

WRITTEN = """
window.written = [];
const write = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, x, y, ...rest) {
  const at = this.getTransform().transformPoint(new DOMPoint(x, y));
  window.written.push([text, at.x / devicePixelRatio, at.y / devicePixelRatio]);
  return write.call(this, text, x, y, ...rest);
};
"""
"""Keeps what was written on canvases, and where."""

ON_THE_PLOT = """() => {
  const { left, right, top, bottom } = Chart.getChart(document.querySelector("canvas")).chartArea;
  return window.written.filter(([, x, y]) => x > left && x < right && y > top && y < bottom);
}"""


@pytest.mark.parametrize("width", [1280, 390])
def test_no_word_lies_on_what_was_measured(width: int, demo: Demo, contexts: Contexts) -> None:
    page = contexts("viewer", width, False).new_page()
    page.add_init_script(WRITTEN)
    page.goto("/scorecards/fastapi-easy/cache-hit-rate/", wait_until="load")
    for _ in range(100):  # the page's policy forbids what `wait_for_function` does where it must look twice
        if page.evaluate("window.written.some(([text]) => text === 'alert fired')"):
            break
        page.wait_for_timeout(100)
    else:
        pytest.fail("the chart says nowhere that an alert fired")
    assert page.evaluate(ON_THE_PLOT) == []
    page.close()
