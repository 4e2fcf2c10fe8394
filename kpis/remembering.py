"""What the judge keeps of KPIs, and the alerts that follow from it: written in the transaction that changed their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.templatetags.ui import figure_words
from kpis import following, incidents, locking, storing
from kpis.actual import SeriesFigure
from kpis.alerting import Look
from kpis.commitments import in_force
from kpis.evaluation import Memory, Status
from kpis.incidents import Sight
from kpis.locking import STATE
from kpis.models import KPI, Direction, Kind, KpiState, Severity, Target
from kpis.standing import Standing, judged, series_figures, standings
from kpis.storing import Write


def remember(kpis: Iterable[KPI], *, now: datetime, look_again: bool = False) -> None:
    """Keep what the judge must remember of these KPIs. Call it in the transaction that changed their values.

    A KPI that looks as it did is not written again: the judge's memory moves only with its figures. Alerts of what was good
    and is good need no look, unless they are open though they should not be: then `look_again`.
    """
    listed = sorted({kpi.pk: kpi for kpi in kpis}.values(), key=lambda kpi: kpi.pk)
    ids = [kpi.pk for kpi in listed]
    states = locking.states(ids, now=now)
    keep(listed, states, series_figures(ids), in_force(listed, now), now=now, look_again=look_again)


def keep(
    kpis: Sequence[KPI],
    states: Mapping[int, KpiState],
    figures: Mapping[int, list[SeriesFigure]],
    targets: Mapping[int, Target],
    *,
    now: datetime,
    look_again: bool = False,
    besides: Sequence[Write] = (),
) -> None:
    """The same, in the order of the KPIs' ids, by whoever holds their locks and knows their figures and targets.

    What else there is to write, `besides`, goes with it.
    """
    memories = {pk: Memory.from_dict(state.memory) for pk, state in states.items()}
    paths = following.paths(kpis, targets, memories)
    changed: list[tuple[int, str, datetime, dict[str, Any]]] = []
    sights = []
    for kpi in kpis:
        state = states[kpi.pk]
        found = judged(
            kpi, figures.get(kpi.pk, []), targets.get(kpi.pk), {}, memories[kpi.pk], now, paths.get(kpi.pk, ())
        )  # fmt: skip
        kept = (str(found.status), found.memory.since or now, found.memory.to_dict())
        if kept != (state.status, state.since, state.memory):
            changed.append((kpi.pk, *kept))
        if look_again or _bad(memories[kpi.pk]) or _bad(found.memory):
            sights.append(threshold_sight(found, now))
    changes = {name: f"excluded.{name}" for name in STATE[1:]}
    storing.write(*besides, storing.upserting(KpiState, STATE, changed, unique=["kpi"], changes=changes))
    incidents.follow(sights, now=now)


def remember_changes(kpis: Iterable[KPI], *, now: datetime) -> int:
    """Keep the statuses that time alone has changed (a KPI turned stale); returns how many there were."""
    listed = list(kpis)
    known = dict(KpiState.objects.filter(kpi_id__in=[kpi.pk for kpi in listed]).values_list("kpi_id", "status"))
    found = standings(listed, now=now, with_waivers=False)
    changed = [one.kpi for one in found if known.get(one.kpi.pk, one.status) != one.status]
    if changed:
        with transaction.atomic():
            remember(changed, now=now)
    return len(changed)


def _bad(memory: Memory) -> bool:
    return memory.breached or memory.bad_since is not None


def threshold_sight(found: Standing, now: datetime) -> Sight:
    """What the judge saw of a KPI's alert threshold: its verdict, not a second comparison."""
    kpi, target, limit = found.kpi, found.target, found.alert_threshold
    bad: bool | None = None if found.status in (Status.STALE, Status.NO_DATA) else _bad(found.memory)
    since, lasting = found.memory.bad_since, timedelta(seconds=target.for_s if target else 0)
    side = "above" if kpi.direction == Direction.LOWER else "below"
    return Sight(
        key=f"threshold:{kpi.pk}",
        kind=Kind.THRESHOLD,
        severity=target.severity if target else Severity.MEDIUM,
        title=kpi.name if limit is None else f"{kpi.name} {side} {figure_words(limit, kpi.unit)}",
        look=Look(now, bad, found.memory.breached),
        recover_s=target.recover_s if target else 0,
        waited_s=target.recover_s if target else 0,
        kpi=kpi,
        subject=found.worst_subject,
        past=found.memory.bad_since is not None,
        value=found.actual,
        origin=found.origin,
        measured_at=found.at,
        fires_at=since + lasting if since else None,
        note="" if limit is not None else "No alert threshold is in force any more.",
    )
