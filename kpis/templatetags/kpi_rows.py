"""Rows of tables that list a hundred KPIs: written out here, since the template language takes ten times as long for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from html import escape

from django import template
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from accounts.templatetags.ui import age, icon, initials, percent, plain_figure, unit_word
from kpis.gaps import Gap
from kpis.models import KPI
from kpis.rows import Row
from kpis.sparklines import Sparkline
from kpis.standing import Standing
from kpis.templatetags.kpi_tags import commitment, since, sparkline, status_chip, way_bar

register = template.Library()

Page = Callable[[KPI], str]

NONE = '<span class="dim xs">none</span>'
NO_RHYTHM = '<span class="dim">no rhythm</span>'


@register.simple_tag
def kpi_rows(rows: Iterable[Row], lines: Mapping[int, Sparkline]) -> SafeString:
    """KPIs of a scorecard: figure, way, course, status, age and owner, a row each."""
    page = _pages()
    return mark_safe("".join(_row(row, lines.get(row.standing.kpi.pk, []), page) for row in rows))  # noqa: S308 - escaped below


@register.simple_tag
def gap_rows(gaps: Iterable[Gap]) -> SafeString:
    """What KPIs lack, and where their reviews stand, a row each."""
    page = _pages()
    return mark_safe("".join(_gap(gap, page) for gap in gaps))  # noqa: S308 - escaped below


def _row(row: Row, line: Sparkline, page: Page) -> str:
    one = row.standing
    kpi, target = one.kpi, one.target
    source, unit = escape(row.source) or "no probe or feed yet", escape(unit_word(one.unit))
    reported = " · as reported" if one.reported else ""
    return (
        f'<tr><td><a class="name" id="kpi-{kpi.key}" href="{page(kpi)}">{escape(kpi.name)}</a>'
        f'<span class="sub">{source}</span></td>'
        f'<td class="num"><b>{plain_figure(one.actual)}</b><span class="sub">{unit}{reported}</span></td>'
        f'<td class="num dim hide-s">{_baseline(one)}</td><td class="wy">{way_bar(one)}</td>'
        f'<td class="nw b hide-s">{escape(commitment(target)) if target else NONE}</td>'
        f'<td class="num mid hide-s">{percent(row.way)}</td><td class="hide-s">{sparkline(line, one)}</td>'
        f'<td class="stc nw">{_status(one)}</td><td class="num-s nw">{_age(one)}</td></tr>\n'
    )


def _pages() -> Page:
    """The address of a KPI's page; that of its scorecard is looked up once."""
    scorecard = cache(lambda slug: reverse("kpis:kpi-detail", args=[slug, "-"]).removesuffix("-/"))
    return lambda kpi: f"{scorecard(kpi.scorecard.slug)}{kpi.key}/"


def _baseline(one: Standing) -> str:
    if one.baseline is not None:
        return plain_figure(one.baseline)
    stated = one.target.baseline_stated if one.target else ""
    return f'<span class="xs">{escape(stated) or "not stated"}</span>'


def _status(one: Standing) -> str:
    told: str = status_chip(one.status, waived_until=one.waived_until)
    if one.since:
        told += f'<span class="sub">since {since(one.since)}</span>'
    if one.waived_subjects:
        told += f'<span class="sub t-waived">without {escape(", ".join(one.waived_subjects))}, waived</span>'
    return told


def _age(one: Standing) -> str:
    told = f'<span class="{"t-stale b" if one.status == "stale" else "mid"}">{age(one.at)}</span>'
    if one.kpi.owner is None:
        return told
    owner = one.kpi.owner
    return f'{told} <span class="av" title="{escape(str(owner))}">{escape(initials(owner))}</span>'


def _gap(gap: Gap, page: Page) -> str:
    kpi = gap.standing.kpi
    lacks = f'<td><span class="st s-behind">{icon("x")}none</span></td>'
    there = f'<td><span class="dim">{icon("check")}<span class="vh">there</span></span></td>'
    cells = "".join(lacks if missing else there for missing in gap.columns)
    review = render_to_string("kpis/_due.html", {"review": gap.review}) if gap.review.due_on else NO_RHYTHM
    return f'<tr><td class="name"><a href="{page(kpi)}">{escape(kpi.name)}</a></td>{cells}<td class="nw">{review}</td></tr>\n'
