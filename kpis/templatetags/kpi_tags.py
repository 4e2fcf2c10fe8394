"""Status chips, way bars, sparklines: server-rendered, with attributes only. Colour never stands alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from accounts.days import last_day
from accounts.templatetags.ui import dated, exact, icon, percent, plain
from kpis import headlines
from kpis.drawing import segments, spark, way
from kpis.entering import KINDS
from kpis.models import KPI, Decision, Target, Waiver
from kpis.reductions import raw_figure
from kpis.rows import way_of
from kpis.standing import Standing
from kpis.waivers import SOON

register = template.Library()

LOOKS = {
    "met": ("circle-check", "Met"),
    "on_track": ("trending-up", "On track"),
    "behind": ("hourglass", "Behind"),
    "breached": ("alert-octagon", "Breached"),
    "waived": ("shield-half", "Waived"),
    "stale": ("history", "Stale"),
    "no_target": ("circle", "No target"),
    "no_data": ("circle-dashed", "No data"),
}


@register.simple_tag
def status_chip(status: str, waived_until: datetime | None = None, filled: bool = False) -> SafeString:
    """Icon and word; a waiver stands beside the measured status, never instead of it."""
    chip = _chip(str(status), filled or status == "breached")
    if waived_until is None:
        return chip
    until = dated(last_day(waived_until), "%-d %b")
    return format_html('{} <span class="st s-waived">{}waived until {}</span>', chip, icon("shield-half"), until)


@cache
def _chip(status: str, filled: bool) -> SafeString:
    name, word = LOOKS[status]
    return format_html('<span class="st s-{}{}">{}{}</span>', status, " fill" if filled else "", icon(name), word)


ALERT_LOOKS = {
    "pending": ("hourglass", "behind", "Pending"),
    "firing": ("flame", "breached", "Firing"),
    "acknowledged": ("bell-check", "waived", "Acknowledged"),
    "resolved": ("circle-check", "met", "Resolved"),
}


@register.simple_tag
def alert_chip(state: str, filled: bool = False) -> SafeString:
    """Icon and word of an alert's state."""
    name, look, word = ALERT_LOOKS[str(state)]
    return format_html(
        '<span class="st s-{}{}">{}{}</span>', look, " fill" if filled or state == "firing" else "", icon(name), word
    )


SEVERITY_LOOKS = {"low": "dim", "medium": "t-stale", "high": "t-behind", "critical": "t-breached"}


@register.simple_tag
def severity(name: str) -> SafeString:
    return format_html('<b class="{}">{}</b>', SEVERITY_LOOKS[str(name)], name)


@register.filter
def lasted(begun: datetime | None, ended: datetime | None = None) -> str:
    """How long something took, or takes since."""
    return "—" if begun is None else exact((ended or timezone.now()) - begun)


@register.filter
def span_words(value: timedelta | None) -> str:
    return "—" if value is None else exact(value)


@register.simple_tag
def waiver_chip(waiver: Waiver) -> SafeString:
    """Where a waiver stands now: waits, counts, ends soon, lapsed, ended early, refused."""
    now, filled = timezone.now(), ""
    if waiver.decision == Decision.PROPOSED:
        look = ("behind", "hourglass", "Waits for approval") if waiver.expires_at > now else ("plain", "clock", "Never decided")
    elif waiver.decision != Decision.APPROVED:
        look = ("plain", "x", waiver.get_decision_display().capitalize())
    elif waiver.expires_at <= now:
        look = ("plain", "player-stop", "Ended early") if waiver.ended_by_id else ("stale", "shield-x", "Lapsed")
    else:
        soon = waiver.expires_at <= now + SOON
        look, filled = ("waived", "shield-half", "Ends soon" if soon else "Counts now"), " fill" if soon else ""
    return format_html('<span class="st s-{}{}">{}{}</span>', look[0], filled, icon(look[1]), look[2])


TRACK = mark_safe(
    '<rect class="w-bad" x="0" y="9" width="36" height="4"/><rect class="w-mid" x="36" y="9" width="128" height="4"/>'
    '<rect class="w-good" x="164" y="9" width="36" height="4"/>'
)
BASE = mark_safe('<rect class="w-base" x="35" y="4" width="1.5" height="14"/>')
END = mark_safe('<rect class="w-target" x="163" y="4" width="2" height="14"/>')


@register.simple_tag
def way_bar(standing: Standing) -> SafeString:
    """From the baseline towards the target; dashed and empty, without good and bad, where there is no way; hatched when stale."""
    share = way_of(standing)
    if share is None:
        return _no_way(standing)
    drawn = way(share, standing.asked)
    if standing.status == "stale":
        fill = f'<path class="w-hatch" d="M{drawn.fill_x} 11h{drawn.fill_width}"/>'
    else:
        fill = f'<rect class="w-fill" x="{drawn.fill_x}" y="7" width="{drawn.fill_width}" height="8"/>'
    mark = f'<rect class="w-mark" x="{drawn.mark_x - 2}" y="4" width="4" height="14"/>'
    ask = f'<path class="w-ask" d="M{drawn.ask_x - 4} 22l4 -5l4 5z"/>' if drawn.ask_x is not None else ""
    return mark_safe(  # noqa: S308 - numbers only
        f'<svg class="way s-{standing.status}" viewBox="0 0 200 22" preserveAspectRatio="none" role="img"'
        f' aria-label="{percent(share)} of the way">{TRACK}{fill}{BASE}{END}{mark}{ask}</svg>'
    )


