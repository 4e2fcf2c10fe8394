"""Days that people name and the instants that they begin and end at, in UTC; times as they are written."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

EARLIEST_DAY, LATEST_DAY = date(2000, 1, 1), date(2099, 12, 31)
"""Between them lies what people plan and measure: whatever is outside is a typing error."""

_LEAP = re.compile(r"^(.*[T ]\d\d:\d\d:)60((?:[.,]\d+)?)(Z|[+-]\d\d:?\d\d)$")


def day_start(day: date) -> datetime:
    """The midnight that a day begins with."""
    return datetime.combine(day, time(), UTC)


def day_end(day: date) -> datetime:
    """The instant at which a day is over: the midnight after it, where the calendar has one."""
    if day == date.max:
        return datetime.max.replace(tzinfo=UTC)
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def last_day(moment: datetime) -> date:
    """The day that is over at a moment, or that it lies in."""
    return (moment - timedelta(microseconds=1)).date()


def ends(moment: datetime) -> str:
    """When something ends, as people write it: the last day, and the time where that is not the end of the day."""
    day = f"{last_day(moment):%-d %b %Y}"
    return day if moment.time() == time() else f"{day} {moment:%H:%M}"


def moment(text: str) -> datetime:
    """An ISO 8601 time with its offset from UTC. Raises ValueError.

    A leap second (`:60`, at the end of a UTC month only) is the moment after it, as POSIX time has it.
    """
    if ":60" in text and (leap := _LEAP.match(text)):
        after = moment(f"{leap[1]}59{leap[2]}{leap[3]}") + timedelta(seconds=1)
        if f"{after.astimezone(UTC):%d %H:%M:%S}" != "01 00:00:00":
            raise ValueError("a leap second ends a month, in UTC")
        return after
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time has an offset from UTC")
    return at


def asked(text: str) -> datetime:
    """A time of an address, in UTC. Raises ValueError."""
    try:
        at = moment(text.replace(" ", "+")).astimezone(UTC)  # a plus sign in a query string arrives as a space
    except OverflowError as error:
        raise ValueError("outside of the calendar") from error
    if not 1900 <= at.year < 9999:
        raise ValueError("a year at the end of the calendar leaves no room to reckon with")
    return at
