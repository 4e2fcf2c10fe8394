"""Figures and facts in words: the sentence on top of each page is computed, never written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
NOT_STATED = "not stated"


def money(amount: Decimal | float | None, currency: str) -> str:
    """−$10,511; cents only where there are any."""
    if amount is None:
        return NOT_STATED
    exact = Decimal(amount).quantize(Decimal("0.01"), ROUND_HALF_UP)
    digits = f"{abs(exact):,.2f}".removesuffix(".00")
    symbol = SYMBOLS.get(currency)
    return f"{'−' if exact < 0 else ''}{symbol or ''}{digits}{'' if symbol else ' ' + currency}"


def whole_money(amount: Decimal | float | None, currency: str) -> str:
    """Rounded to whole units, for figures and sentences."""
    return money(amount if amount is None else Decimal(amount).quantize(Decimal(1), ROUND_HALF_UP), currency)


def percent(share: Decimal | float | None, places: int = 0) -> str:
    """0.625 is 62.5 %, without a trailing zero."""
    if share is None:
        return NOT_STATED
    value = (Decimal(str(share)) * 100).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text.replace('-', '−')} %"


def hours(value: Decimal | None) -> str:
    if value is None:
        return NOT_STATED
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + " h"


def count(number: int, noun: str, nouns: str = "") -> str:
    """one risk, two risks, 19 tasks, no task."""
    word = NUMBERS[number] if number < len(NUMBERS) else f"{number:,}"
    return f"{word} {noun if number in (0, 1) else nouns or noun + 's'}"


def day(value: date | None) -> str:
    return NOT_STATED if value is None else f"{value.day} {value:%b}"


def sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def joined(parts: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def days_in(change: int) -> str:
    """in 11 days, tomorrow, today, 5 days ago."""
    if change in (-1, 0, 1):
        return ("yesterday", "today", "tomorrow")[change + 1]
    return f"in {change} days" if change > 0 else f"{-change} days ago"
