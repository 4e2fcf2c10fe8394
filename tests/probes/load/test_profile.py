"""Profiles: caps, shares, mixes, and the notation that people type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.kinds.load import Params
from probes.load import notation
from probes.load.profile import Ask, Caps, Profile, Stage, Think, check, share, turns
from probes.load.profiles import READY


@given(users=st.integers(0, 5000), rate=st.floats(0, 1e5), shards=st.integers(1, 16))
def test_shares_add_up(users: int, rate: float, shards: int) -> None:
    whole = Profile(stages=(Stage(seconds=1, users=users, rate=rate),))
    parts = [share(whole, number, shards).stages[0] for number in range(shards)]
    assert sum(part.users for part in parts) == users
    assert max(part.users for part in parts) - min(part.users for part in parts) <= 1
    assert sum(part.rate for part in parts) == pytest.approx(rate)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_a_round_holds_every_request_by_its_weight(weights: list[int]) -> None:
    found = turns([Ask(weight=weight) for weight in weights])
    assert [found.count(index) for index in range(len(weights))] == weights


@pytest.mark.parametrize(
    ("stage", "error"),
    [
        (Stage(seconds=10, users=1001), "cap of 1,000"),
        (Stage(seconds=10, rate=10_001), "cap of 10,000"),
        (Stage(seconds=1801, users=1), "cap of 1,800"),
        (Stage(seconds=10, users=1, rate=1), "not both"),
        (Stage(seconds=10, users=1, warm_up_s=10), "shorter than its stage"),
        (Stage(seconds=10), "needs a stage"),
    ],
)
def test_a_profile_is_held_to_its_caps(stage: Stage, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        check(Profile(stages=(stage,)), Caps())


@pytest.mark.parametrize("key", sorted(READY))
def test_every_ready_made_profile_runs_under_the_default_caps(key: str) -> None:
    profile = Params(**READY[key][2]).profile()
    assert check(profile, Caps()) is None  # type: ignore[func-returns-value]
    assert profile.seconds <= Caps().seconds


@pytest.mark.parametrize(
    ("line", "stage"),
    [
        ("500 users for 5m", Stage(seconds=300, users=500)),
        ("1,000 users for 1m30s at once", Stage(seconds=90, users=1000, at_once=True)),
        ("1000/s for 60s", Stage(seconds=60, rate=1000)),
        ("pause 60s", Stage(seconds=60)),
    ],
)
def test_stages_are_read(line: str, stage: Stage) -> None:
    assert notation.stage(line) == stage


@pytest.mark.parametrize(
    ("line", "ask"),
    [
        ("/users", Ask("/users")),
        ("3 GET /users?limit=20", Ask("/users?limit=20", weight=3)),
        ('POST /orders {"item": 1}', Ask("/orders", "POST", {"Content-Type": "application/json"}, '{"item": 1}')),
    ],
)
def test_requests_are_read(line: str, ask: Ask) -> None:
    assert notation.request(line) == ask


@pytest.mark.parametrize(
    ("text", "think"), [("none", Think()), ("exponential 1s", Think("exponential", 1)), ("paced 500ms", Think("paced", 0.5))]
)
def test_thinking_is_read(text: str, think: Think) -> None:
    assert notation.think(text) == think


@pytest.mark.parametrize("line", ["", "500 users", "many users for 5m", "5 users for soon", "-1 users for 5s"])
def test_what_is_no_stage_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        notation.stage(line)
