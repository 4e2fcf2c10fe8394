from datetime import UTC, date, datetime

import pytest

from accounts.days import day_end, ends, last_day


def test_a_day_ends_at_the_midnight_after_it() -> None:
    assert day_end(date(2026, 11, 30)) == datetime(2026, 12, 1, tzinfo=UTC)
    assert last_day(day_end(date.max)) == date.max


@pytest.mark.parametrize(
    ("moment", "day", "words"),
    [
        (datetime(2026, 12, 1, tzinfo=UTC), date(2026, 11, 30), "30 Nov 2026"),
        (datetime(2026, 12, 1, 0, 1, tzinfo=UTC), date(2026, 12, 1), "1 Dec 2026 00:01"),
        (datetime(2026, 12, 1, 18, tzinfo=UTC), date(2026, 12, 1), "1 Dec 2026 18:00"),
    ],
)
def test_the_last_day_is_the_one_that_is_over(moment: datetime, day: date, words: str) -> None:
    assert (last_day(moment), ends(moment)) == (day, words)
