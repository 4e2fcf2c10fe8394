"""Hits and misses as answers tell them: `X-FastAPI-Cache: HIT`, `X-Cache: Hit from cloudfront`, `CF-Cache-Status: EXPIRED`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from probes.kinds.base import Target, Tools
from probes.sources.base import Unread
from probes.sources.sampling import answers

WORDS = {"hit": re.compile(r"\bhit\b", re.I), "miss": re.compile(r"\b(miss|expired|bypass|stale)\b", re.I)}


def result(told: str) -> str:
    """`hit`, `miss`, or `unknown`. The last cache of a chain ("MISS, HIT") is the one that answered."""
    last = told[:1_000].rpartition(",")[2]
    return next((word for word, pattern in WORDS.items() if pattern.search(last)), "unknown")


async def sampled(target: Target, tools: Tools, paths: Sequence[str], requests: int, header: str) -> Counter[str]:
    """Count what the answers say. Raises Unread where not one says hit or miss."""
    found = Counter([result(page.headers.get(header.lower(), "")) async for page in answers(target, tools, paths, requests)])
    if not found["hit"] + found["miss"]:
        raise Unread(f"no answer said HIT or MISS in {header}", reason="no such header")
    return found
