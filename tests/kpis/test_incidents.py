"""Incidents that follow from what was recorded: one life each, every step with the figure behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest
from django.db import transaction

from accounts.models import AuditEntry
from kpis import incidents
from kpis.alerting import Look
from kpis.incidents import Sight
from kpis.models import KPI, Incident, KpiState, Transition
from kpis.models.alerts import place
from kpis.points import Point
from kpis.recording import Receipt, record
from kpis.remembering import remember_changes
from tests.factories import People
from tests.kpis.factories import NOW, make_kpi, make_target

pytestmark = [pytest.mark.django_db, pytest.mark.databases]


def connections(**target: int) -> KPI:
    kpi = make_kpi(name="Database connections", unit="count", aggregation="last")
    make_target(kpi, "<", 50, alert_threshold=100, severity="high", **target)
    return kpi


def see(kpi: KPI, values: Sequence[float], *, start: datetime = NOW, step_s: int = 60) -> datetime:
    """Record one value after another as they are measured; gives the time of the last one."""
    at = start
    for index, value in enumerate(values):
        at = start + timedelta(seconds=step_s * index)
        record([Point(kpi=kpi, subject="orders", at=at, value=value, origin=f"run:{index}")], now=at)
    return at


def states() -> list[str]:
    return list(Transition.objects.values_list("state", flat=True))


def test_breach_opens_an_incident_with_the_measurement_behind_it() -> None:
    kpi = connections()
    see(kpi, [40, 120])
    found = Incident.objects.get()
    assert (found.state, found.severity, found.title) == ("firing", "high", "Database connections above 100")
    assert (found.value, found.origin, found.subject, found.kpi) == (120, "run:1", "orders", kpi)
    step = found.transitions.get()
    assert (step.number, step.at, step.measured_at, step.outbox) == (
        1,
        NOW + timedelta(minutes=1),
        NOW + timedelta(minutes=1),
        "due",
    )


def test_pending_fires_after_its_duration() -> None:
    see(connections(for_s=120), [120, 120, 120])
    assert states() == ["pending", "firing"]
    assert Incident.objects.get().fired_at == NOW + timedelta(minutes=2)


def test_pending_says_when_it_will_fire_by_the_target_in_force() -> None:
    kpi = connections(for_s=120)
    see(kpi, [120])
    assert Incident.objects.pending().get().fires_at == NOW + timedelta(minutes=2)
    make_target(kpi, "<", 50, alert_threshold=100, for_s=600)
    see(kpi, [120], start=NOW + timedelta(minutes=1))
    assert Incident.objects.pending().get().fires_at == NOW + timedelta(minutes=10)


def test_short_breach_was_no_alert() -> None:
    see(connections(for_s=120), [120, 40, 120, 40])
    assert Incident.objects.count() == 0


def test_recovery_resolves_it() -> None:
    see(connections(recover_s=120), [120, 40, 40, 40])
    found = Incident.objects.get()
    assert (found.state, found.resolved_at) == ("resolved", NOW + timedelta(minutes=3))
    assert states() == ["firing", "resolved"]


@pytest.mark.parametrize("recover_s", [0, 240])
def test_swinging_for_an_hour_is_one_incident(recover_s: int) -> None:
    last = see(connections(recover_s=recover_s), [120, 40] * 30)
    see(Incident.objects.get().kpi or make_kpi(), [40] * 10, start=last + timedelta(minutes=1))
    found = Incident.objects.get()
    due = [step.state for step in found.transitions.all() if step.outbox == "due"]
    assert (found.state, due) == ("resolved", ["firing", "resolved"])


def test_breach_after_the_recover_window_is_another_incident() -> None:
    kpi = connections()
    see(kpi, [120, 40])
    see(kpi, [120], start=NOW + timedelta(hours=1))
    assert list(Incident.objects.order_by("pk").values_list("state", flat=True)) == ["resolved", "firing"]


def test_absence_neither_resolves_nor_opens() -> None:
    kpi = connections()
    see(kpi, [120])
    remember_changes([kpi], now=NOW + timedelta(days=1))
    assert (KpiState.objects.get().status, Incident.objects.get().state) == ("stale", "firing")


def test_threshold_that_is_no_more_in_force_ends_it() -> None:
    kpi = connections()
    see(kpi, [120])
    make_target(kpi, "<", 50, effective_from=NOW + timedelta(minutes=1))
    see(kpi, [120], start=NOW + timedelta(minutes=2))
    assert Incident.objects.get().state == "resolved"
    assert Transition.objects.last().note == "No alert threshold is in force any more."  # type: ignore[union-attr]


def test_clock_stepped_back_raises_no_storm() -> None:
    kpi = connections()
    see(kpi, [120, 120, 40])
    before = states()
    for minutes in range(60, 0, -1):
        remember_changes([kpi], now=NOW - timedelta(minutes=minutes))
        see(kpi, [120], start=NOW - timedelta(minutes=minutes))
    assert (states(), Incident.objects.count()) == (before, 1)


@pytest.mark.parametrize("how_many", [1, 30])
def test_many_are_opened_in_as_many_statements_as_one(how_many: int, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    kpis = [make_kpi() for _ in range(how_many)]
    sights = [
        Sight(key=f"threshold:{kpi.pk}", kind="threshold", severity="low", title=kpi.name, look=Look(NOW, True, True), kpi=kpi)
        for kpi in kpis
    ]
    with transaction.atomic(), django_assert_num_queries(7):
        incidents.follow(sights, now=NOW)
    assert Incident.objects.open().count() == how_many


def test_acknowledged_by_a_person_with_a_note(people: People) -> None:
    see(connections(), [120])
    found = incidents.acknowledge(
        incident=Incident.objects.get(), actor=people.engineer, note="Pool is resized.", now=NOW + timedelta(minutes=2)
    )
    assert (found.state, found.acknowledged_by) == ("acknowledged", "Engineer")
    step = found.transitions.last()
    assert step is not None
    assert (step.by, step.note, step.actor) == ("Engineer", "Pool is resized.", people.engineer)
    assert AuditEntry.objects.filter(action="alert.acknowledge", why="Pool is resized.").count() == 1
    with pytest.raises(incidents.CannotAcknowledge, match="Engineer has acknowledged it already"):
        incidents.acknowledge(incident=found, actor=people.manager, now=NOW)


def test_what_is_over_is_not_acknowledged(people: People) -> None:
    see(connections(), [120, 40])
    with pytest.raises(incidents.CannotAcknowledge, match="It is resolved"):
        incidents.acknowledge(incident=Incident.objects.get(), actor=people.engineer, now=NOW)


def test_what_was_forgotten_meanwhile_is_not_acknowledged(people: People) -> None:
    see(connections(), [120])
    seen = Incident.objects.get()
    Incident.objects.all().delete()
    with pytest.raises(incidents.CannotAcknowledge, match="It never fired"):
        incidents.acknowledge(incident=seen, actor=people.engineer, now=NOW)


def worst_of_several(**target: int) -> KPI:
    kpi = make_kpi(name="Latency", unit="count", aggregation="last", across="worst")
    make_target(kpi, "<", 100, alert_threshold=100, **target)
    return kpi


def measured(kpi: KPI, *values: tuple[str, float]) -> None:
    """One series after another, a second apart, after what was measured before."""
    start = Transition.objects.count() + Incident.objects.count()
    for index, (subject, value) in enumerate(values):
        at = NOW + timedelta(seconds=start * 10 + index)
        record([Point(kpi=kpi, subject=subject, at=at, value=value, origin=f"run:{index}")], now=at)


def life() -> list[tuple[str, str, float | None, str]]:
    return list(Transition.objects.order_by("pk").values_list("state", "subject", "value", "outbox"))


def test_the_incident_is_about_the_series_that_stands_for_the_kpi() -> None:
    measured(worst_of_several(), ("a", 500), ("b", 900), ("a", 50), ("b", 700), ("a", 800), ("b", 900), ("b", 50))
    assert life() == [
        ("firing", "a", 500, "due"), ("firing", "b", 900, "due"), ("firing", "a", 800, "quiet"),
        ("firing", "b", 900, "quiet"), ("firing", "a", 800, "quiet"),
    ]  # fmt: skip
    found = Incident.objects.get()
    assert (found.subject, found.value) == ("a", 800)
    assert found.transitions.get(number=2).note == "b stands for it now, before it was a."


def test_a_good_figure_takes_no_alert_over() -> None:
    measured(worst_of_several(recover_s=300), ("a", 500), ("b", 60), ("a", 50))
    assert (Incident.objects.get().subject, Incident.objects.get().state) == ("a", "firing")


def test_taken_up_for_one_subject_is_not_taken_up_for_another(people: People) -> None:
    kpi = worst_of_several()
    measured(kpi, ("a", 500))
    incidents.acknowledge(incident=Incident.objects.get(), actor=people.engineer, now=NOW + timedelta(seconds=5))
    measured(kpi, ("b", 900))
    assert (Incident.objects.get().state, Incident.objects.get().acknowledged_by) == ("firing", "")
    incidents.acknowledge(incident=Incident.objects.get(), actor=people.engineer, now=NOW + timedelta(seconds=32))
    taken_up = Incident.objects.get().acknowledged_at
    measured(kpi, ("b", 50))
    found = Incident.objects.get()
    assert (found.state, found.subject, found.acknowledged_by, found.acknowledged_at) == (
        "acknowledged",
        "a",
        "Engineer",
        taken_up,
    )


def test_another_subject_within_the_recover_window_is_told(people: People) -> None:
    kpi = worst_of_several()
    measured(kpi, ("a", 500))
    incidents.acknowledge(incident=Incident.objects.get(), actor=people.engineer, now=NOW + timedelta(seconds=5))
    measured(kpi, ("a", 50), ("b", 900))
    found = Incident.objects.get()
    assert (found.state, found.subject, found.value) == ("firing", "b", 900)
    assert life()[-2:] == [("resolved", "a", 50, "quiet"), ("firing", "b", 900, "due")]


@pytest.mark.parametrize(("points", "then"), [(1, None), (1, lambda receipt: None), (100, None)])
def test_what_fires_again_after_its_end_was_told_is_told_again(
    points: int, then: Callable[[Receipt], None] | None, people: People
) -> None:
    """Whichever way the figures are written."""
    kpi = connections(recover_s=300)
    see(kpi, [120])
    incidents.acknowledge(incident=Incident.objects.get(), actor=people.engineer, now=NOW)
    ended = see(kpi, [10, 10], start=NOW + timedelta(minutes=1), step_s=400)
    Transition.objects.filter(outbox="due").update(outbox="routed")
    at = ended + timedelta(minutes=1)
    times = [at - timedelta(microseconds=number) for number in range(points)]
    record([Point(kpi=kpi, subject="orders", at=one, value=130, origin="run:9") for one in times], now=at, then=then)
    assert states() == ["firing", "acknowledged", "resolved", "firing"]
    assert Transition.objects.get(number=4).outbox == "due"


@pytest.mark.parametrize(
    ("title", "told"),
    [("web is not available", ""), ("web-vitals above 200 ms", "web"), ("Latency (web) burns", ""), ("cobweb", "web")],
)
def test_a_subject_is_told_unless_the_title_has_it_as_a_word(title: str, told: str) -> None:
    assert place(title, "web") == told
