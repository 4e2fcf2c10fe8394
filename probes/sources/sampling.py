"""A few own requests, one after another, for what answers say of themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from probes import http
from probes.addresses import below
from probes.kinds.base import Page, Target, Tools


async def answers(target: Target, tools: Tools, paths: Sequence[str], requests: int) -> AsyncIterator[Page]:
    """Ask the paths in turn; answers that are errors say nothing. Raises `Unreachable` and its kin."""
    for turn in range(requests):
        url = below(target.base_url, paths[turn % len(paths)])
        page = await http.ask(url, target, policy=tools.policy, at=tools.now())
        if page.status < 400:
            yield page
