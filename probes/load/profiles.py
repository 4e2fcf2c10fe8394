"""Ready-made profiles: those of the roadmap as written, and the search for what a service can bear. All can be edited."""

from __future__ import annotations

from typing import Any

STEPS = (50, 100, 500, 1000)


def _steps(*users: int) -> list[str]:
    lines: list[str] = []
    for count in users:
        lines += ["pause 60s", f"{count} users for 5m"] if lines else [f"{count} users for 5m"]
    return lines


READY: dict[str, tuple[str, str, dict[str, Any]]] = {
    "baseline": ("Baseline load", "100 users for 10 minutes.", {"stages": ["100 users for 10m"]}),
    "peak": ("Peak load", "500 users for 5 minutes, under one second.", {"stages": ["500 users for 5m"]}),
    "stress": (
        "Stress test", "1,000 users for 2 minutes, under two seconds.",
        {"stages": ["1000 users for 2m"], "p95_limit_ms": 2000.0},
    ),
    "spike": ("Spike test", "100 users, and 400 more at once.", {"stages": ["100 users for 60s", "500 users for 60s at once"]}),
    **{
        f"users-{count}": (f"{count:,} users", f"{count:,} users for 5 minutes.", {"stages": _steps(count)}
                           | ({"p95_limit_ms": 2000.0} if count == 1000 else {}))
        for count in STEPS
    },
    "steps": (
        "Steps with cool-down", "50, 100, 500 and 1,000 users, 5 minutes each, 60 s between.", {"stages": _steps(*STEPS)},
    ),
    "throughput": ("Throughput", "1,000 requests/s for a minute, answered or not.", {"stages": ["1000/s for 60s"]}),
    "capacity": (
        "Capacity", "The most users that still meet the limits, by steps with confirmation.",
        {"stages": ["25 users for 20s"], "search": "users"},
    ),
    "capacity-rate": (
        "Capacity, by rate", "The highest rate that still meets the limits and leaves no growing backlog.",
        {"stages": ["50/s for 20s"], "search": "rate"},
    ),
}  # fmt: skip
"""Name, what it is for, and parameters of the kind `load`."""
