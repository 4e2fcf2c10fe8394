from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trials
from hypothesis import strategies as st

from accounts.differences import difference, label, words

JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=5,
)


def test_only_what_changed_is_told() -> None:
    before = {"target": "< 500", "due_on": "2026-12-01", "baseline": 850.0, "typed": ""}
    after = {"target": "< 450", "due_on": None, "baseline": 850.0, "self_approved": True, "subject": ""}
    assert [str(line) for line in difference(before, after)] == [
        "Target: < 500 → < 450",
        "Due: 1 Dec 2026 → nothing",
        "Self approved: yes",
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "nothing"),
        (["viewer", "manager"], "viewer, manager"),
        ({"pool": {"size": 10}}, "pool size 10"),
        (1234567, "1,234,567"),
        (0.1 + 0.2, "0.3"),
        ("2026-11-30T23:59:59+00:00", "30 Nov 2026 23:59"),
        ("2026-99-99", "2026-99-99"),
        ("x" * 400, "x" * 299 + "…"),
    ],
)
def test_values_read_like_words(value: Any, said: str) -> None:
    assert words(value) == said


@pytest.mark.parametrize(
    ("name", "said"), [("interval_s", "Interval, s"), ("kpi", "KPI"), ("main_kpi", "Main KPI"), ("at", "At")]
)
def test_labels(name: str, said: str) -> None:
    assert label(name) == said


@trials(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text(max_size=8), JSON, max_size=3), st.dictionaries(st.text(max_size=8), JSON, max_size=3))
def test_whatever_the_history_keeps_can_be_told(before: dict[str, Any], after: dict[str, Any]) -> None:
    lines = difference(before, after)
    assert len(lines) <= len(before.keys() | after.keys())
    assert difference(before, before) == []
