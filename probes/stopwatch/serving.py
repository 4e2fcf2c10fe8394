"""Answers that serve nothing of what was asked for: no errors of the service, but neither its speed nor its availability."""

from __future__ import annotations

from collections.abc import Mapping

KEPT_OUT = frozenset({401, 403, 429})
"""Answers that turn the asker away: they tell neither that the service works nor that it does not."""

ADVICE = {
    401: "give the headers that it asks for", 403: "give headers that may read it", 429: "ask less often, or let the probe in",
}  # fmt: skip
NOT_SERVED = "most requests were not served"


def unserved(status: int) -> bool:
    return 300 <= status < 500


def asked_in_vain(statuses: Mapping[int, int], attempts: int) -> str:
    """How many of the requests were answered without being served, and what to do about it; empty where none was."""
    if not statuses:
        return ""
    said = ", ".join(f"{count} of {attempts} requests were answered {status}" for status, count in sorted(statuses.items()))
    most = max(statuses, key=lambda status: statuses[status])
    if most < 400:
        return f"{said}: it redirects, ask the address that it leads to"
    return f"{said}: {ADVICE.get(most, 'check the path')}"
