"""Stages, requests and thinking as people type them, one a line. Pure.

500 users for 5m        1000/s for 60s        pause 60s        500 users for 60s at once
GET /users?limit=20     3 GET /users          POST /orders {"item": 1}
exponential 1s          fixed 500ms           paced 1s         none
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, cast

from probes.load.profile import METHODS, Ask, Profile, Stage, Think

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_STAGE = re.compile(
    r"(?:(?P<users>[\d,]+) users?|(?P<rate>[\d,.]+) ?(?:/s|requests/s)) for (?P<time>\S+)(?P<once> at once)?", re.I
)
_PAUSE = re.compile(r"(?:pause|cool-down) (?:for )?(?P<time>\S+)", re.I)
_REQUEST = re.compile(rf"(?:(?P<weight>\d{{1,3}}) )?(?:(?P<method>{'|'.join(METHODS)}) )?(?P<path>/\S*)(?: (?P<body>.+))?", re.S)
_THINK = re.compile(r"(?P<law>fixed|exponential|paced) (?P<time>\S+)", re.I)
LAW = Literal["none", "fixed", "exponential", "paced"]


def seconds(text: str) -> float:
    """A length such as 30s, 500ms, 5m, 1m30s. Raises ValueError."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text.strip().lower())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip().lower():
        raise ValueError(f"{text!r} is no length of time; write 30s, 500ms or 5m")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def stage(line: str, *, warm_up_s: float = 0.0) -> Stage:
    """One stage; its warm-up is at most half of it. Raises ValueError."""
    text = " ".join(line.split())
    if found := _PAUSE.fullmatch(text):
        return Stage(seconds=seconds(found["time"]))
    found = _STAGE.fullmatch(text)
    if not found:
        raise ValueError(f"{line!r} is no stage; write “500 users for 5m”, “1000/s for 60s” or “pause 60s”")
    length = seconds(found["time"])
    return Stage(
        seconds=length,
        users=int(found["users"].replace(",", "")) if found["users"] else 0,
        rate=float(found["rate"].replace(",", "")) if found["rate"] else 0.0,
        warm_up_s=min(warm_up_s, length / 2),
        at_once=bool(found["once"]),
    )


def request(line: str) -> Ask:
    """One request of the mix, its weight before it and its body behind it. Raises ValueError."""
    found = _REQUEST.fullmatch(line.strip())
    if not found:
        raise ValueError(f"{line!r} is no request; write “GET /users”, “3 GET /users” or “POST /orders {{…}}”")
    body = found["body"] or ""
    headers = {"Content-Type": "application/json"} if body[:1] in ("{", "[") else {}
    return Ask(
        path=found["path"], method=found["method"] or "GET", headers=headers, body=body, weight=int(found["weight"] or 1)
    )  # fmt: skip


def think(text: str) -> Think:
    if text.strip().lower() in ("", "none"):
        return Think()
    found = _THINK.fullmatch(" ".join(text.split()))
    if not found:
        raise ValueError(f"{text!r} is no way to think; write “exponential 1s”, “fixed 1s”, “paced 1s” or “none”")
    return Think(cast("LAW", found["law"].lower()), seconds(found["time"]))


def profile(
    stages: Sequence[str],
    requests: Sequence[str],
    thinking: str,
    *,
    warm_up_s: float = 0.0,
    timeout_s: float = 10.0,
    only_2xx: bool = False,
) -> Profile:
    """Raises ValueError, naming what cannot be read."""
    return Profile(
        stages=tuple(stage(line, warm_up_s=warm_up_s) for line in stages),
        requests=tuple(request(line) for line in requests),
        think=think(thinking),
        timeout_s=timeout_s,
        only_2xx=only_2xx,
    )
