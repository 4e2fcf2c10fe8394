"""How often a KPI is reviewed, as a recurrence rule (RFC 5545, `FREQ=MONTHLY`). Pure."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

from dateutil.rrule import rrulestr

from accounts.days import EARLIEST_DAY

SOON = timedelta(days=7)
"""How long before its day a review is due."""

CHOICES = {
    "FREQ=WEEKLY": "every week",
    "FREQ=WEEKLY;INTERVAL=2": "every two weeks",
    "FREQ=MONTHLY": "every month",
    "FREQ=MONTHLY;INTERVAL=3": "every three months",
    "FREQ=MONTHLY;INTERVAL=6": "every six months",
    "FREQ=YEARLY": "every year",
}
_PARTS = {
    "FREQ": re.compile(r"WEEKLY|MONTHLY|YEARLY"),
    "INTERVAL": re.compile(r"[1-9]\d?"),
    "BYDAY": re.compile(r"[+-]?[1-5]?(MO|TU|WE|TH|FR|SA|SU)(,[+-]?[1-5]?(MO|TU|WE|TH|FR|SA|SU))*"),
    "BYMONTHDAY": re.compile(r"(-1|[1-9]|[12]\d|3[01])(,(-1|[1-9]|[12]\d|3[01]))*"),
    "BYMONTH": re.compile(r"([1-9]|1[0-2])(,([1-9]|1[0-2]))*"),
    "BYSETPOS": re.compile(r"-?[1-5]"),
}


class BadRhythm(ValueError):
    """A rule that no review can follow, with what is wrong about it."""


def check(rule: str, first: date) -> None:
    """Raise BadRhythm for a rule that is none, that ends, or that never comes."""
    seen = set()
    for part in rule.split(";"):
        name, _, value = part.partition("=")
        if name not in _PARTS or name in seen:
            raise BadRhythm(f"{part!r} is not used here: write it like FREQ=MONTHLY or FREQ=MONTHLY;BYDAY=1MO.")
        if not _PARTS[name].fullmatch(value):
            raise BadRhythm(f"{value!r} is no {name}: weekly, monthly or yearly, such as FREQ=MONTHLY;INTERVAL=3.")
        seen.add(name)
    if "FREQ" not in seen:
        raise BadRhythm("Say how often: FREQ=WEEKLY, FREQ=MONTHLY or FREQ=YEARLY.")
    if "FREQ=WEEKLY" in rule and seen - {"FREQ", "INTERVAL", "BYDAY"}:
        raise BadRhythm("A weekly review is told by INTERVAL and BYDAY alone.")
    if first < EARLIEST_DAY:
        raise BadRhythm("The first review is not before the year 2000.")
    try:
        comes = following(rule, first, first)
    except ValueError as error:
        raise BadRhythm(f"{rule!r} is not a rule: {error}.") from error
    if comes is None:
        raise BadRhythm(f"{rule!r} names a day that never comes.")


def following(rule: str, first: date, day: date) -> date | None:
    """The first review after a day; the first of all is on `first`, whatever the rule says."""
    if day < first:
        return first
    found = rrulestr(rule, dtstart=datetime.combine(first, time())).after(datetime.combine(day, time()))
    return found.date() if found else None


def read(text: str) -> str:
    """The rule that a person means: by its words (`every month`), or the rule itself. `check` says whether it is one."""
    said = " ".join(text.split())
    return next((rule for rule, word in CHOICES.items() if word == said.lower()), said.upper())


def words(rule: str) -> str:
    """The rhythm as people say it; a rule that has no words of its own as it is."""
    return CHOICES.get(rule, rule)
