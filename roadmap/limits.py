"""How far a plan may reach, in its file as in its rows: what lies outside is a typing error. Pure."""

from __future__ import annotations

from datetime import date

from accounts.days import EARLIEST_DAY, LATEST_DAY

LONGEST_WEEKS = 520
MOST_PHASES = 1_000
DAYS = f"a day from {EARLIEST_DAY} to {LATEST_DAY}"


def is_day(day: date) -> bool:
    """Whether a plan can name that day: it is one of `DAYS`."""
    return EARLIEST_DAY <= day <= LATEST_DAY
