"""What somebody on duty sees: alerts by what is to be done about them, one alert's life, and how fast things recover."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Avg, Case, Count, DurationField, ExpressionWrapper, F, Q, QuerySet, When

from kpis import waivers
from kpis.alerting import State
from kpis.models import KPI, Delivery, Incident, Kind, Message, MessageState, Rule, Silence, Transition
from kpis.models.channels import RANKS
from kpis.routing import silenced_until

SHOWS = {
    "open": "Open",
    "firing": "Firing",
    "pending": "About to fire",
    "acknowledged": "Acknowledged",
    "silenced": "Silenced",
    "resolved": "Resolved",
}
LAST = timedelta(days=30)
LENGTH = ExpressionWrapper(F("resolved_at") - F("fired_at"), output_field=DurationField())
MOST_OPEN = 1000
MOST_BANDS, MOST_FIRED = 100, 6
"""Of a chart, the newest."""

MOST_QUIETS = 10_000
"""Of one silence in a span of time: every hour of a year."""

OPEN = (State.FIRING, State.ACKNOWLEDGED)


@dataclass(frozen=True)
class Row:
    """An alert with what mutes it and what excuses it."""

    incident: Incident
    silenced_until: datetime | None = None
    waived_until: datetime | None = None


@dataclass(frozen=True)
class Watch:
    """How it stands. Lengths are None where nothing has recovered in the last 30 days."""

    firing: int
    pending: int
    acknowledged: int
    silenced: int
    dead: int
    faulty: int
    mttr: timedelta | None
    outages: int
    recovery: timedelta | None
    recovered: int

    @property
    def headline(self) -> str:
        """One sentence: "3 alerts are firing, 1 is acknowledged."."""
        if not self.firing and not self.acknowledged:
            return "Nothing is firing."
        parts = []
        if self.firing:
            parts.append(f"{self.firing} alert{'s are' if self.firing != 1 else ' is'} firing")
        if self.acknowledged:
            noun = "" if self.firing else f" alert{'s' if self.acknowledged != 1 else ''}"
            parts.append(f"{self.acknowledged}{noun} {'are' if self.acknowledged != 1 else 'is'} acknowledged")
        return ", ".join(parts) + "."


def rows(incidents: Sequence[Incident], *, now: datetime) -> list[Row]:
    """Two queries, however many there are."""
    silences = list(Silence.objects.touching(now, now))
    waived = waivers.by_subject([one.kpi_id for one in incidents if one.kpi_id], now)
    return [Row(one, silenced_until(one, silences, now), _waived(one, waived)) for one in incidents]


def _waived(incident: Incident, waived: Mapping[int, Mapping[str, datetime]]) -> datetime | None:
    """Until when its KPI is waived, as a whole or on the subject; a waiver mutes nothing."""
    mine = waived.get(incident.kpi_id or 0, {})
    return mine.get("") or mine.get(incident.subject)


def listed() -> QuerySet[Incident]:
    """What was an alert at any time: what is only pending is none yet."""
    return Incident.objects.exclude(fired_at=None).select_related("kpi__scorecard", "scorecard")


def shown() -> QuerySet[Incident]:
    """What can be looked at by its number: whatever was an alert, and what may become one."""
    return Incident.objects.filter(Q(fired_at__isnull=False) | Q(state=State.PENDING)).select_related(
        "kpi__scorecard", "scorecard"
    )


def about_to_fire() -> QuerySet[Incident]:
    """What is bad and will be an alert if it stays so, the next one first."""
    return (
        Incident.objects.pending()
        .select_related("kpi__scorecard", "scorecard")
        .order_by(F("fires_at").asc(nulls_last=True), "pk")
    )


def chosen(show: str, *, now: datetime) -> tuple[QuerySet[Incident], list[Row] | None]:
    """The alerts of one tab: as a query, or for the silenced ones as rows, since a recurring silence must be asked."""
    found = listed()
    if show == "resolved":
        return found.filter(state=State.RESOLVED), None
    if show == State.PENDING:
        return about_to_fire(), None
    if show in (State.FIRING, State.ACKNOWLEDGED):
        return _pressing(found.filter(state=show)), None
    if show == "silenced":
        muted = [row for row in rows(list(_pressing(found)[:MOST_OPEN]), now=now) if row.silenced_until]
        return found.none(), muted
    return _pressing(found), None


def _pressing(found: QuerySet[Incident]) -> QuerySet[Incident]:
    """Those that are open, what nobody has taken up first, of these the worst, of these the newest."""
    taken_up = Case(When(state=State.FIRING, then=0), default=1)
    rank = Case(*(When(severity=name, then=number) for name, number in RANKS.items()), default=-1)
    return found.filter(state__in=OPEN).order_by(taken_up, rank.desc(), "-fired_at", "-pk")


def watch(*, now: datetime) -> Watch:
    """Mean times are from firing to resolved; the MTTR is that of outages alone."""
    open_ones = list(Incident.objects.open().select_related(None)[:MOST_OPEN])
    silences = list(Silence.objects.touching(now, now))
    states = [one.state for one in open_ones]
    outage = Q(kind=Kind.OUTAGE)
    told = _recovered(now).aggregate(
        recovery=Avg(LENGTH), recovered=Count("pk"), mttr=Avg(LENGTH, filter=outage), outages=Count("pk", filter=outage)
    )
    return Watch(
        firing=states.count(State.FIRING),
        pending=Incident.objects.pending().count(),
        acknowledged=states.count(State.ACKNOWLEDGED),
        silenced=sum(silenced_until(one, silences, now) is not None for one in open_ones),
        dead=Message.objects.undelivered().count(),
        faulty=Rule.objects.filter(enabled=True).exclude(fault="").count(),
        **told,
    )


def _recovered(now: datetime) -> QuerySet[Incident]:
    return Incident.objects.filter(state=State.RESOLVED, resolved_at__gte=now - LAST, fired_at__isnull=False)


@dataclass(frozen=True)
class Recovery:
    """Mean time from firing to resolved in the last 30 days: of the alerts of one KPI, and of all outages (the MTTR)."""

    mean: timedelta | None
    count: int
    mttr: timedelta | None
    outages: int


def recovery_of(kpi: KPI, *, now: datetime) -> Recovery:
    """The alerts of a KPI beside the MTTR, which outages alone feed. One query."""
    mine, outage = Q(kpi=kpi) & ~Q(kind=Kind.OUTAGE), Q(kind=Kind.OUTAGE)
    found = _recovered(now).aggregate(
        mean=Avg(LENGTH, filter=mine), count=Count("pk", filter=mine),
        mttr=Avg(LENGTH, filter=outage), outages=Count("pk", filter=outage),
    )  # fmt: skip
    return Recovery(**found)


def open_counts() -> dict[str, int]:
    """How many alerts are open, by state."""
    rows = Incident.objects.filter(state__in=OPEN).values_list("state").annotate(Count("pk")).order_by()
    return dict.fromkeys(map(str, OPEN), 0) | dict(rows)


def undelivered_counts() -> dict[str, int]:
    """How many messages wait to be taken, and how many were given up and not yet put aside."""
    waiting = Message.objects.filter(state__in=(MessageState.WAITING, MessageState.SENDING)).exclude(deliveries=None)
    return {"waiting": waiting.count(), "dead": Message.objects.undelivered().count()}


def firing_count() -> int:
    return Incident.objects.filter(state=State.FIRING).count()


def breaches(kpi_ids: Collection[int]) -> dict[int, Transition]:
    """By KPI, the step with which its open threshold alert fired, or was found to fire again: what was measured then, and by
    what. One query."""
    steps = Transition.objects.filter(incident__kind=Kind.THRESHOLD, incident__kpi__in=kpi_ids, incident__state__in=OPEN)
    found: dict[int, Transition] = {}
    quiet = True
    for step in steps.select_related("incident").order_by("incident", "number"):
        if step.state in OPEN and (quiet or step.number == 1):
            found[step.incident.kpi_id or 0] = step
        quiet = step.state not in OPEN
    return found


@dataclass(frozen=True)
class Story:
    """One alert in full."""

    row: Row
    steps: tuple[Transition, ...]
    told: tuple[Delivery, ...]
    recovery: Recovery | None

    @property
    def incident(self) -> Incident:
        return self.row.incident

    @property
    def sent(self) -> int:
        """How many of the messages about it were taken."""
        return sum(one.message is not None and one.message.state == MessageState.SENT for one in self.told)


def story(incident: Incident, *, now: datetime) -> Story:
    """Its steps and whom they were told, oldest first; beside it how fast its KPI recovers."""
    told = Delivery.objects.filter(transition__incident=incident).select_related("transition", "channel", "message")
    return Story(
        row=rows([incident], now=now)[0],
        steps=tuple(incident.transitions.select_related("actor").order_by("number")),
        told=tuple(told.defer("channel__config", "message__body", "message__event").order_by("pk")),
        recovery=recovery_of(incident.kpi, now=now) if incident.kpi else None,
    )


def quiet(kpi: KPI, start: datetime, end: datetime, *, subjects: Collection[str]) -> list[tuple[datetime, datetime]]:
    """When alerts of a KPI, or of one of its subjects, were or will be silenced in a span of time, the newest."""
    about = Q(kpi=None) | Q(kpi=kpi), Q(scorecard=None) | Q(scorecard=kpi.scorecard_id), Q(service="") | Q(service__in=subjects)
    found = []
    for one in Silence.objects.touching(start, end).filter(*about):
        for since, until in one.window.between(max(start, one.created_at), end, most=MOST_QUIETS):
            since, until = max(since, one.created_at), min(until, one.ended_at) if one.ended_at else until
            if until > since:
                found.append((since, until))
    return sorted(found)[-MOST_BANDS:]


def fired(kpi: KPI, start: datetime, end: datetime) -> list[datetime]:
    """When alerts of a KPI fired in a span of time, the newest few."""
    rows = Incident.objects.filter(kpi=kpi, fired_at__gte=start, fired_at__lt=end).order_by("-fired_at")
    return [at for at in rows.values_list("fired_at", flat=True)[:MOST_FIRED] if at]
