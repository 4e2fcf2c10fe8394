from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpis.rhythm import CHOICES, BadRhythm, check, following

FIRST = date(2026, 1, 15)


@pytest.mark.parametrize(
    ("rule", "day", "expected"),
    [
        ("FREQ=MONTHLY", date(2026, 1, 1), FIRST),
        ("FREQ=MONTHLY", FIRST, date(2026, 2, 15)),
        ("FREQ=MONTHLY;INTERVAL=3", date(2026, 2, 1), date(2026, 4, 15)),
        ("FREQ=MONTHLY;BYDAY=1MO", FIRST, date(2026, 2, 2)),
        ("FREQ=WEEKLY", date(2026, 1, 21), date(2026, 1, 22)),
        ("FREQ=YEARLY", date(2026, 6, 1), date(2027, 1, 15)),
    ],
)
def test_following(rule: str, day: date, expected: date) -> None:
    check(rule, FIRST)
    assert following(rule, FIRST, day) == expected


@settings(deadline=None)
@given(st.sampled_from(sorted(CHOICES)), st.dates(date(2000, 1, 1), date(2090, 1, 1)), st.integers(0, 2000))
def test_the_next_review_is_always_later(rule: str, first: date, days: int) -> None:
    day = date.fromordinal(first.toordinal() + days)
    found = following(rule, first, day)
    assert found is not None
    assert found > day


@pytest.mark.parametrize(
    "rule",
    [
        "", "monthly", "FREQ=HOURLY", "FREQ=MONTHLY;COUNT=3", "FREQ=MONTHLY;FREQ=WEEKLY", "INTERVAL=2",
        "FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=WEEKLY;BYMONTHDAY=3", "FREQ=MONTHLY\nCOUNT=1",
    ],
)  # fmt: skip
def test_what_no_review_can_follow_is_refused(rule: str) -> None:
    with pytest.raises(BadRhythm):
        check(rule, FIRST)
