"""Scorecards and KPIs made, changed, archived and brought back: each change checked, in one transaction, with its history
entry, and never over the change of somebody else (the caller names the version that the edit was made from).

What was measured keeps its meaning: a KPI with measurements is archived and never deleted, and what its figures rest on
stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Max
from django.utils.text import slugify

from accounts import audit
from accounts.models import User
from accounts.versions import figures, locked, shown
from kpis import locking
from kpis.current import renew
from kpis.models import KPI, KpiState, Measurement, Rollup, Scorecard, Series
from kpis.models.scorecards import TAKEN_KEYS, TAKEN_SLUGS
from kpis.remembering import remember

Row = TypeVar("Row", bound=Scorecard | KPI)

EDITABLE: dict[type[models.Model], tuple[str, ...]] = {
    Scorecard: ("name", "description"),
    KPI: (
        "name", "description", "category", "metric", "unit", "direction", "aggregation", "across", "across_subject",
        "window_s", "freshness_s", "reference", "reference_unit", "reference_on", "owner",
        "approver", "rationale", "review_rule", "review_from", "position", "public_badge",
    ),
}  # fmt: skip
FIXED = ("unit", "direction", "aggregation", "reference", "reference_unit")
"""What the figures of a measured KPI rest on."""

MEANT = ("unit", "direction", "aggregation")
"""What a target was approved for."""

JUDGED = ("across", "across_subject", "window_s", "freshness_s")
"""What its actual and its status rest on: they are made anew when one of these changes."""


class Refused(Exception):
    """What stands does not allow it; the text says why and what to do instead."""


def create_scorecard(*, fields: Mapping[str, Any], actor: User | None, token: str = "") -> Scorecard:
    """Add a scorecard; its slug is made from its name where none is given. Raises ValidationError."""
    _known(Scorecard, fields, "slug")
    with transaction.atomic():
        row = Scorecard(**fields)
        row.slug = row.slug or _free(Scorecard.objects.all(), "slug", row.name, "scorecard", TAKEN_SLUGS)
        return _added(row, fields, actor, token)


def create_kpi(*, scorecard: Scorecard, fields: Mapping[str, Any], actor: User | None, token: str = "") -> KPI:
    """Add a KPI at the end of its scorecard; its key is made from its name where none is given.

    Raises ValidationError, and Refused where the scorecard is archived.
    """
    _known(KPI, fields, "key")
    with transaction.atomic():
        card = Scorecard.objects.select_for_update().get(pk=scorecard.pk)
        if card.archived_at is not None:
            raise Refused("This scorecard is archived: restore it first.")
        row = KPI(scorecard=card, **fields)
        if row.key and card.kpis.filter(key=row.key).exists():
            raise ValidationError({"key": f"“{row.key}” is taken in this scorecard, maybe by an archived KPI."})
        row.key = row.key or _free(card.kpis.all(), "key", row.name, "kpi", TAKEN_KEYS)
        if "position" not in fields:
            row.position = (card.kpis.aggregate(last=Max("position"))["last"] or 0) + 1
        return _added(row, fields, actor, token)


def change(
    *,
    row: Row,
    changes: Mapping[str, Any],
    actor: User | None,
    now: datetime,
    version: int | None = None,
    why: str = "",
    token: str = "",
) -> Row:
    """Set fields and return the row as stored. `version` is the one that the edit was made from (None: the row's own).

    A change that changes nothing writes nothing. Raises StaleEdit, ValidationError, Refused.
    """
    _known(type(row), changes)
    with transaction.atomic():
        current = locked(row, version)
        if current.archived_at is not None:
            raise Refused("It is archived: restore it before it is changed.")
        before = figures(current, changes)
        for name, value in changes.items():
            setattr(current, name, value)
        moved = {name: old for name, old in before.items() if old != shown(getattr(current, name))}
        if not moved:
            return current
        if isinstance(current, KPI):
            if moved.keys() & set(FIXED):
                locking.states([current.pk], now=now)  # a first figure under way is stored before, or sees the change
            keep_meaning(current, moved)
        current.full_clean()
        current.version += 1
        current.save()
        if isinstance(current, KPI) and any(name in moved for name in JUDGED):
            judge_anew(current, now)
        _told(current, "change", actor, token, why, moved, figures(current, moved))
    return current


def archive(*, row: Row, actor: User | None, now: datetime, version: int | None = None, why: str = "", token: str = "") -> Row:
    """Take it out of scorecards, counts, exports and judging; its page and everything that was measured stay."""
    return _archived(row, now, "archive", actor, now, version, why, token)


def restore(*, row: Row, actor: User | None, now: datetime, version: int | None = None, why: str = "", token: str = "") -> Row:
    """Bring an archived one back: it is measured, judged and counted again."""
    return _archived(row, None, "restore", actor, now, version, why, token)


def remove(*, row: Scorecard | KPI, actor: User | None, version: int | None = None, why: str = "", token: str = "") -> None:
    """Delete what was never used. Raises StaleEdit, and Refused naming what hangs on it."""
    with transaction.atomic():
        current = locked(row, version, removing=True)
        if holding := holds(current):
            raise Refused(f"It has {', '.join(holding)}, so it is archived, never deleted.")
        names = ("slug",) if isinstance(current, Scorecard) else ("key",)
        _told(current, "remove", actor, token, why, figures(current, (*names, *EDITABLE[type(row)])), {})
        current.delete()


def holds(row: models.Model) -> list[str]:
    """What hangs on a row, in words: it is not deleted while something does."""
    found = []
    for relation in row._meta.get_fields(include_hidden=True):
        if not (relation.auto_created and relation.is_relation and not relation.concrete):
            continue
        model = relation.related_model
        if not isinstance(model, type) or not issubclass(model, models.Model) or model is KpiState or relation.many_to_many:
            continue
        if model._default_manager.filter(**{relation.field.name: row}).exists():  # type: ignore[union-attr]
            found.append("measurements" if model is Series else str(model._meta.verbose_name_plural))
    return sorted(set(found))


def is_measured(kpi: KPI) -> bool:
    """Whether anything was ever measured of it, raw or rolled up."""
    return Measurement.objects.filter(series__kpi=kpi).exists() or Rollup.objects.filter(series__kpi=kpi).exists()


def keep_meaning(kpi: KPI, moved: Mapping[str, Any]) -> None:
    """Raise ValidationError, by field, where stored figures or targets rest on what moved."""
    if wrong := {name: why for name, why in fixed(kpi).items() if name in moved}:
        raise ValidationError(wrong)


def fixed(kpi: KPI) -> dict[str, str]:
    """The fields that stay as they are, each with the reason."""
    if is_measured(kpi):
        return dict.fromkeys(FIXED, "It was measured, and a figure keeps its meaning: archive this KPI and make a new one.")
    if kpi.targets.exists():
        return dict.fromkeys(MEANT, "It has targets, and they mean what was approved: archive this KPI and make a new one.")
    return {}


def judge_anew(kpi: KPI, now: datetime) -> None:
    """Its series' current values and its status, by the changed definition."""
    locking.states([kpi.pk], now=now)
    series = list(Series.objects.filter(kpi=kpi).order_by("pk"))
    for one in series:
        one.kpi = kpi
    renew(series)
    remember([kpi], now=now)


def _archived(
    row: Row, at: datetime | None, verb: str, actor: User | None, now: datetime, version: int | None, why: str, token: str
) -> Row:
    with transaction.atomic():
        current = locked(row, version)
        if (current.archived_at is None) == (at is None):
            raise Refused("It is archived already." if at else "It is not archived.")
        before = figures(current, ["archived_at"])
        current.archived_at = at
        current.version += 1
        current.save(update_fields=["archived_at", "version"])
        if at is None:
            remember(_judged(current), now=now)
        _told(current, verb, actor, token, why, before, figures(current, ["archived_at"]))
    return current


def _judged(row: Scorecard | KPI) -> models.QuerySet[KPI]:
    found = KPI.objects.active()
    return found.filter(scorecard=row) if isinstance(row, Scorecard) else found.filter(pk=row.pk)


def _added(row: Row, fields: Mapping[str, Any], actor: User | None, token: str) -> Row:
    row.full_clean()
    row.save()
    said = dict.fromkeys(("slug" if isinstance(row, Scorecard) else "key", *fields))
    _told(row, "create", actor, token, "", {}, figures(row, said))
    return row


def _told(
    row: models.Model, verb: str, actor: User | None, token: str, why: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    action = f"{row._meta.model_name}.{verb}"
    audit.record(actor=actor, action=action, subject=row, before=before, after=after, why=why, token=token)


def _known(model: type[models.Model], fields: Mapping[str, Any], *more: str) -> None:
    if unknown := sorted(set(fields) - {*EDITABLE[model], *more}):
        raise ValidationError(dict.fromkeys(unknown, "This cannot be changed here."))


def _free(siblings: models.QuerySet[Any], field: str, name: str, otherwise: str, words: frozenset[str]) -> str:
    """A slug out of a name, with a number where it is taken."""
    base = slugify(name)[:44] or otherwise
    taken = words | set(siblings.filter(**{f"{field}__startswith": base}).values_list(field, flat=True))
    return next(slug for slug in (base, *(f"{base}-{number}" for number in range(2, len(taken) + 3))) if slug not in taken)
