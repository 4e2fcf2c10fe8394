from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.recurrence import BadRecurrence, Window, parsed, quiet_until

SATURDAY = datetime(2026, 3, 7, 21, 0, tzinfo=UTC)
NIGHT = Window(SATURDAY, SATURDAY + timedelta(hours=4), "FREQ=WEEKLY;BYDAY=SA", "Europe/Berlin")


def test_weekly_window_keeps_its_local_time_over_the_change_of_clocks() -> None:
    begins = [begin for begin, _ in NIGHT.between(SATURDAY, SATURDAY + timedelta(days=30))]
    assert [begin.hour for begin in begins] == [21, 21, 21, 21, 20]


def test_window_holds_from_its_start_to_its_end() -> None:
    week = timedelta(days=7)
    assert NIGHT.covering(SATURDAY + week) == (SATURDAY + week, SATURDAY + week + timedelta(hours=4))
    assert NIGHT.covering(SATURDAY + week + timedelta(hours=4)) is None
    assert NIGHT.covering(SATURDAY + week - timedelta(seconds=1)) is None


def test_window_without_a_rule_holds_once() -> None:
    once = Window(SATURDAY, SATURDAY + timedelta(hours=1))
    assert once.covering(SATURDAY) == (SATURDAY, SATURDAY + timedelta(hours=1))
    assert once.covering(SATURDAY + timedelta(days=7)) is None


@given(st.integers(-(10**6), 10**7))
def test_what_covers_a_time_is_what_lies_around_it(seconds: int) -> None:
    at = SATURDAY + timedelta(seconds=seconds)
    found = NIGHT.covering(at)
    inside = [one for one in NIGHT.between(at - timedelta(days=8), at + timedelta(days=8)) if one[0] <= at < one[1]]
    assert ([found] if found else []) == inside


@pytest.mark.parametrize(
    "rule",
    [
        "", "nonsense", "FREQ=SECONDLY", "FREQ=HOURLY", "FREQ=DAILY;COUNT=3", "FREQ=DAILY;BYHOUR=3", "FREQ=DAILY;INTERVAL=x",
        "FREQ=DAILY;INTERVAL=0", "DTSTART:20260101T000000\nRRULE:FREQ=DAILY", "FREQ=DAILY\nEXRULE:FREQ=DAILY",
        "FREQ=WEEKLY;BYDAY=XX", "FREQ=DAILY;UNTIL=soon", "FREQ=DAILY;UNTIL=99991231T235959Z0",
    ],
)  # fmt: skip
def test_rule_that_cannot_be_followed_is_refused(rule: str) -> None:
    with pytest.raises(BadRecurrence):
        parsed(rule, datetime(2026, 3, 7, 21, 0), ZoneInfo("UTC"))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("until", "last"),
    [
        ("20260313T230000Z", 13),  # midnight in Berlin: that night's window begins an hour before
        ("20260313T205959Z", 12),  # 21:59:59 in Berlin, a second before it begins
        ("20260313T220000", 13),
        ("20260313T215959", 12),
        ("20260313", 13),
    ],
)
def test_until_is_told_in_utc_or_in_the_time_of_the_place(until: str, last: int) -> None:
    nightly = Window(SATURDAY, SATURDAY + timedelta(hours=4), f"FREQ=DAILY;UNTIL={until}", "Europe/Berlin")
    assert [begin.day for begin, _ in nightly.between(SATURDAY, SATURDAY + timedelta(days=30))][-1] == last


def test_rule_that_never_fits_is_not_looked_for_without_end() -> None:
    never = Window(SATURDAY, SATURDAY + timedelta(hours=1), "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30")
    assert never.covering(SATURDAY) is None


@pytest.mark.parametrize(
    ("at", "ends"),
    [("21:59", None), ("22:00", "06:00"), ("23:30", "06:00"), ("05:59", "06:00"), ("06:00", None), ("12:00", None)],
)
def test_quiet_hours_pass_midnight(at: str, ends: str | None) -> None:
    moment = datetime.combine(SATURDAY.date(), time.fromisoformat(at), UTC)
    found = quiet_until(moment, time(22), time(6), "UTC")
    assert (f"{found:%H:%M}" if found else None) == ends
    assert found is None or timedelta() < found - moment <= timedelta(hours=8)
