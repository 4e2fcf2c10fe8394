"""Rules beyond thresholds: made, changed and removed by people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.models import User
from accounts.versions import figures, locked
from kpis.alerting import LONGEST_S
from kpis.models import KPI, Kind, Rule
from kpis.models.channels import RANKS
from kpis.units import UnitMismatch, family

FIELDS = (
    "kind", "scorecard", "kpi", "service", "branch", "severity", "for_s", "recover_s", "every_s", "objective", "min_events",
    "enabled",
)  # fmt: skip


class BadRule(ValueError):
    """Fields that do not fit the kind: field → what is wrong."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


@transaction.atomic
def create(*, fields: Mapping[str, Any], actor: User, token: str = "") -> Rule:
    """Raises BadRule."""
    rule = Rule(created_by=actor, **fields)
    if errors := faults(rule) or double(rule):
        raise BadRule(errors)
    rule.save()
    audit.record(actor=actor, action="rule.create", subject=rule, after=figures(rule, FIELDS), token=token)
    return rule


@transaction.atomic
def change(*, rule: Rule, changes: Mapping[str, Any], actor: User, version: int | None = None, token: str = "") -> Rule:
    """What it watches from the next look on; switched off, its open alerts end then. One that cannot be followed may be
    switched off all the same. Raises BadRule or StaleEdit."""
    current = locked(rule, version)
    before, watched = figures(current, changes), (_watched(current), _step(current))
    for name, value in changes.items():
        setattr(current, name, value)
    if dict(changes) != {"enabled": False} and (errors := faults(current)):
        raise BadRule(errors)
    if (_watched(current), _step(current)) != watched and (errors := double(current)):
        raise BadRule(errors)
    after = figures(current, changes)
    if before != after:
        current.version += 1
        current.save(update_fields=[*changes, "version"])
        audit.record(actor=actor, action="rule.change", subject=current, before=before, after=after, token=token)
    return current


@transaction.atomic
def remove(*, rule: Rule, actor: User, version: int | None = None, token: str = "") -> None:
    """Its open alerts end at the next look; those that it opened stay. Raises StaleEdit."""
    current = locked(rule, version, removing=True)
    audit.record(actor=actor, action="rule.delete", subject=current, before=figures(current, FIELDS), token=token)
    current.delete()


def faults(rule: Rule) -> dict[str, str]:
    errors: dict[str, str] = {}
    if rule.kpi is None and rule.scorecard is None:
        errors["kpi"] = "Choose a KPI or a scorecard."
    if rule.kpi is not None and rule.scorecard is not None and rule.kpi.scorecard_id != rule.scorecard_id:
        errors["kpi"] = "This KPI is of another scorecard."
    for name in ("for_s", "recover_s", "every_s"):
        if (getattr(rule, name) or 0) > LONGEST_S:
            errors[name] = "At most a year."
    if rule.kind == Kind.ABSENT and not rule.every_s:
        errors["every_s"] = "Say in which rhythm it is expected."
    if rule.kind == Kind.ABSENT and rule.kpi is None and not rule.service:
        errors["service"] = "Name the service whose CI result is expected, or choose a KPI that people enter."
    if rule.kind == Kind.BURN_RATE:
        errors |= _burn_faults(rule)
    return errors


def _watched(rule: Rule) -> dict[str, Any]:
    """What a rule looks at: of two with the same, every alert would come twice, unless one is the escalation of the other."""
    about = {"kpi": rule.kpi} if rule.kpi else {"kpi": None, "scorecard": rule.scorecard}
    expected = {"service": rule.service, "branch": rule.branch} if rule.kind == Kind.ABSENT else {}
    return {"kind": rule.kind, **about, **expected}


def _step(rule: Rule) -> tuple[int, int]:
    """How grave it is, and after how long."""
    return RANKS[rule.severity], rule.for_s + (rule.every_s or 0 if rule.kind == Kind.ABSENT else 0)


def _escalates(one: Rule, other: Rule) -> bool:
    """Whether one of the two says later and graver what the other has said."""
    (earlier, soon), (later, late) = sorted((_step(one), _step(other)), key=lambda step: step[1])
    return soon < late and earlier < later


def double(rule: Rule) -> dict[str, str]:
    """The rule that watches the same, beside its field.

    The caller is in a transaction, and no other is made meanwhile: who makes one about the same KPI or scorecard waits for its
    end.
    """
    about: Any = rule.kpi or rule.scorecard
    type(about).objects.select_for_update(no_key=True).get(pk=about.pk)
    same = Rule.objects.filter(**_watched(rule)).exclude(pk=rule.pk)
    there = next((one for one in same if not _escalates(one, rule)), None)
    if there is None:
        return {}
    off = "" if there.enabled else ", switched off"
    graver = "" if rule.kind == Kind.BURN_RATE else ", or let this one be graver and last longer"
    return {"kpi" if rule.kpi else "scorecard": f"Rule {there.pk} watches this already: {there}{off}. Change that one{graver}."}


def _burn_faults(rule: Rule) -> dict[str, str]:
    errors = {}
    if rule.objective is None or not 0 < rule.objective < 1:
        errors["objective"] = "A share between 0 and 1, such as 0.999."
    if rule.for_s:
        errors["for_s"] = "The windows of a burn rate say how long it lasts: leave this at 0."
    if rule.kpi is None or not is_share(rule.kpi):
        errors["kpi"] = "A burn rate needs a KPI that is a share, such as an error rate or availability."
    return errors


def is_share(kpi: KPI) -> bool:
    try:
        return family(kpi.unit) == "share"
    except UnitMismatch:
        return False
