"""What is committed to: the target versions of KPIs as they hold at a time, as the judge needs them, and how two differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Max, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.differences import Line, words
from accounts.prepared import Prepared, Slot
from accounts.templatetags.ui import unit_word
from kpis.durations import text as duration
from kpis.evaluation import Goal
from kpis.models import KPI, Decision, Direction, Target
from kpis.thresholds import number

AT_ONCE = "as soon as it is approved"
Then = tuple[int, datetime]
"""The number of a version, and when it takes over."""


def goal_of(target: Target, kpi: KPI) -> Goal:
    """The target as the judge needs it."""
    return Goal(
        comparator=target.comparator,
        value=target.value,
        lower_is_better=kpi.direction == Direction.LOWER,
        alert_threshold=target.alert_threshold,
        baseline=target.baseline,
        baseline_on=target.baseline_on,
        due_on=target.due_on,
        for_s=target.for_s,
        recover_s=target.recover_s,
        effective_from=target.effective_from,
    )


def approved(kpi_ids: Iterable[int]) -> QuerySet[Target]:
    """Versions that were, are or will be in force, in the order in which they take over."""
    return _approved().filter(kpi_id__in=list(kpi_ids))


def _approved() -> QuerySet[Target]:
    return Target.objects.filter(decision=Decision.APPROVED, effective_from__isnull=False).order_by("effective_from", "number")


_REACHED = Prepared(lambda: _approved().filter(kpi_id__any_of=Slot("kpis"), effective_from__lte=Slot("at")))


def in_force(kpis: Iterable[KPI], at: datetime) -> dict[int, Target]:
    """The approved version in force at a time, by KPI id: the one that took effect last."""
    ids = [kpi.pk for kpi in kpis]
    return ask_in_force(ids, at)() if ids else {}


def ask_in_force(kpi_ids: Sequence[int], at: datetime) -> Callable[[], dict[int, Target]]:
    """The same, asked now and fetched later."""
    asked = _REACHED.ask(kpis=kpi_ids, at=at)
    return lambda: {target.kpi_id: target for target in asked()}


def holding(versions: Sequence[Target], at: datetime) -> Target | None:
    """Of one KPI's `approved` versions, in their order, the one in force at a time."""
    reached = [version for version in versions if version.effective_from and version.effective_from <= at]
    return reached[-1] if reached else None


def overtaken(target: Target) -> int | None:
    """The newest version that was proposed after this one and is approved already; this one is then approved no more."""
    later = Target.objects.filter(kpi=target.kpi_id, decision=Decision.APPROVED, number__gt=target.number)
    return later.aggregate(newest=Max("number"))["newest"]


def with_overtaken(rows: QuerySet[Target], now: datetime) -> QuerySet[Target]:
    """Each with `overtaken`, and with the approved version that takes over after it (`then_number`, `then_at`), in the same
    query."""
    decided = Target.objects.filter(kpi=OuterRef("kpi"), decision=Decision.APPROVED)
    later = decided.filter(number__gt=OuterRef("number")).order_by("-number")
    then = decided.filter(effective_from__gt=now, effective_from__gte=Coalesce(OuterRef("effective_from"), Value(now)))
    then = then.order_by("effective_from", "number")
    return rows.annotate(
        overtaken=Subquery(later.values("number")[:1]),
        then_number=Subquery(then.values("number")[:1]),
        then_at=Subquery(then.values("effective_from")[:1]),
    )


def with_standing(rows: QuerySet[Target], at: datetime) -> QuerySet[Target]:
    """Each with the value `standing` and its `standing_comparator` that are in force for its KPI; null for nothing."""
    held = Target.objects.filter(kpi=OuterRef("kpi"), decision=Decision.APPROVED, effective_from__lte=at)
    held = held.order_by("-effective_from", "-number")
    return rows.annotate(
        standing=Subquery(held.values("value")[:1]), standing_comparator=Subquery(held.values("comparator")[:1])
    )  # fmt: skip


def figures(target: Target) -> dict[str, Any]:
    """What a version commits to, ready for JSON."""
    return {
        "number": target.number,
        "target": f"{target.comparator} {number(target.value)}",
        "typed": target.typed,
        "alert_threshold": target.alert_threshold,
        "baseline": target.baseline,
        "baseline_on": target.baseline_on.isoformat() if target.baseline_on else None,
        "baseline_stated": target.baseline_stated,
        "due_on": target.due_on.isoformat() if target.due_on else None,
        "effective_from": target.effective_from.isoformat() if target.effective_from else None,
    }


def difference(before: Target | None, after: Target, kpi: KPI, then: Then | None = None) -> list[Line]:
    """What the version `after` changes of `before`, field by field, in words; without a `before`, what it states.

    The last line says from when, and until when where another version that is approved already takes over `then`.
    """
    old = _terms(before, kpi) if before else {}
    lines = []
    for name, said in _terms(after, kpi).items():
        was = old.get(name, "")
        if said != was:
            lines.append(Line(name, was, f"{said}{_bent(before, after, kpi) if name == 'Target' else ''}" or words(None)))
    start = after.effective_from
    said = words(start.isoformat()) if start else AT_ONCE
    if then is not None:
        said += f", until version {then[0]} takes over on {words(then[1].isoformat())}"
    return [*lines, Line("In force", "", said)]


def _terms(target: Target, kpi: KPI) -> dict[str, str]:
    """Field by field in words; what is not stated is empty."""

    def figure(value: float | None) -> str:
        return "" if value is None else f"{number(value)} {unit_word(kpi.unit)}".rstrip()

    return {
        "Target": f"{target.comparator} {figure(target.value)}",
        "Alert threshold": figure(target.alert_threshold),
        "Breached after": duration(target.for_s) if target.for_s else "",
        "Recovered after": duration(target.recover_s) if target.recover_s else "",
        "Severity": "" if target.alert_threshold is None else target.get_severity_display(),
        "Baseline": figure(target.baseline) + _origin(target),
        "Baseline of": words(target.baseline_on.isoformat()) if target.baseline_on else "",
        "Baseline stated as": target.baseline_stated,
        "Due": words(target.due_on.isoformat()) if target.due_on else "",
    }


def _origin(target: Target) -> str:
    """Whether a baseline was measured here or is what somebody wrote, whatever they say it was taken from."""
    return "" if target.baseline is None else ", measured" if target.baseline_since else ", as typed"


def _bent(before: Target | None, after: Target, kpi: KPI) -> str:
    """Whether the target got harder or easier to meet, and by how much."""
    if before is None or before.value == after.value:
        return ""
    harder = (after.value < before.value) == (kpi.direction == Direction.LOWER)
    share = abs(after.value / before.value - 1) * 100 if before.value else 0.0
    size = f"{share:,.0f} % " if share >= 100 else f"{share:.3g} % " if share else ""
    return f", {size}{'tighter' if harder else 'looser'}"
