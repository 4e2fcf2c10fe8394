"""The audit trail as people read it: picked by an address, told in words, given away as CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.apps import apps
from django.db.models import QuerySet

from accounts.days import asked, day_end, day_start
from accounts.differences import Line, difference
from accounts.models import AuditEntry
from accounts.requests import day_of

MOST_EXPORTED = 100_000
"""Newest entries of one export; who needs more narrows the time."""

COLUMNS = ("at", "person", "token", "action", "thing_type", "thing_id", "thing", "change", "why")
PAST = {
    "acknowledge": "acknowledged", "add": "added", "approve": "approved", "archive": "archived", "ask": "asked for",
    "book": "booked", "change": "changed", "close": "closed", "confirm": "confirmed", "create": "created",
    "disable": "disabled", "enable": "enabled", "end": "ended", "enter": "entered", "import": "imported",
    "invalidate": "taken out", "issue": "issued", "load": "loaded", "pause": "paused", "plan": "planned",
    "propose": "proposed", "refuse": "refused", "register": "registered", "rehearse": "filled with demo data",
    "remove": "removed", "reopen": "opened again", "request": "asked for", "resend": "sent again",
    "restore": "brought back", "resume": "resumed", "review": "reviewed", "revoke": "revoked", "roles": "given roles",
    "route": "given a route", "run": "run", "state": "moved", "submit": "sent", "switch": "switched",
    "take_back": "taken back", "test": "tried out", "unconfirm": "not confirmed any more",
    "unroute": "relieved of a route", "waiver_approved": "waiver approved", "waiver_rejected": "waiver rejected",
    "waiver_request": "waiver asked for",
}  # fmt: skip


@dataclass(frozen=True)
class Filter:
    """What an address asks for: `since` and `until` are whole days, both included, or times, from the one to before the other.

    Where one of them cannot be read (`wrong`) nothing fits: a mistyped filter never shows, or gives away, the whole trail.
    """

    person: str = ""
    thing: str = ""
    action: str = ""
    of: str = ""
    since: date | None = None
    until: date | None = None
    wrong: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of_query(cls, query: Mapping[str, str]) -> Filter:
        text = {name: query.get(name, "").strip()[:120] for name in ("person", "thing", "action", "of")}
        said = {name: query.get(name, "").strip()[:40] for name in ("from", "to")}
        ends = {name: _day_or_time(text) for name, text in said.items() if text}
        wrong = tuple((name, said[name]) for name, end in ends.items() if end is None)
        return cls(**text, since=ends.get("from"), until=ends.get("to"), wrong=wrong)

    @property
    def narrows(self) -> bool:
        return self != Filter()

    @property
    def exact(self) -> bool:
        """Whether an end of it is a time, which a field for days cannot show."""
        return isinstance(self.since, datetime) or isinstance(self.until, datetime)

    def entries(self) -> QuerySet[AuditEntry]:
        """Newest first; `of` is one thing, as `kpis.target:12`."""
        found = AuditEntry.objects.select_related("actor").matching(
            person=self.person, thing=self.thing, action=self.action,
            since=_instant(self.since, day_start), until=_instant(self.until, day_end),
        )  # fmt: skip
        if self.wrong:
            return found.none()
        kind, _, pk = self.of.partition(":")
        return found.filter(subject_type=kind, subject_id=pk) if kind and pk else found


def _day_or_time(text: str) -> date | None:
    """A day, or a time with its offset, which is a datetime; None for what is neither."""
    try:
        return day_of(text) or asked(text)
    except ValueError:
        return None


def _instant(end: date | None, of_day: Callable[[date], datetime]) -> datetime | None:
    return end if end is None or isinstance(end, datetime) else of_day(end)


@dataclass(frozen=True)
class Told:
    """One entry in words."""

    entry: AuditEntry
    deed: str
    kind: str
    lines: tuple[Line, ...]


def told(entry: AuditEntry) -> Told:
    return Told(entry, deed(entry.action), kind(entry.subject_type), tuple(difference(entry.before, entry.after)))


def deed(action: str) -> str:
    """`target.propose` is `Target proposed`; a verb that is not known stands as it is."""
    noun, _, verb = action.partition(".")
    said = PAST.get(verb, verb.replace("_", " "))
    noun = {"kpi": "KPI", "login": "Log-in"}.get(noun, noun.replace("_", " ").capitalize())
    return f"{noun} {said}".strip()


def kind(subject_type: str) -> str:
    """What sort of thing it is, in words."""
    try:
        return str(apps.get_model(subject_type)._meta.verbose_name)
    except (LookupError, ValueError):
        return subject_type


def actions() -> list[str]:
    """The actions of the newest entries, for choosing one: bounded, however long the trail is."""
    newest = AuditEntry.objects.order_by("-pk").values_list("action", flat=True)[:2000]
    return sorted(set(newest))


def table(entries: QuerySet[AuditEntry]) -> Iterator[tuple[object, ...]]:
    """The rows of a CSV, heads first."""
    yield COLUMNS
    for entry in _exported(entries):
        change = "; ".join(str(line) for line in told(entry).lines)
        yield (
            entry.at.isoformat(), _who(entry), entry.token, entry.action, entry.subject_type, entry.subject_id, entry.subject,
            change, entry.why,
        )  # fmt: skip


def document(entries: QuerySet[AuditEntry]) -> Iterator[str]:
    """A JSON array, piece by piece."""
    yield "["
    for number, entry in enumerate(_exported(entries)):
        yield f"{',' if number else ''}\n{json.dumps(_record(entry), ensure_ascii=False)}"
    yield "\n]\n"


def _record(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry.pk,
        "at": entry.at.isoformat(),
        "person": _who(entry) or None,
        "token": entry.token or None,
        "action": entry.action,
        "thing_type": entry.subject_type,
        "thing_id": entry.subject_id,
        "thing": entry.subject,
        "before": entry.before,
        "after": entry.after,
        "why": entry.why,
    }


def _who(entry: AuditEntry) -> str:
    return entry.actor.get_username() if entry.actor else ""


def _exported(entries: QuerySet[AuditEntry]) -> Iterator[AuditEntry]:
    return entries[:MOST_EXPORTED].iterator(chunk_size=1000)
