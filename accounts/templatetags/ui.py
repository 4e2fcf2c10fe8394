"""What every page needs: icons, figures with their unit, ages, times, money, a safe subset of Markdown."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

from accounts.days import ends

register = template.Library()

MARKDOWN = MarkdownIt("js-default", {"html": False, "linkify": False}).disable("image")
MINUS = "−"
CURRENCIES = {"USD": "$", "EUR": "€", "GBP": "£"}


@register.simple_tag
@cache
def icon(name: str, classes: str = "") -> SafeString:
    """An outline icon out of the sprite; it carries no meaning of its own, the word beside it does."""
    return format_html(
        '<svg class="i {}" aria-hidden="true"><use href="{}#tabler-{}"></use></svg>', classes, static("icons.svg"), name
    )


def plain(value: float) -> str:
    """A figure as people read it: three significant digits, thousands by comma, a true minus sign."""
    if not math.isfinite(value):
        return "?"
    size = abs(value)
    if 90 < size < 100:  # a share close to the whole is told by what it lacks, and never rounded up to it
        digits = 2 if size <= 99.99 else 4
        return f"{math.trunc(value * 10**digits) / 10**digits:g}".replace("-", MINUS)
    if size and (size >= 1e9 or size < 1e-4):
        text = f"{value:.3g}"
    else:
        digits = 0 if size >= 100 or value == int(value) else 1 if size >= 10 else 2 if size >= 1 else 3
        text = f"{value:,.{digits}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
    return text.replace("-", MINUS)


UNIT_WORDS = {"count": "", "score": "of 5", "1/s": "req/s", "us": "µs"}


def unit_word(unit: str) -> str:
    return UNIT_WORDS.get(unit, unit)


def figure_words(value: float, unit: str) -> str:
    """A figure with its unit as plain text."""
    return f"{plain(value)} {unit_word(unit)}".rstrip()


@register.filter
def figure(value: float | None, unit: str = "") -> SafeString:
    """A figure with its unit in grey; a dash where there is none."""
    if value is None:
        return mark_safe('<span class="dim">—</span>')
    word = unit_word(unit)
    return format_html('{} <span class="dim">{}</span>', plain(value), word) if word else format_html("{}", plain(value))


@register.filter
def plain_figure(value: float | None) -> str:
    return "—" if value is None else plain(value)


@register.filter
def unit(value: str) -> str:
    return unit_word(value)


@register.filter
def percent(value: float | None) -> str:
    """A share as a whole percentage."""
    return "—" if value is None else f"{value * 100:.0f} %".replace("-", MINUS)


def span(length: timedelta) -> str:
    """A length of time in its largest sensible unit."""
    seconds = max(0, int(length.total_seconds()))
    for size, word in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size * (2 if word == "d" else 1):
            return f"{seconds // size} {word}"
    return f"{seconds} s"


@register.filter
def age(moment: datetime | None) -> str:
    """How long ago; a dash where it never was."""
    return "—" if moment is None else span(timezone.now() - moment)


def exact(length: timedelta) -> str:
    """A length of time in its two largest units, the second one only where there is some of it: 2 min 52 s."""
    left = max(0, int(length.total_seconds()))
    parts: list[tuple[int, str]] = []
    for size, word in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if parts or left >= size * (2 if word == "d" else 1):
            parts.append((left // size, word))
            left %= size
    return " ".join(f"{number} {word}" for number, word in parts[:2] if number) or "0 s"


@register.filter
def seconds(value: float | None) -> str:
    return "—" if value is None else exact(timedelta(seconds=value))


def dated(moment: date, form: str) -> str:
    """A day or time in a form that names its month, with the year where that is another one than now."""
    if "%b" in form and "%Y" not in form and moment.year != timezone.now().year:
        form = form.replace("%b", "%b %Y")
    return f"{moment:{form}}"


@register.simple_tag
def time(moment: datetime | date | None, form: str = "") -> SafeString:
    """A time for people and machines, in UTC."""
    if moment is None:
        return mark_safe('<span class="dim">—</span>')
    if not isinstance(moment, datetime):
        return format_html('<time datetime="{}">{}</time>', moment.isoformat(), f"{moment:%-d %b %Y}")
    shown = dated(moment, form or "%-d %b %Y %H:%M:%S")
    return format_html('<time datetime="{}" title="{} UTC">{}</time>', moment.isoformat(), f"{moment:%Y-%m-%d %H:%M:%S}", shown)


@register.simple_tag
def until(moment: datetime) -> SafeString:
    """When something ends: its last day, and the time where that is not the end of the day."""
    return format_html('<time datetime="{}" title="{} UTC">{}</time>', moment.isoformat(), f"{moment:%Y-%m-%d %H:%M:%S}", ends(moment))  # fmt: skip  # noqa: E501


@register.filter
def money(amount: Decimal | None, currency: str = "USD") -> str:
    """An amount with its currency, without cents where there are none."""
    if amount is None:
        return "—"
    sign = CURRENCIES.get(currency, f"{currency} ")
    text = f"{abs(amount):,.0f}" if amount == amount.to_integral_value() else f"{abs(amount):,.2f}"
    return f"{MINUS if amount < 0 else ''}{sign}{text}"


@register.filter
def markdown(text: str) -> SafeString:
    """Markdown without HTML and images; links only to http, https and mailto."""
    return mark_safe(MARKDOWN.render(text or ""))  # noqa: S308 - the parser escapes all HTML


@register.filter
def add_px(value: float, more: float) -> float:
    """A coordinate, moved."""
    return round(value + more, 1)


@register.filter
def initials(name: object) -> str:
    words = str(name).split()
    return "".join(word[0] for word in words[:2]).upper() or "?"


SECTIONS = {
    "overview": "overview",
    "roi": "roi",
    "risks": "risks",
    "scorecard": "scorecard",
    "kpi": "scorecard",
    "alert": "alerts",
    "channel": "alerts",
    "silence": "alerts",
    "rule": "alerts",
    "target": "scorecard",
    "entry": "scorecard",
    "submission": "results",
    "service": "services",
    "probe": "services",
    "run": "services",
    "activity": "activity",
    "approval": "approvals",
    "waiver": "approvals",
    "roadmap": "roadmap",
    "phase": "roadmap",
}


@register.simple_tag
def nav_count(section: str, count: int, *, oob: bool = False) -> SafeString:
    """How many wait, as the link of a section says it. With none it is empty but there, so that `oob` finds what it renews."""
    swapped = mark_safe(' hx-swap-oob="true"') if oob else ""
    told = format_html('{}<span class="vh"> waiting</span>', count) if count else ""
    return format_html('<span class="n hot" id="nav-{}"{}>{}</span>', section, swapped, told)


@register.simple_tag(takes_context=True)
def nav_link(
    context: template.Context, section: str, url: str, name: str, word: str, classes: str = "", count: int | None = None
) -> SafeString:
    """A link of the navigation, marked as the current one by the noun that the page's URL name begins with."""
    request = context.get("request")
    match = getattr(request, "resolver_match", None)
    noun = (match.url_name or "").split("-")[0] if match else ""
    current = mark_safe(' aria-current="page"') if SECTIONS.get(noun) == section else ""
    told = "" if count is None else nav_count(section, count)
    return format_html('<a href="{}" class="{}"{}>{}{}{}</a>', url, classes, current, icon(name), word, told)
