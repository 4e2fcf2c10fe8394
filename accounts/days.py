"""Days that people name and the instants that they end at, in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta


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
