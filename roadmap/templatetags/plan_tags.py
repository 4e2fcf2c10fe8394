"""Check lists as strings (a template include per row costs too much at two thousand rows), and words for figures."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from functools import cache

from django import template
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from accounts.templatetags.ui import dated, icon
from roadmap import wording
from roadmap.drawing.flow import short_money
from roadmap.drawing.timeline import Axis, Bar
from roadmap.reports.phases import PhaseReport
from roadmap.reports.tasks import Person, TaskRow
from roadmap.roi import Realised

register = template.Library()

STATE_LOOKS = {
    "to_do": ("circle", "s-plain", "To do"),
    "in_progress": ("progress", "s-run", "In progress"),
    "blocked": ("hand-stop", "s-behind", "Blocked"),
    "done": ("check", "s-met", "Done"),
    "dropped": ("circle-dashed", "s-nodata", "Dropped"),
}
MOVES = {
    "to_do": (("in_progress", "Start"), ("blocked", "Block"), ("dropped", "Drop")),
    "in_progress": (("to_do", "Not started"), ("blocked", "Block"), ("dropped", "Drop")),
    "blocked": (("in_progress", "Go on"), ("dropped", "Drop")),
    "done": (("in_progress", "Reopen"),),
    "dropped": (("to_do", "Take up again"),),
}
UNTICKED = "to_do"


@cache
def _state_chip(state: str) -> str:
    name, look, word = STATE_LOOKS[state]
    return f'<span class="st {look}">{icon(name)}{word}</span>'


@register.simple_tag
def state_chip(state: str) -> SafeString:
    return mark_safe(_state_chip(state))  # noqa: S308 - built from the table above


@register.simple_tag
def check_list(rows: Iterable[TaskRow], today: date, can_write: bool) -> SafeString:
    """The tasks of a phase as list items. Their buttons belong to the form around the list."""
    return mark_safe("".join(_item(row, today, can_write) for row in rows))  # noqa: S308 - escaped piece by piece


@register.simple_tag
def tick_box(row: TaskRow, can_write: bool) -> SafeString:
    return mark_safe(_tick(row, can_write))  # noqa: S308 - escaped piece by piece


@register.simple_tag
def moves(row: TaskRow) -> SafeString:
    return mark_safe(_moves(row))  # noqa: S308 - escaped piece by piece


def _item(row: TaskRow, today: date, can_write: bool) -> str:
    edit = f"{_prefix()}{row.id}/edit/"
    title = escape(row.title)
    name = f'<a href="{edit}">{title}</a>' if can_write else title
    priority = f"{row.priority.capitalize()} priority" if row.priority else ""
    note = f'<span class="sub">{escape(row.note)}</span>' if row.note else ""
    return (
        f'<li id="task-{row.id}">{_tick(row, can_write)}'
        f'<span class="{"done" if row.settled else "name"}">{name}{note}</span>'
        f'<span class="xs mid">{priority}</span>'
        f'<span class="xs mid nw">{_effort(row)}</span>{_state_chip(row.state)}'
        f'<span class="xs dim nw when">{_when(row, today)}{_menu(row) if can_write else ""}</span></li>'
    )


@cache
def _prefix() -> str:
    return reverse("roadmap:task-edit", args=[0]).removesuffix("0/edit/")


def _tick(row: TaskRow, can_write: bool) -> str:
    done = row.state == "done"
    label = escape(row.title)
    if not can_write:
        said = "done" if done else "not done"
        return f'<span class="tick{" on" if done else ""}" role="img" aria-label="{label}: {said}"></span>'
    target = UNTICKED if done else "done"
    return (
        f'<button class="tick{" on" if done else ""}" role="checkbox" aria-checked="{"true" if done else "false"}" '
        f'aria-label="{label} done" formaction="{_prefix()}{row.id}/state/" name="move" value="{target}.{row.version}"></button>'
    )


def _moves(row: TaskRow) -> str:
    action = f'formaction="{_prefix()}{row.id}/state/" name="move"'
    buttons = [f'<button {action} value="{state}.{row.version}">{word}</button>' for state, word in MOVES[row.state]]
    if row.before:
        buttons.append(f'<button {action} value="undo.{row.version}">Undo</button>')
    return "".join(buttons)


def _menu(row: TaskRow) -> str:
    return (
        f'<details class="menu"><summary aria-label="What to do with {escape(row.title)}">⋯</summary>'
        f'<span class="pop">{_moves(row)}<a href="{_prefix()}{row.id}/edit/">Edit</a></span></details>'
    )


def _effort(row: TaskRow) -> str:
    if row.effort_planned_h is None and row.effort_spent_h is None:
        return '<span class="dim">effort not stated</span>'
    planned = "?" if row.effort_planned_h is None else wording.hours(row.effort_planned_h).removesuffix(" h")
    return f"{planned} / {wording.hours(row.effort_spent_h or Decimal(0))}"


def _when(row: TaskRow, today: date) -> str:
    if row.state != "to_do" and row.changed_at is not None:
        return f"{moment(row.changed_at)} {_avatar(row.changed_by)}"
    due = f"due {wording.day(row.due_on)}" if row.due_on else "no due date"
    late = row.due_on is not None and row.due_on < today and not row.settled
    look = "t-behind b" if late else ""
    return f'<span class="{look}">{due}</span> {_avatar(row.assignee)}'


def _avatar(who: Person | None) -> str:
    if who is None:
        return ""
    return f'<span class="av" title="{escape(who.name)}">{escape(who.initials)}<span class="vh"> {escape(who.name)}</span></span>'


@register.simple_tag
def avatar(who: Person | None) -> SafeString:
    return mark_safe(_avatar(who))  # noqa: S308 - escaped above


@register.filter
def moment(at: datetime | None) -> str:
    """6 Oct 16:12"""
    return "" if at is None else dated(at, "%-d %b %H:%M")


@register.filter
def short_day(day: date | None) -> str:
    return "" if day is None else wording.day(day)


@register.filter
def hours(value: Decimal | None) -> str:
    return wording.hours(value)


@register.filter
def share(value: Decimal | float | None, places: int = 0) -> str:
    """0.625 as 62.5 %."""
    return wording.percent(value, int(places))


@register.filter
def cash(amount: Decimal | None, currency: str) -> str:
    return wording.whole_money(amount, currency)


@register.filter
def times(value: float | Decimal | None, factor: float) -> float:
    """For lengths in SVG attributes."""
    return round(float(value or 0) * factor, 3)


@register.filter
def plus(value: float, offset: float) -> float:
    return round(float(value) + float(offset), 3)


@register.filter
def stated(value: object) -> object:
    """The value, or *not stated*."""
    return mark_safe('<span class="dim">not stated</span>') if value in (None, "") else value


@register.filter
def slip(days: int) -> str:
    return f"+{days} d" if days > 0 else f"−{-days} d" if days < 0 else "on time"


@register.simple_tag
def bars(report: PhaseReport, axis: Axis, mini: bool = False) -> SafeString:
    """One phase on the time line as SVG, geometry in per cent of its width: planned above actual, gates as diamonds."""
    height, top, thin, middle, thick, small, big = (38, 9, 6, 19, 10, 4.5, 7) if mini else (52, 12, 8, 25, 14, 5.5, 8.5)
    drawn = report.bars
    pieces = [_grid(axis), _rect("pl", drawn.planned, top, thin, 2)]
    if axis.plan_end < 100:
        pieces.insert(0, f'<rect class="beyond" x="{axis.plan_end}%" width="{100 - axis.plan_end:.3f}%" height="100%"/>')
    if drawn.actual:
        pieces.append(_rect("ac" if drawn.closed else "ac open", drawn.actual, middle, thick, 3))
    if axis.today is not None:
        pieces.append(f'<line class="today" x1="{axis.today}%" x2="{axis.today}%" y1="0" y2="100%"/>')
    pieces.append(_diamond("plan", drawn.planned_gate, top + thin / 2, small))
    pieces.append(_diamond(report.gate.look if report.gate.decided else "open", drawn.gate, middle + thick / 2, big))
    return mark_safe(  # noqa: S308 - numbers, and words escaped
        f'<svg class="lane" width="100%" height="{height}" role="img" aria-label="{escape(_told(report))}">'
        f"{''.join(pieces)}</svg>"
    )


@cache
def _grid_lines(weeks: int) -> str:
    places = [f"{100 * week / weeks:.3f}%" for week in range(weeks)] if weeks <= 60 else []
    return "".join(f'<line class="wk" x1="{x}" x2="{x}" y1="0" y2="100%"/>' for x in places)


def _grid(axis: Axis) -> str:
    return _grid_lines(axis.days // 7)


def _rect(look: str, bar: Bar, y: float, height: float, radius: int) -> str:
    return f'<rect class="{look}" x="{bar.x}%" width="{bar.width}%" y="{y}" height="{height}" rx="{radius}"/>'


def _diamond(look: str, x: float, y: float, size: float) -> str:
    return (
        f'<svg x="{x}%" y="{y}" overflow="visible"><path class="gate {look}" d="M0-{size}L{size} 0L0 {size}L-{size} 0z"/></svg>'
    )


def _told(report: PhaseReport) -> str:
    parts = [f"planned {wording.day(report.span.first)} to {wording.day(report.span.last)}"]
    if report.phase.started_on:
        parts.append(f"started {wording.day(report.phase.started_on)}")
    if report.phase.finished_on:
        parts.append(f"finished {wording.day(report.phase.finished_on)}")
    return ", ".join([*parts, f"gate: {report.gate.word.lower()}"])


@register.simple_tag
def meter(value: Decimal | float | None, mark: Decimal | float | None, look: str) -> SafeString:
    """A share as a bar, and where it should be as a line. Nothing known: an empty bar."""
    filled, wanted = (100 * min(1.0, max(0.0, float(share or 0))) for share in (value, mark))
    line = "" if mark is None else f'<rect class="ask" x="{wanted:.2f}%" width="2" height="12"/>'
    return mark_safe(  # noqa: S308 - numbers and a word of ours
        f'<svg class="meter {look}" width="100%" height="12" aria-hidden="true"><rect class="track" y="3" width="100%" '
        f'height="6" rx="3"/><rect class="fill" y="3" width="{filled:.2f}%" height="6" rx="3"/>{line}</svg>'
    )


@register.filter
def words(state: str) -> str:
    """in_progress as in progress."""
    return state.replace("_", " ")


@register.filter
def until(start: float, end: float) -> float:
    """A height: from one place to another, never negative."""
    return max(0.0, round(float(end) - float(start), 3))


@register.filter
def short_cash(amount: Decimal, currency: str) -> str:
    return short_money(float(amount), wording.SYMBOLS.get(currency, ""))


@register.filter
def parameter(value: object) -> object:
    """One end of a parameter's change; what the source does not say stays unsaid."""
    return stated(value) if value is None or value == "" else value


@register.simple_tag
def split_bar(part: Realised) -> SafeString:
    """Realised solid, unknown hatched, the rest empty."""
    planned = float(part.planned) or 1.0
    real, unknown = 100 * float(part.realised) / planned, 100 * float(part.unknown) / planned
    told = f"{real:.0f} % realised, {unknown:.0f} % unknown"
    return mark_safe(  # noqa: S308 - numbers
        f'<svg class="meter s-run" width="100%" height="12" role="img" aria-label="{told}">'
        f'<rect class="track" y="2" width="100%" height="9" rx="3"/><rect class="fill" y="2" width="{real:.2f}%" height="9"/>'
        f'<rect class="unknown" x="{real:.2f}%" y="2" width="{unknown:.2f}%" height="9"/></svg>'
    )
