"""Looking at what no judgement of a new figure shows: outages, figures and results that did not come, budgets that burn.

Every look says how it is now, and moves nothing where that is known already; so it may be repeated, or left out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from django.db import transaction
from django.db.models import Q

from accounts.templatetags.ui import plain, span
from kpis import burning, incidents
from kpis.alerting import Look, State
from kpis.entering import BY_PEOPLE
from kpis.evaluation import Status
from kpis.incidents import Sight
from kpis.models import KPI, Incident, Kind, Measurement, Rollup, Rule, Series, Severity, Submission
from kpis.remembering import remember
from kpis.rules import is_share
from kpis.standing import Standing, standings
from kpis.units import factor

logger = logging.getLogger(__name__)
AVAILABILITY = "availability"
FAILED_BELOW = 0.5
"""An attempt has failed when most of its requests did."""

ATTEMPTS = 2
"""One lost attempt is no outage yet."""

RAW = timedelta(hours=7)


def watch_outages(*, now: datetime) -> None:
    """Open and resolve outages by availability attempts: at the time of the attempt that showed it.

    While all is well this only reads: it is done every few seconds, and SQLite has one writer at a time.
    """
    series = Series.objects.filter(enabled=True, kpi__metric=AVAILABILITY, kpi__in=KPI.objects.active())
    sights = [_outage(one, now) for one in series.select_related("kpi__scorecard") if is_share(one.kpi)]
    alive = set(Incident.objects.filter(kind=Kind.OUTAGE).exclude(state=State.RESOLVED).values_list("key", flat=True))
    incidents.follow([sight for sight in sights if sight.look.bad or sight.key in alive], now=now)


def _outage(series: Series, now: datetime) -> Sight:
    newest = list(series.measurements.order_by("-at", "-pk").values_list("at", "value", "origin")[:ATTEMPTS])
    scale = factor(series.kpi.unit, "ratio")
    failed = [value * scale < FAILED_BELOW for _, value, _ in newest]
    fresh = bool(newest) and now - newest[0][0] <= timedelta(seconds=series.kpi.freshness_s)
    at, value, origin = newest[0] if newest else (now, None, "")
    return Sight(
        key=f"outage:{series.pk}",
        kind=Kind.OUTAGE,
        severity=Severity.CRITICAL,
        title=f"{series.subject} is not available",
        look=Look(at, failed[0] if fresh else None, len(failed) == ATTEMPTS and all(failed)),
        kpi=series.kpi,
        subject=series.subject,
        value=value,
        origin=origin,
        measured_at=at if newest else None,
    )


def watch_rules(*, now: datetime) -> None:
    """Look at everything that rules name, and again at what is open: a rule may be off, a KPI archived, a clock right again.

    Looking takes long where much is watched, so only what follows from it is written in transactions: SQLite has one writer.
    A rule that cannot be followed stops no other one: what is wrong is written on it, and its open alerts stay as they are.
    """
    rules = list(Rule.objects.filter(enabled=True).select_related("kpi__scorecard", "scorecard"))
    kpis = list(KPI.objects.active().select_related("scorecard"))
    stand = {one.kpi.pk: one for one in standings(kpis, now=now)}
    sights = {rule.pk: _looked(rule, stand, now) for rule in rules}
    seen = {sight.key for found in sights.values() for sight in found or ()}
    blind = {pk for pk, found in sights.items() if found is None}
    left = list(Incident.objects.exclude(state=State.RESOLVED).select_related("kpi__scorecard"))
    by_itself = [one for one in left if one.kind in (Kind.THRESHOLD, Kind.OUTAGE) and one.kpi_id in stand]
    ended = [one for one in left if one.key not in seen and one.rule_id not in blind and one not in by_itself]
    looked = [sight for found in sights.values() for sight in found or ()]
    incidents.follow([*looked, *(_ended(one, now) for one in ended)], now=now)
    if again := [one.kpi for one in by_itself if one.kind == Kind.THRESHOLD and one.kpi]:
        with transaction.atomic():
            remember(again, now=now, look_again=True)


def look(rule: Rule, *, now: datetime) -> list[Sight]:
    """What a rule sees now, also one that is off: nothing moves. Raises whatever keeps it from being followed."""
    kpis = KPI.objects.active().select_related("scorecard")
    if rule.kpi_id:
        kpis = kpis.filter(pk=rule.kpi_id)
    if rule.scorecard_id:
        kpis = kpis.filter(scorecard=rule.scorecard_id)
    chosen = [] if rule.kind == Kind.ABSENT else list(kpis)
    return list(_sights(rule, {one.kpi.pk: one for one in standings(chosen, now=now)}, now))


def _looked(rule: Rule, stand: dict[int, Standing], now: datetime) -> list[Sight] | None:
    """What a rule sees; None where it cannot be followed, which is then written on it, and taken off when it can again."""
    try:
        found = list(_sights(rule, stand, now))
    except Exception as error:
        logger.exception("the alert rule %s cannot be followed", rule.pk)
        fault = why(error)
        if rule.fault != fault:
            Rule.objects.filter(pk=rule.pk).update(fault=fault, fault_at=rule.fault_at or now)
        return None
    if rule.fault:
        Rule.objects.filter(pk=rule.pk).update(fault="", fault_at=None)
    return found


def why(error: Exception) -> str:
    """What is said of a rule that cannot be followed. What did not come from us may name hosts and people: the log has it."""
    return str(error)[:300] if isinstance(error, ValueError) else f"{type(error).__name__}: the log says more"


def _sights(rule: Rule, stand: dict[int, Standing], now: datetime) -> Iterable[Sight]:
    if rule.kind == Kind.ABSENT:
        return [_absent(rule, now)]
    chosen = [one for one in stand.values() if rule.kpi_id in (None, one.kpi.pk)]
    chosen = [one for one in chosen if rule.scorecard_id in (None, one.kpi.scorecard_id)]
    if rule.kind == Kind.BURN_RATE:
        return [_burning(rule, one.kpi, now) for one in chosen if is_share(one.kpi)]
    return [_silent(rule, one, now) for one in chosen]


def _ended(incident: Incident, now: datetime) -> Sight:
    return Sight(
        key=incident.key,
        kind=incident.kind,
        severity=incident.severity,
        title=incident.title,
        look=Look(now, False),
        kpi=incident.kpi,
        subject=incident.subject,
        value=incident.value,
        origin=incident.origin,
        measured_at=incident.measured_at,
        note="It is no longer watched: its rule is off, or its KPI is archived.",
    )


def _silent(rule: Rule, found: Standing, now: datetime) -> Sight:
    """A KPI that is too old, or was never measured."""
    kpi, stale = found.kpi, rule.kind == Kind.STALE
    since = (found.memory.since if stale else None) or (now if stale else kpi.created_at)
    bad: bool | None = found.status == (Status.STALE if stale else Status.NO_DATA)
    if stale and found.status == Status.NO_DATA:
        bad = None  # what was never measured is not fresh
    return Sight(
        key=f"{rule.kind}:{rule.pk}:{kpi.pk}",
        kind=rule.kind,
        severity=rule.severity,
        title=f"{kpi.name} is too old" if stale else f"{kpi.name} was never measured",
        look=Look(now, bad, bool(bad) and now - since >= timedelta(seconds=rule.for_s)),
        recover_s=rule.recover_s,
        kpi=kpi,
        rule=rule,
        subject=", ".join(found.stale_subjects)[:80],
        value=found.actual,
        origin=found.origin,
        measured_at=found.at,
        fires_at=since + timedelta(seconds=rule.for_s) if bad else None,
        note=f"Its freshness limit is {span(timedelta(seconds=kpi.freshness_s))}." if stale and bad else "",
    )


def _absent(rule: Rule, now: datetime) -> Sight:
    """A CI result, or a figure that people enter, that did not come in its rhythm."""
    every, grace = timedelta(seconds=rule.every_s or 0), timedelta(seconds=rule.for_s)
    came = _came(rule)
    due = (came or rule.created_at) + every
    what = f"No CI result of {rule.service} arrived" if rule.service else f"{rule.kpi} was not entered"
    last = f"the last one came {came:%Y-%m-%d %H:%M} UTC" if came else "none came yet"
    return Sight(
        key=f"absent:{rule.pk}",
        kind=Kind.ABSENT,
        severity=rule.severity,
        title=f"{what} for {span(every + grace)}",
        look=Look(now, now >= due, now >= due + grace),
        recover_s=rule.recover_s,
        kpi=rule.kpi,
        scorecard=rule.scorecard,
        rule=rule,
        subject=rule.service,
        measured_at=came,
        fires_at=due + grace,
        note=f"Expected every {span(every)}; {last}.",
    )


def _came(rule: Rule) -> datetime | None:
    if not rule.service:
        entered = Measurement.objects.filter(BY_PEOPLE, series__kpi=rule.kpi)
        return entered.order_by("-at").values_list("at", flat=True).first()
    sent = Submission.objects.filter(service=rule.service, invalidated_at=None)
    if rule.branch:
        sent = sent.filter(branch=rule.branch)
    scorecard = rule.scorecard or (rule.kpi.scorecard if rule.kpi else None)
    sent = sent.filter(Q(scorecard=scorecard) | Q(scorecard=None))
    return sent.order_by("-received_at").values_list("received_at", flat=True).first()


def _burning(rule: Rule, kpi: KPI, now: datetime) -> Sight:
    """The series that burns the fastest; unknown while no series has enough events."""
    objective = rule.objective or 0.0
    by_series = _events(kpi, now)
    fewest = rule.min_events
    rates = [(burning.burn(one, now=now, objective=objective, min_events=fewest), subject) for subject, one in by_series.items()]
    burns = [(found, subject) for found, subject in rates if found]
    worst = max(burns, key=lambda one: one[0].rate / one[0].pair.factor, default=None)
    known = any(burning.known(one, now=now, min_events=fewest) for one in by_series.values())
    # a rate is no share: rounded like any other figure, not kept below 100
    text = f" burns {plain(float(f'{worst[0].rate:.3g}'))} times as fast as it may" if worst else " burns too fast"
    return Sight(
        key=f"burn_rate:{rule.pk}:{kpi.pk}",
        kind=Kind.BURN_RATE,
        severity=rule.severity,
        title=f"{kpi.name}: the error budget{text}",
        look=Look(now, bool(burns) if known else None, bool(burns)),
        recover_s=rule.recover_s,
        kpi=kpi,
        rule=rule,
        subject=worst[1] if worst else "",
        note=f"Over {span(worst[0].pair.long)} and {span(worst[0].pair.short)}, {worst[0].events} events." if worst else "",
    )


def _events(kpi: KPI, now: datetime) -> dict[str, Sequence[burning.Events]]:
    """What happened, by subject: as measured in the last hours, by the hour before."""
    scale, good = factor(kpi.unit, "ratio"), kpi.direction == "higher"
    split = (now - RAW).replace(minute=0, second=0, microsecond=0)
    mine = {"series__kpi": kpi, "series__enabled": True}
    raw = Measurement.objects.filter(**mine, at__gte=split, at__lte=now).values_list("series__subject", "at", "count", "value")
    hours = Rollup.objects.filter(**mine, resolution="hour", at__gte=now - burning.LONGEST, at__lt=split)
    older = [
        (subject, at, count, total / count)
        for subject, at, count, total in hours.values_list("series__subject", "last_at", "count", "total")
        if count
    ]
    rows = sorted([*older, *raw], key=lambda row: (row[0], row[1]))
    return {
        subject: [burning.Events(at, count, 1 - value * scale if good else value * scale) for _, at, count, value in part]
        for subject, part in groupby(rows, key=lambda row: row[0])
    }
