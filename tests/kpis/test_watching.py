"""What no new figure shows: outages, absence, rhythms, budgets; and time to recovery."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from accounts.models import User
from kpis import rules
from kpis.models import KPI, Incident, Measurement, Rule, Submission, Transition
from kpis.points import Point
from kpis.recording import record
from kpis.reliability import write_down
from kpis.remembering import remember_changes
from kpis.standing import standing
from kpis.watching import look, watch_outages, watch_rules
from tests.kpis.factories import NOW, make_kpi, make_scorecard, make_target

pytestmark = [pytest.mark.django_db, pytest.mark.databases]


def attempt(kpi: KPI, share: float, minute: float, *, subject: str = "orders") -> None:
    at = NOW + timedelta(minutes=minute)
    record([Point(kpi=kpi, subject=subject, at=at, value=share, origin=f"run:{int(minute * 10)}")], now=at)
    watch_outages(now=at)


def uptime(**fields: object) -> KPI:
    return make_kpi(metric="availability", unit="%", direction="higher", window_s=30 * 86400, **fields)


def states() -> list[str]:
    return list(Transition.objects.order_by("pk").values_list("state", flat=True))


def test_two_failed_attempts_are_an_outage_and_its_length_is_the_mttr() -> None:
    kpi = uptime()
    recovery = make_kpi(metric="recovery_time", unit="min", scorecard=kpi.scorecard, window_s=30 * 86400)
    for minute, share in enumerate([100, 0, 0, 0, 100, 100]):
        attempt(kpi, share, minute)
    found = Incident.objects.get()
    assert (found.kind, found.title, found.severity) == ("outage", "orders is not available", "critical")
    assert (found.fired_at, found.resolved_at) == (NOW + timedelta(minutes=2), NOW + timedelta(minutes=4))
    assert write_down(now=NOW + timedelta(minutes=6)) == 0
    assert write_down(now=NOW + timedelta(minutes=20)) == 1
    assert write_down(now=NOW + timedelta(minutes=30)) == 0
    told = standing(recovery, now=NOW + timedelta(minutes=20))
    assert (told.actual, told.origin, told.worst_subject) == (2, f"incident:{found.pk}", "orders")
    assert standing(kpi, now=NOW + timedelta(minutes=6)).actual == 50


def test_one_failed_attempt_is_no_outage() -> None:
    kpi = uptime()
    for minute, share in enumerate([100, 0, 100, 0, 100]):
        attempt(kpi, share, minute)
    assert Incident.objects.count() == 0


def test_each_service_has_its_own_outage() -> None:
    kpi = uptime()
    for minute in (0, 1):
        attempt(kpi, 0, minute, subject="orders")
        attempt(kpi, 100, minute, subject="catalog")
    assert [one.subject for one in Incident.objects.open()] == ["orders"]


def test_outage_that_is_no_longer_measured_stays() -> None:
    kpi = uptime(freshness_s=600)
    attempt(kpi, 0, 0)
    attempt(kpi, 0, 1)
    watch_outages(now=NOW + timedelta(days=1))
    assert states() == ["pending", "firing"]


def test_stale_rule_watches_a_scorecard() -> None:
    scorecard = make_scorecard()
    kpi = make_kpi(scorecard=scorecard, freshness_s=600, name="Memory")
    make_target(kpi)
    make_kpi(scorecard=make_scorecard(), freshness_s=600)
    rules.create(fields={"kind": "stale", "scorecard": scorecard, "for_s": 300}, actor=User.objects.create(username="e"))
    record([Point(kpi=kpi, subject="orders", at=NOW, value=1, origin="run:1")], now=NOW)
    for minute in (5, 11, 14, 16):
        remember_changes([kpi], now=NOW + timedelta(minutes=minute))
        watch_rules(now=NOW + timedelta(minutes=minute))
    found = Incident.objects.get()
    assert (found.title, found.state, found.fired_at) == ("Memory is too old", "firing", NOW + timedelta(minutes=16))
    late = NOW + timedelta(minutes=20)
    record([Point(kpi=kpi, subject="orders", at=late, value=1, origin="run:2")], now=late)
    watch_rules(now=late)
    assert states() == ["pending", "firing", "resolved"]


def test_what_was_never_measured_is_no_good_news_for_a_stale_rule() -> None:
    rule = Rule.objects.create(kind="stale", kpi=make_kpi())
    assert [sight.look.bad for sight in look(rule, now=NOW)] == [None]


def test_no_data_rule() -> None:
    kpi = make_kpi(name="Tickets")
    KPI.objects.update(created_at=NOW)
    Rule.objects.create(kind="no_data", kpi=kpi, for_s=3600)
    watch_rules(now=NOW + timedelta(minutes=30))
    watch_rules(now=NOW + timedelta(minutes=60))
    assert (states(), Incident.objects.get().title) == (["pending", "firing"], "Tickets was never measured")


def test_expected_ci_result_did_not_arrive() -> None:
    user, scorecard = User.objects.create(username="ci"), make_scorecard()
    rule = Rule.objects.create(kind="absent", scorecard=scorecard, service="orders", branch="main", every_s=86400, for_s=3600)
    Rule.objects.update(created_at=NOW)
    sent = Submission.objects.create(
        scorecard=scorecard, service="orders", branch="main", format="milepost", submitted_by=user, verdict="pass", document={}
    )
    Submission.objects.update(received_at=NOW)
    for hour in (23, 24.5):
        watch_rules(now=NOW + timedelta(hours=hour))
    assert Incident.objects.pending().get().fires_at == NOW + timedelta(hours=25)
    watch_rules(now=NOW + timedelta(hours=25))
    found = Incident.objects.get()
    assert (found.state, found.title, found.rule) == ("firing", "No CI result of orders arrived for 25 h", rule)
    Submission.objects.filter(pk=sent.pk).update(received_at=NOW + timedelta(hours=26))
    watch_rules(now=NOW + timedelta(hours=26))
    assert Incident.objects.get().state == "resolved"


def test_manual_entry_with_a_rhythm_did_not_arrive() -> None:
    kpi = make_kpi(name="Satisfaction", unit="score")
    Rule.objects.create(kind="absent", kpi=kpi, every_s=7 * 86400)
    Rule.objects.update(created_at=NOW)
    record([Point(kpi=kpi, subject="survey", at=NOW, value=4, origin="manual:manager:1")], now=NOW)
    watch_rules(now=NOW + timedelta(days=6))
    assert Incident.objects.count() == 0
    watch_rules(now=NOW + timedelta(days=7))
    assert Incident.objects.get().title == "Satisfaction was not entered for 7 d"


def test_error_budget_that_burns_a_hundred_times_too_fast_is_said_so(as_viewer: Client) -> None:
    kpi = make_kpi(metric="error_rate", unit="%", name="Error rate", aggregation="mean")
    Rule.objects.create(kind="burn_rate", kpi=kpi, objective=0.99, min_events=10)
    record([Point(kpi=kpi, subject="orders", at=NOW, value=99.9999, count=6000, origin="run:1")], now=NOW)
    watch_rules(now=NOW)
    found = Incident.objects.get()
    assert found.title == "Error rate: the error budget burns 100 times as fast as it may"
    told = as_viewer.get(f"/alerts/{found.pk}/").content.decode()
    assert ("6000 events" in told, "nothing was measured" in told) == (True, False)


def test_error_budget_that_burns() -> None:
    kpi = make_kpi(metric="error_rate", unit="%", name="Error rate", aggregation="mean")
    Rule.objects.create(kind="burn_rate", kpi=kpi, objective=0.999, min_events=1000, severity="critical")
    for minute in range(60):
        at = NOW - timedelta(minutes=59 - minute)
        record([Point(kpi=kpi, subject="orders", at=at, value=2, count=100, origin=f"run:{minute}")], now=NOW)
    watch_rules(now=NOW)
    found = Incident.objects.get()
    assert (found.state, found.subject, found.title) == (
        "firing",
        "orders",
        "Error rate: the error budget burns 20 times as fast as it may",
    )
    for minute in range(1, 8):
        at = NOW + timedelta(minutes=minute)
        record([Point(kpi=kpi, subject="orders", at=at, value=0, count=100_000, origin=f"run:{60 + minute}")], now=at)
    watch_rules(now=NOW + timedelta(minutes=7))
    assert Incident.objects.get().state == "resolved"


def test_too_few_events_burn_nothing() -> None:
    kpi = make_kpi(metric="error_rate", unit="ratio")
    Rule.objects.create(kind="burn_rate", kpi=kpi, objective=0.999, min_events=1000)
    record([Point(kpi=kpi, subject="orders", at=NOW, value=1, count=999, origin="run:1")], now=NOW)
    watch_rules(now=NOW)
    assert Incident.objects.count() == 0


def breached() -> KPI:
    kpi = make_kpi(aggregation="last")
    make_target(kpi, "<", 50, alert_threshold=100)
    record([Point(kpi=kpi, subject="orders", at=NOW, value=120, origin="run:1")], now=NOW)
    return kpi


def archive(kpi: KPI) -> None:
    KPI.objects.update(archived_at=NOW)


def lose(kpi: KPI) -> None:
    """Good again, while a clock that was stepped back let nothing move."""
    Incident.objects.update(moved_at=NOW + timedelta(minutes=1))
    at = NOW + timedelta(seconds=30)
    record([Point(kpi=kpi, subject="orders", at=at, value=40, origin="run:2")], now=at)


@pytest.mark.parametrize("cause", [archive, lose])
def test_open_alert_is_looked_at_again(cause: Callable[[KPI], None]) -> None:
    cause(breached())
    assert Incident.objects.get().state == "firing"
    watch_rules(now=NOW + timedelta(minutes=2))
    assert Incident.objects.get().state == "resolved"


def test_rule_that_is_off_ends_its_alerts() -> None:
    rule = Rule.objects.create(kind="no_data", kpi=make_kpi())
    KPI.objects.update(created_at=NOW)
    watch_rules(now=NOW)
    rules.change(rule=rule, changes={"enabled": False}, actor=User.objects.create(username="e"))
    watch_rules(now=NOW + timedelta(minutes=1))
    assert Incident.objects.get().state == "resolved"
    assert Measurement.objects.count() == 0


def test_a_rule_that_cannot_be_followed_stops_no_other_one() -> None:
    kpi, silent = make_kpi(metric="error_rate", unit="%", aggregation="mean"), make_kpi(name="Tickets")
    KPI.objects.update(created_at=NOW)
    record([Point(kpi=kpi, subject="orders", at=NOW, value=2, count=1000, origin="run:1")], now=NOW)
    broken = Rule.objects.create(kind="burn_rate", kpi=kpi, objective=1)  # no budget at all: nothing to divide by
    Rule.objects.create(kind="no_data", kpi=silent)
    for minute in (1, 2):
        watch_rules(now=NOW + timedelta(minutes=minute))
    broken.refresh_from_db()
    assert [one.title for one in Incident.objects.open()] == ["Tickets was never measured"]
    assert (broken.fault, broken.fault_at) == ("ZeroDivisionError: the log says more", NOW + timedelta(minutes=1))
    Rule.objects.filter(pk=broken.pk).update(objective=0.5)
    watch_rules(now=NOW + timedelta(minutes=3))
    broken.refresh_from_db()
    assert (broken.fault, broken.fault_at) == ("", None)


def test_open_alerts_of_a_rule_that_cannot_be_followed_stay() -> None:
    kpi = make_kpi(metric="error_rate", unit="%", aggregation="mean")
    record([Point(kpi=kpi, subject="orders", at=NOW, value=50, count=1000, origin="run:1")], now=NOW)
    Rule.objects.create(kind="burn_rate", kpi=kpi, objective=0.9)
    watch_rules(now=NOW)
    Rule.objects.update(objective=1)
    watch_rules(now=NOW + timedelta(minutes=1))
    assert states() == ["firing"]
