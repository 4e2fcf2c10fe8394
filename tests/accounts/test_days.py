from datetime import UTC, date, datetime

import pytest

from accounts.days import asked, day_end, ends, last_day, moment


def test_a_day_ends_at_the_midnight_after_it() -> None:
    assert day_end(date(2026, 11, 30)) == datetime(2026, 12, 1, tzinfo=UTC)
    assert last_day(day_end(date.max)) == date.max


@pytest.mark.parametrize(
    ("end", "day", "words"),
    [
        (datetime(2026, 12, 1, tzinfo=UTC), date(2026, 11, 30), "30 Nov 2026"),
        (datetime(2026, 12, 1, 0, 1, tzinfo=UTC), date(2026, 12, 1), "1 Dec 2026 00:01"),
        (datetime(2026, 12, 1, 18, tzinfo=UTC), date(2026, 12, 1), "1 Dec 2026 18:00"),
    ],
)
def test_the_last_day_is_the_one_that_is_over(end: datetime, day: date, words: str) -> None:
    assert (last_day(end), ends(end)) == (day, words)


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00"),
        ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.500000"),
        ("2017-01-01T00:59:60+01:00", "2017-01-01T00:00:00"),
        ("2016-12-31 18:59:60-05:00", "2017-01-01T00:00:00"),
        ("2015-06-30T23:59:60Z", "2015-07-01T00:00:00"),
    ],
)
def test_a_leap_second_is_the_moment_after_it(sent: str, meant: str) -> None:
    assert moment(sent).astimezone(UTC) == datetime.fromisoformat(meant).replace(tzinfo=UTC)


def test_a_time_of_an_address_is_told_in_utc() -> None:
    assert asked("2026-11-28T02:44 01:00") == datetime(2026, 11, 28, 1, 44, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "2026-11-28", "2026-11-28T02:44", "1899-12-31T23:59Z", "9999-12-31T23:00-09:00", "yesterday"]
)
def test_what_is_no_time_with_its_offset_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        asked(text)
