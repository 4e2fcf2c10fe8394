from __future__ import annotations

from decimal import Decimal

import pytest

from roadmap import wording


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (Decimal("24000"), "USD", "$24,000"),
        (Decimal("-10511.50"), "EUR", "−€10,511.50"),
        (Decimal("12"), "CHF", "12 CHF"),
        (None, "USD", "not stated"),
    ],
)
def test_money(amount: Decimal | None, currency: str, text: str) -> None:
    assert wording.money(amount, currency) == text


@pytest.mark.parametrize(("share", "places", "text"), [(0.625, 1, "62.5 %"), (0.5, 1, "50 %"), (-0.1, 0, "−10 %")])
def test_percent(share: float, places: int, text: str) -> None:
    assert wording.percent(share, places) == text


@pytest.mark.parametrize(("number", "text"), [(0, "no risk"), (1, "one risk"), (2, "two risks"), (1300, "1,300 risks")])
def test_count(number: int, text: str) -> None:
    assert wording.count(number, "risk") == text


def test_joined() -> None:
    assert [wording.joined(["a", "b", "c"][:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_hours() -> None:
    assert [wording.hours(value) for value in (Decimal("240.00"), Decimal("10.50"), None)] == ["240 h", "10.5 h", "not stated"]
