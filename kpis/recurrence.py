"""When planned quiet holds: once, or again and again by an RFC 5545 rule, in the time of a place. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

OFTEN = ("DAILY", "WEEKLY", "MONTHLY")
PARTS = {"FREQ", "INTERVAL", "UNTIL", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS", "WKST"}
YEARS = timedelta(days=3653)
"""Nothing is planned further away, and no rule followed further from its start: one that never fits must not be looked for
without end."""

LONGEST = timedelta(days=31)
MOST_COMPARED = 400


class BadRecurrence(ValueError):
    """A rule that cannot be followed, in words."""


@dataclass(frozen=True)
class Window:
    """From `starts_at` to `ends_at`, and again by `rule` (`FREQ=WEEKLY;BYDAY=SA`), at the same time of day in `zone`."""

    starts_at: datetime
    ends_at: datetime
    rule: str = ""
    zone: str = "UTC"

    @property
    def length(self) -> timedelta:
        return self.ends_at - self.starts_at

    def covering(self, at: datetime) -> tuple[datetime, datetime] | None:
        """The occurrence that holds at a time, its end excluded."""
        found = [one for one in self.between(at, at) if one[0] <= at < one[1]]
        return max(found, key=lambda one: one[1]) if found else None

    def coming(self, now: datetime) -> list[tuple[datetime, datetime]]:
        """The occurrences that hold or come next, at most three, however far off."""
        return [one for one in self.between(now, now + YEARS, most=3) if one[1] > now]

    def between(self, start: datetime, end: datetime, *, most: int = 200) -> list[tuple[datetime, datetime]]:
        """Occurrences that touch a span of time, oldest first, at most so many."""
        if not self.rule:
            return [(self.starts_at, self.ends_at)] if self.starts_at <= end and self.ends_at >= start else []
        place = ZoneInfo(self.zone)
        first = self.starts_at.astimezone(place).replace(tzinfo=None)
        after = (start - self.length).astimezone(place).replace(tzinfo=None) - timedelta(hours=3)
        until = end.astimezone(place).replace(tzinfo=None) + timedelta(hours=3)
        found: list[tuple[datetime, datetime]] = []
        for local in parsed(self.rule, first, place).xafter(after, inc=True):
            if local > until or len(found) >= most:
                break
            begin = local.replace(tzinfo=place).astimezone(UTC)
            if begin <= end and begin + self.length >= start:
                found.append((begin, begin + self.length))
        return found


def faults(window: Window, now: datetime) -> dict[str, str]:
    """What is wrong with planned time, by field."""
    if abs(window.starts_at - now) > YEARS:
        return {"starts_at": "It begins within ten years of today."}
    errors: dict[str, str] = {}
    if window.ends_at <= window.starts_at:
        errors["ends_at"] = "It ends after it begins."
    elif window.length > LONGEST:
        errors["ends_at"] = f"At most {LONGEST.days} days at a time."
    elif not window.rule and window.ends_at <= now:
        errors["ends_at"] = "It ends in the future."
    try:
        place = ZoneInfo(window.zone)
    except (KeyError, ValueError, OSError):
        return errors | {"zone": "Write a time zone such as Europe/Berlin."}
    if window.rule:
        try:
            parsed(window.rule, window.starts_at.astimezone(place).replace(tzinfo=None), place)
        except BadRecurrence as error:
            return errors | {"rule": str(error)}
        if not errors and _overlaps(window, now):
            errors["ends_at"] = (
                "It begins again before it ends, and so would never end: end it sooner, or let it repeat less often."
            )
        if not errors and not window.between(now, now + timedelta(days=400), most=1):
            errors["rule"] = "It never holds in the next year."
    return errors


def _overlaps(window: Window, now: datetime) -> bool:
    """Whether one occurrence begins before the last one has ended, in the year to come."""
    start = max(window.starts_at, now)
    found = window.between(start, start + timedelta(days=400), most=MOST_COMPARED)
    return any(later[0] <= one[1] for one, later in pairwise(found))


def parsed(rule: str, first: datetime, place: ZoneInfo) -> rrule:
    """The rule, beginning at a local time of a place. `UNTIL` is told in UTC (`…Z`) or in that time; a day is meant wholly.
    Raises BadRecurrence."""
    parts = dict(part.partition("=")[::2] for part in rule.upper().removeprefix("RRULE:").split(";") if part)
    if parts.get("FREQ") not in OFTEN:
        raise BadRecurrence(f"FREQ is one of {', '.join(OFTEN)}.")
    if unknown := sorted(parts.keys() - PARTS):
        raise BadRecurrence(f"{unknown[0]} has no place here; use {', '.join(sorted(PARTS))}.")
    if "UNTIL" in parts:
        parts["UNTIL"] = _until(parts["UNTIL"], place)
    if not parts.get("INTERVAL", "1").isdecimal() or int(parts.get("INTERVAL", "1")) < 1:
        raise BadRecurrence("INTERVAL is a whole number, from 1 on.")
    try:
        found = rrulestr(";".join(f"{name}={value}" for name, value in parts.items()), dtstart=first)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise BadRecurrence(f"This is not a recurrence rule (RFC 5545): {error}") from error
    if not isinstance(found, rrule):
        raise BadRecurrence("One rule, without exceptions.")
    ends: datetime | None = getattr(found, "_until", None)
    return found.replace(until=min(ends or first + YEARS, first + YEARS))


def _until(text: str, place: ZoneInfo) -> str:
    """The last moment in the time of the place."""
    try:
        if len(text) == 8:
            return f"{datetime.strptime(text, '%Y%m%d').replace(tzinfo=place):%Y%m%dT235959}"
        at = datetime.strptime(text.removesuffix("Z"), "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        return f"{at.astimezone(place):%Y%m%dT%H%M%S}" if text.endswith("Z") else text
    except (ValueError, OverflowError) as error:
        raise BadRecurrence("UNTIL is a day or time such as 20261231 or 20261231T220000Z.") from error


def quiet_until(at: datetime, begins: time, ends: time, zone: str) -> datetime | None:
    """When the quiet hours that hold at a time end; None outside of them. They may pass midnight."""
    place = ZoneInfo(zone)
    local = at.astimezone(place)
    inside = begins <= local.time() < ends if begins < ends else not ends <= local.time() < begins
    if not inside or begins == ends:
        return None
    day = local.date() if local.time() < ends else local.date() + timedelta(days=1)
    return datetime.combine(day, ends, place).astimezone(UTC)
