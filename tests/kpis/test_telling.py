"""From a breach to a real server: once, at the right time, in order, and never because of noise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta

import pytest

from kpis import incidents, silences
from kpis.delivering import deliver
from kpis.messages import opened
from kpis.models import KPI, Channel, Incident, Message, Silence, Transition
from kpis.points import Point
from kpis.recording import record
from kpis.sending.webhook import signature
from tests.factories import People
from tests.kpis.factories import NOW, make_kpi, make_scorecard, make_target
from tests.kpis.receivers import Receiver

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
Tell = Callable[[datetime], None]
TICK = timedelta(seconds=5)


def watched(name: str = "Database connections", **target: object) -> KPI:
    kpi = make_kpi(name=name, unit="count", aggregation="last")
    make_target(kpi, "<", 50, **({"alert_threshold": 100, "severity": "high"} | target))
    return kpi


def see(kpi: KPI, value: float, at: datetime = NOW) -> None:
    record([Point(kpi=kpi, subject="orders", at=at, value=value, origin="run:7")], now=at)


def later(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def test_breach_and_recovery_are_one_message_each(channel: Channel, receiver: Receiver, tell: Tell) -> None:
    kpi = watched()
    see(kpi, 120)
    for _ in range(3):
        tell(later(1))
    see(kpi, 40, later(2))
    tell(later(3))
    assert receiver.titles == ["Firing: Database connections above 100 (orders)"]
    tell(later(8))
    tell(later(9))
    assert receiver.titles[1:] == ["Resolved: Database connections above 100 (orders)"]
    event = receiver.taken[0][1]
    assert event["type"] == "alert.firing"
    alert = event["alerts"][0]
    assert (alert["value"], alert["unit"], alert["origin"], alert["severity"]) == (120, "count", "run:7", "high")
    token = alert["acknowledge_url"].rstrip("/").rpartition("/")[2]
    assert opened(token) == (Incident.objects.get().pk, channel.pk)
    assert receiver.taken[1][1]["alerts"][0]["acknowledge_url"] is None


def test_swinging_for_an_hour_is_two_messages(channel: Channel, receiver: Receiver, tell: Tell) -> None:
    kpi, at = watched(), NOW
    for index in range(720):
        at = NOW + TICK * index
        if index % 12 == 0:
            see(kpi, 120 if index % 24 == 0 else 40, at)
        tell(at)
    for index in range(120):
        tell(at + TICK * index)
    assert [title.partition(":")[0] for title in receiver.titles] == ["Firing", "Resolved"]
    assert Incident.objects.count() == 1


def test_two_hundred_together_are_one_digest(channel: Channel, receiver: Receiver, tell: Tell) -> None:
    scorecard = make_scorecard()
    kpis = [make_kpi(scorecard=scorecard, aggregation="last") for _ in range(200)]
    for kpi in kpis:
        make_target(kpi, "<", 50, alert_threshold=100)
    record([Point(kpi=kpi, subject="orders", at=NOW, value=120, origin="run:7") for kpi in kpis], now=NOW)
    for index in range(30):
        tell(NOW + TICK * index)
    assert receiver.titles == ["200 alerts: 200 firing"]
    assert len(receiver.taken[0][1]["alerts"]) == 200
    assert "… and 160 more." in Message.objects.get().body


@pytest.mark.parametrize("failure", ["answers 503", "does not listen"])
def test_channel_down_for_ten_minutes_loses_and_repeats_nothing(
    channel: Channel, receiver: Receiver, tell: Tell, failure: str
) -> None:
    kpi = watched()
    good = channel.config
    if failure == "answers 503":
        receiver.status = 503
    else:
        Channel.objects.update(config=good | {"url": "http://127.0.0.1:9/"})
    for minute, value in [(0, 120), (1, 40), (7, 120), (8, 40)]:
        see(kpi, value, later(minute))
        for index in range(12 * (6 if minute == 1 else 1)):
            tell(later(minute) + TICK * index)
    assert receiver.titles == []
    receiver.status = 204
    Channel.objects.update(config=good)
    for index in range(240):
        tell(later(10) + TICK * index)
    assert [title.partition(":")[0] for title in receiver.titles] == ["Firing", "Resolved", "Firing", "Resolved"]
    assert [event["alerts"][0]["at"] for _, event in receiver.taken] == [later(minute).isoformat() for minute in (0, 1, 7, 8)]


def test_clock_stepped_back_raises_no_storm_and_holds_nothing_up(channel: Channel, receiver: Receiver, tell: Tell) -> None:
    kpi = watched()
    see(kpi, 120)
    tell(later(1))
    for index in range(60):
        tell(later(-60) + TICK * index)
    assert len(receiver.taken) == 1
    see(watched("Memory"), 120, later(0.5))
    tell(later(-55))
    assert receiver.titles[1:] == ["Firing: Memory above 100 (orders)"]


def test_signature_and_key_let_a_receiver_check(channel: Channel, receiver: Receiver, tell: Tell) -> None:
    see(watched(), 120)
    tell(later(1))
    headers, event = receiver.taken[0]
    key, timestamp = headers["webhook-id"], int(headers["webhook-timestamp"])
    assert headers["webhook-signature"] == signature(channel.config["secret"], key, timestamp, headers["raw"])
    assert (event["id"], key) == (str(Message.objects.get().key), event["id"])


def test_what_is_refused_for_good_is_given_up_and_overtaken(channel: Channel, receiver: Receiver, tell: Tell) -> None:
    receiver.status = 410
    see(watched(), 120)
    tell(later(1))
    assert (Message.objects.get().state, Message.objects.get().error) == ("dead", "answered 410")
    receiver.status = 204
    see(watched("Memory"), 120, later(2))
    tell(later(3))
    assert receiver.titles == ["Firing: Memory above 100 (orders)"]


def test_what_fails_by_itself_is_given_up_within_minutes_and_holds_nothing_up(
    channel: Channel, receiver: Receiver, tell: Tell
) -> None:
    Channel.objects.update(kind="pigeon")  # a kind that went away with an upgrade: no server will ever mend it
    see(watched(), 120)
    for index in range(120):
        tell(later(1) + TICK * index)
    assert (Message.objects.get().state, Message.objects.get().error) == (
        "dead",
        "sending failed here and not at the receiver; the log has the details",
    )
    Channel.objects.update(kind="webhook")
    see(watched("Memory"), 120, later(12))
    tell(later(13))
    assert receiver.titles == ["Firing: Memory above 100 (orders)"]


def test_retry_after_is_obeyed(channel: Channel, receiver: Receiver, tell: Tell) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": "90"}
    see(watched(), 120)
    tell(later(1))
    receiver.status = 204
    tell(later(2))
    assert receiver.asked == 1
    tell(later(2.5))
    assert len(receiver.taken) == 1


def test_a_subject_that_the_title_names_is_not_named_twice(channel: Channel, receiver: Receiver, tell: Tell) -> None:
    see(watched("Memory of orders"), 120)
    tell(later(1))
    assert receiver.titles == ["Firing: Memory of orders above 100"]


def test_acknowledged_is_told_to_those_who_were_told_that_it_fires(
    channel: Channel, receiver: Receiver, tell: Tell, people: People
) -> None:
    see(watched(), 120)
    tell(later(1))
    other = Channel.objects.create(name="other", kind="webhook", config=channel.config)
    other.routes.create()
    incidents.acknowledge(incident=Incident.objects.get(), actor=people.engineer, note="On it.", now=later(2))
    tell(later(3))
    assert receiver.titles[1:] == ["Acknowledged: Database connections above 100 (orders)"]
    assert receiver.taken[1][1]["alerts"][0]["note"] == "On it."


@pytest.mark.parametrize(
    ("route", "told"),
    [
        ({"severity": "high"}, True),
        ({"severity": "critical"}, False),
        ({"service": "orders"}, True),
        ({"service": "catalog"}, False),
        ({"scorecard": "own"}, True),
        ({"scorecard": "other"}, False),
    ],
)
def test_routes(channel: Channel, receiver: Receiver, tell: Tell, route: dict[str, str], told: bool) -> None:
    kpi = watched()
    if "scorecard" in route:
        fields = {"scorecard": kpi.scorecard if route["scorecard"] == "own" else make_scorecard()}
    else:
        fields = dict(route)
    channel.routes.update(**fields)
    see(kpi, 120)
    tell(later(1))
    assert (len(receiver.taken), Transition.objects.get().outbox) == (1, "routed") if told else (0, "nobody")


def test_quiet_hours_hold_back_all_but_the_worst(channel: Channel, receiver: Receiver, tell: Tell) -> None:
    Channel.objects.update(quiet_from=time(11), quiet_until=time(14))
    see(watched(), 120)
    see(watched("Memory", severity="critical"), 120)
    tell(later(1))
    assert receiver.titles == ["Firing: Memory above 100 (orders)"]
    tell(later(121))
    assert receiver.titles[1:] == ["Firing: Database connections above 100 (orders)"]


def planned(people: People, minutes: int, **fields: object) -> Silence:
    wanted = {"reason": "Maintenance", "starts_at": later(-10), "ends_at": later(minutes)} | fields
    return silences.plan(fields=wanted, everything=not fields, actor=people.engineer, now=later(-10))


def test_silenced_is_told_when_the_silence_ends_and_it_still_fires(
    channel: Channel, receiver: Receiver, tell: Tell, people: People
) -> None:
    planned(people, 30)
    see(watched(), 120)
    for minute in range(1, 30):
        tell(later(minute))
    assert (receiver.titles, Incident.objects.get().state) == ([], "firing")
    tell(later(30))
    assert receiver.titles == ["Firing: Database connections above 100 (orders)"]


def test_what_is_over_before_the_silence_ends_is_never_told(
    channel: Channel, receiver: Receiver, tell: Tell, people: People
) -> None:
    planned(people, 30)
    kpi = watched()
    see(kpi, 120)
    tell(later(1))
    see(kpi, 40, later(10))
    for minute in range(11, 60):
        tell(later(minute))
    assert (receiver.titles, set(Transition.objects.values_list("outbox", flat=True))) == ([], {"muted"})


def test_silence_of_another_service_mutes_nothing(channel: Channel, receiver: Receiver, tell: Tell, people: People) -> None:
    record([Point(kpi=watched("Memory"), subject="catalog", at=NOW, value=1, origin="run:1")], now=NOW)
    planned(people, 30, service="catalog")
    see(watched(), 120)
    tell(later(1))
    assert len(receiver.taken) == 1


def test_ending_a_silence_tells_within_a_minute(channel: Channel, receiver: Receiver, tell: Tell, people: People) -> None:
    silence = planned(people, 600)
    see(watched(), 120)
    tell(later(1))
    silences.end(silence=silence, actor=people.engineer, now=later(2))
    tell(later(3))
    assert len(receiver.taken) == 1


def test_a_sender_whose_lease_ran_out_leaves_that_of_another(channel: Channel, receiver: Receiver) -> None:
    for title in ("first", "second"):
        Message.objects.create(channel=channel, title=title, body="", created_at=NOW)
    theirs, times = later(3), iter([NOW, NOW, later(2)])

    def clock() -> datetime:
        now = next(times)
        if now > NOW:  # the first message took so long that somebody else took the channel
            Channel.objects.update(claimed_until=theirs)
        return now

    assert (deliver(clock=clock), len(receiver.taken)) == (1, 1)
    assert Channel.objects.get().claimed_until == theirs


def test_another_service_that_stands_for_the_kpi_is_told_to_its_channel(channel: Channel, receiver: Receiver, tell: Tell) -> None:
    channel.routes.update(service="catalog")
    kpi = watched()
    KPI.objects.update(across="worst")
    kpi.refresh_from_db()
    see(kpi, 120)
    tell(later(1))
    assert receiver.titles == []
    for minute, value in [(2, 900), (3, 50), (4, 950)]:
        record([Point(kpi=kpi, subject="catalog", at=later(minute), value=value, origin="run:8")], now=later(minute))
        tell(later(minute + 0.5))
    assert receiver.titles == ["Firing: Database connections above 100 (catalog)"]
    alert = receiver.taken[0][1]["alerts"][0]
    assert (alert["subject"], alert["value"]) == ("catalog", 900)
