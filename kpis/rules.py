"""Rules beyond thresholds: made, switched off and on by people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.models import User
from accounts.versions import figures
from kpis.models import KPI, Kind, Rule
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
def create(*, fields: Mapping[str, Any], actor: User) -> Rule:
    """Raises BadRule."""
    rule = Rule(created_by=actor, **fields)
    if errors := faults(rule):
        raise BadRule(errors)
    rule.save()
    audit.record(actor=actor, action="rule.create", subject=rule, after=figures(rule, FIELDS))
    return rule


@transaction.atomic
def switch(*, rule: Rule, enabled: bool, actor: User) -> Rule:
    """Off, its open alerts end at the next look; on, it watches again."""
    rule = Rule.objects.select_for_update(of=("self",)).get(pk=rule.pk)
    if rule.enabled != enabled:
        rule.enabled = enabled
        rule.version += 1
        rule.save(update_fields=["enabled", "version"])
        audit.record(actor=actor, action="rule.switch", subject=rule, after={"enabled": enabled})
    return rule


def faults(rule: Rule) -> dict[str, str]:
    errors: dict[str, str] = {}
    if rule.kpi is None and rule.scorecard is None:
        errors["kpi"] = "Choose a KPI or a scorecard."
    if rule.kpi is not None and rule.scorecard is not None and rule.kpi.scorecard_id != rule.scorecard_id:
        errors["kpi"] = "This KPI is of another scorecard."
    if rule.kind == Kind.ABSENT and not rule.every_s:
        errors["every_s"] = "Say in which rhythm it is expected."
    if rule.kind == Kind.ABSENT and rule.kpi is None and not rule.service:
        errors["service"] = "Name the service whose CI result is expected, or choose a KPI that people enter."
    if rule.kind == Kind.BURN_RATE:
        errors |= _burn_faults(rule)
    return errors


def _burn_faults(rule: Rule) -> dict[str, str]:
    errors = {}
    if rule.objective is None or not 0 < rule.objective < 1:
        errors["objective"] = "A share between 0 and 1, such as 0.999."
    if rule.kpi is None or not is_share(rule.kpi):
        errors["kpi"] = "A burn rate needs a KPI that is a share, such as an error rate or availability."
    return errors


def is_share(kpi: KPI) -> bool:
    try:
        return family(kpi.unit) == "share"
    except UnitMismatch:
        return False