def _no_way(standing: Standing) -> SafeString:
    """A dashed line, with a tick only for the end that is stated."""
    lacks = {"nothing measured": standing.actual, "no target in force": standing.goal, "no baseline stated": standing.baseline}
    return format_html(
        '<svg class="way s-{}" viewBox="0 0 200 22" preserveAspectRatio="none" role="img" aria-label="no way to draw: {}">'
        '<rect class="w-none" x="36" y="9" width="128" height="4"/>{}{}</svg>',
        standing.status,
        ", ".join(word for word, found in lacks.items() if found is None),
        "" if standing.baseline is None else BASE,
        "" if standing.goal is None else END,
    )


@register.simple_tag
def sparkline(points: Sequence[tuple[datetime, float]], standing: Standing) -> SafeString:
    current = (standing.at, standing.actual) if standing.at and standing.actual is not None else None
    drawn = spark(points or (), standing.target.value if standing.target else None, current)
    if drawn is None:
        return mark_safe('<span class="dim xs">—</span>')
    target = f'<line x1="0" x2="100" y1="{drawn.target_y}" y2="{drawn.target_y}"/>' if drawn.target_y is not None else ""
    label = f"from {plain(points[0][1])} to {plain(current[1] if current else points[-1][1])}"
    return mark_safe(  # noqa: S308 - numbers only
        f'<svg class="spark s-{standing.status}" viewBox="0 0 104 26" role="img" aria-label="{label}">'
        f'{target}<path d="{drawn.path}"/><circle cx="{drawn.last_x}" cy="{drawn.last_y}" r="2.8"/></svg>'
    )


@register.simple_tag
def status_bar(counts: dict[str, int], base: str = "") -> SafeString:
    """All statuses side by side, each counted apart, and their key; with `base`, each leads to the page filtered by it."""
    order = {name: counts.get(name, 0) for name in LOOKS}
    bars = format_html_join(
        "", '<g class="s-{}"><rect x="{}" y="1" width="{}" height="10" rx="2"/></g>',
        ((part.name, part.x, part.width) for part in segments(order)),
    )  # fmt: skip
    shown = [(name, icon(LOOKS[name][0]), LOOKS[name][1], count) for name, count in order.items() if count]
    if base:
        link = '<a href="{}?show={}"><span class="st s-{}">{}{}</span> {}</a>'
        key = format_html_join("", link, ((base, name, name, *more) for name, *more in shown))
    else:
        key = format_html_join("", '<span class="it"><span class="st s-{}">{}{}</span> {}</span>', shown)
    return format_html(
        '<svg class="seg" viewBox="0 0 1000 12" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
        '<div class="legend">{}</div>',
        bars, key,
    )  # fmt: skip


SIGNS = {"<=": "≤", ">=": "≥"}


@register.filter
def commitment(target: Target) -> str:
    """A target without its unit: `< 500`, `≥ 99.9`."""
    return f"{SIGNS.get(target.comparator, target.comparator)} {plain(target.value)}"


@register.filter
def of(found: Mapping[Any, Any], key: object) -> Any:
    """What a mapping holds for a key, or nothing."""
    return found.get(key)


@register.filter
def since(moment: datetime) -> str:
    """The day, with the time where it was today or yesterday."""
    return dated(moment, "%-d %b %H:%M" if (timezone.now() - moment).days < 2 else "%-d %b")


@register.filter
def signed(value: float) -> str:
    """A change with its sign."""
    return f"+{plain(value)}" if value > 0 else plain(value)


@register.filter
def change_percent(share: float | None) -> str:
    """A relative change with its sign, in percent."""
    return "—" if share is None else f"{signed(round(share * 100, 1))} %"


@register.filter
def as_raw(value: float | None, kpi: KPI) -> float | None:
    """The raw figure behind a reduction."""
    if value is None or kpi.reference is None:
        return None
    return raw_figure(value, reference=kpi.reference, unit=kpi.unit)


ORIGINS = {"run": ("/runs/{}/", "run {}"), "incident": ("/alerts/{}/", "alert {}"), "result": ("/results/{}/", "CI result {}")}
SOURCES = {"api": "the API, token {}", "manual": "hand, by {}", "file": "a file, by {}"}


@register.simple_tag
def origin(text: str, kpi: KPI | None = None) -> SafeString:
    """Where a figure came from: a link to the run, the CI result or (with its KPI) what a person brought, or words."""
    kind, _, rest = text.partition(":")
    if kind in ORIGINS and rest:
        url, word = ORIGINS[kind]
        return format_html('<a class="lk" href="{}">{}</a>', url.format(rest), word.format(rest[:8]))
    if kind in KINDS and ":" in rest:
        words = SOURCES[kind].format(rest.partition(":")[0])
        return format_html('<a class="lk" href="{}">{}</a>', entry_url(kpi, text), words) if kpi else format_html("{}", words)
    return format_html("{}", SOURCES[kind].format(rest) if kind in SOURCES and rest else text or "not stated")


def entry_url(kpi: KPI, text: str) -> str:
    return reverse("kpis:entry-detail", args=[kpi.scorecard.slug, kpi.key, text])


@register.simple_tag
def submission_headline(document: Mapping[str, Any]) -> str:
    return headlines.submission_headline(document)
