"""A few own requests, one after another, for what answers say of themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from urllib.parse import urljoin

from probes import http
from probes.kinds.base import Page, Target, Tools


async def answers(target: Target, tools: Tools, paths: Sequence[str], requests: int) -> AsyncIterator[Page]:
    """Ask the paths in turn; answers that are errors say nothing. Raises `Unreachable` and its kin."""
    base = target.base_url.rstrip("/") + "/"
    for turn in range(requests):
        url = urljoin(base, paths[turn % len(paths)].lstrip("/"))
        page = await http.ask(url, target, policy=tools.policy, at=tools.now())
        if page.status < 400:
            yield page
