from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.templatetags import ui


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (588.4, "588"),
        (1234.5, "1,234"),
        (18.64, "18.6"),
        (2.613, "2.61"),
        (0.305, "0.305"),
        (-80.2, "−80.2"),
        (5.0, "5"),
        (100.0, "100"),
        (99.93, "99.93"),
        (99.999, "99.999"),
        (99.99999, "99.9999"),
        (0.00002, "2e−05"),
        (float("nan"), "?"),
    ],
)
def test_plain_figures(value: float, expected: str) -> None:
    assert ui.plain(value) == expected


def test_a_figure_carries_its_unit() -> None:
    assert ui.figure(588, "ms") == '588 <span class="dim">ms</span>'
    assert ui.figure(104, "count") == "104"
    assert ui.figure(None, "ms") == '<span class="dim">—</span>'


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=2), "2 min"),
        (timedelta(hours=30), "30 h"),
        (timedelta(days=41), "41 d"),
        (timedelta(seconds=-5), "0 s"),
    ],
)
def test_spans_in_their_largest_sensible_unit(length: timedelta, expected: str) -> None:
    assert ui.span(length) == expected


def test_times_are_for_machines_too() -> None:
    moment = datetime(2026, 3, 2, 14, 5, tzinfo=UTC)
    assert ui.time(moment, "%H:%M") == ('<time datetime="2026-03-02T14:05:00+00:00" title="2026-03-02 14:05:00 UTC">14:05</time>')
    assert ui.time(moment.replace(year=1999), "%-d %b %H:%M").endswith(">2 Mar 1999 14:05</time>")
    now = timezone.now()
    assert ui.time(now, "%-d %b").endswith(f">{now:%-d %b}</time>")
    assert ui.time(None) == '<span class="dim">—</span>'


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [(Decimal(24000), "USD", "$24,000"), (Decimal("-10.5"), "EUR", "−€10.50"), (Decimal(3), "CHF", "CHF 3"), (None, "USD", "—")],
)
def test_money(amount: Decimal | None, currency: str, expected: str) -> None:
    assert ui.money(amount, currency) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**b**", "<p><strong>b</strong></p>\n"),
        ("<script>x</script>", "<p>&lt;script&gt;x&lt;/script&gt;</p>\n"),
        ("[a](javascript:x)", "<p>[a](javascript:x)</p>\n"),
        ("![a](https://x.example/a.png)", '<p>!<a href="https://x.example/a.png">a</a></p>\n'),
    ],
)
def test_markdown_is_safe(text: str, expected: str) -> None:
    assert ui.markdown(text) == expected


def test_icons_come_from_the_sprite() -> None:
    assert ui.icon("check") == '<svg class="i " aria-hidden="true"><use href="/static/icons.svg#tabler-check"></use></svg>'


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (timedelta(), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(seconds=172), "2 min 52 s"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=1, seconds=5), "1 h"),
        (timedelta(hours=36, minutes=1), "36 h 1 min"),
        (timedelta(days=3, hours=4, minutes=5), "3 d 4 h"),
        (timedelta(seconds=-5), "0 s"),
    ],
)
def test_exact_lengths_in_their_two_largest_units(length: timedelta, expected: str) -> None:
    assert ui.exact(length) == expected
