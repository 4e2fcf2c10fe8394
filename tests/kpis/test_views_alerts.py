"""Pages of somebody on duty."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, User
from kpis.messages import SALT, acknowledge_address
from kpis.models import Channel, Delivery, Incident, Message, Rule, Silence, Transition
from kpis.points import Point
from kpis.recording import record
from tests.factories import People
from tests.kpis.factories import make_kpi, make_scorecard, make_target
from tests.kpis.receivers import Receiver

pytestmark = pytest.mark.django_db
LogIn = Callable[[User], Client]


def fire(how_many: int = 1, value: float = 120) -> list[Incident]:
    now = timezone.now()
    scorecard = make_scorecard()
    points = []
    for _ in range(how_many):
        kpi = make_kpi(scorecard=scorecard, aggregation="last")
        make_target(kpi, "<", 50, alert_threshold=100, severity="high", effective_from=now - timedelta(days=1))
        points.append(Point(kpi=kpi, subject="orders", at=now, value=value, origin="run:7"))
    record(points, now=now)
    return list(Incident.objects.order_by("-pk")[:how_many])


def link_of(incident: Incident, channel: Channel) -> str:
    return acknowledge_address(incident, channel).removeprefix("http://127.0.0.1:8000")


@pytest.mark.parametrize("path", ["/alerts/", "/alerts/channels/", "/alerts/silences/", "/alerts/rules/"])
def test_empty_pages_say_what_to_do(as_viewer: Client, path: str) -> None:
    answer = as_viewer.get(path)
    assert (answer.status_code, 'class="empty"' in answer.content.decode()) == (200, True)


def test_alerts_are_listed_by_what_is_to_be_done(as_viewer: Client) -> None:
    (one,) = fire()
    told = as_viewer.get("/alerts/").content.decode()
    assert ("1 alert is firing." in told, one.title in told, "/runs/7/" in told) == (True, True, True)
    assert one.title not in as_viewer.get("/alerts/?show=resolved").content.decode()
    assert "Clear the filter" in as_viewer.get("/alerts/?severity=critical").content.decode()


@pytest.mark.parametrize("how_many", [1, 30])
def test_queries_of_the_list_do_not_grow(as_viewer: Client, how_many: int, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    fire(how_many)
    with django_assert_num_queries(14):
        as_viewer.get("/alerts/")


@pytest.mark.parametrize("how_many", [1, 30])
def test_queries_of_channels_do_not_grow(as_viewer: Client, how_many: int, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    for number in range(how_many):
        channel = Channel.objects.create(name=f"duty {number}", kind="mail", shown="duty@example.com")
        channel.routes.create()
        Message.objects.create(channel=channel, title="t", body="b", state="dead", created_at=timezone.now())
    with django_assert_num_queries(8):
        as_viewer.get("/alerts/channels/")


@pytest.mark.parametrize("how_many", [1, 30])
def test_queries_of_silences_and_rules_do_not_grow(
    as_viewer: Client,
    people: People,
    how_many: int,
    django_assert_num_queries,  # type: ignore[no-untyped-def]
) -> None:
    now = timezone.now()
    for _ in range(how_many):
        kpi = make_kpi()
        Silence.objects.create(
            reason="r", starts_at=now, ends_at=now + timedelta(hours=1), kpi=kpi, created_by=people.engineer, rule="FREQ=DAILY"
        )
        Rule.objects.create(kind="stale", kpi=kpi, created_by=people.engineer)
    with django_assert_num_queries(5):
        as_viewer.get("/alerts/silences/")
    with django_assert_num_queries(7):
        as_viewer.get("/alerts/rules/")


def test_one_alert_shows_its_life_and_who_was_told(as_viewer: Client, channel: Channel, tell) -> None:  # type: ignore[no-untyped-def]
    (one,) = fire()
    tell(timezone.now() + timedelta(minutes=1))
    told = as_viewer.get(f"/alerts/{one.pk}/").content.decode()
    assert ("Firing → duty" in told, "120" in told, "<h2>Acknowledge" in told) == (True, True, False)


def test_engineer_acknowledges_with_a_note(as_engineer: Client) -> None:
    (one,) = fire()
    answer = as_engineer.post(f"/alerts/{one.pk}/acknowledge/", {"note": "Pool is resized."}, follow=True)
    assert "Pool is resized." in answer.content.decode()
    one.refresh_from_db()
    assert (one.state, one.acknowledged_by) == ("acknowledged", "Engineer")


def test_viewer_acknowledges_nothing(as_viewer: Client) -> None:
    (one,) = fire()
    assert as_viewer.post(f"/alerts/{one.pk}/acknowledge/").status_code == 403


def test_kpi_leads_to_its_newest_alert(as_viewer: Client) -> None:
    (one,) = fire()
    assert one.kpi is not None
    assert as_viewer.get(f"/alerts/of/{one.kpi.scorecard.slug}/{one.kpi.key}/")["Location"] == f"/alerts/{one.pk}/"
    assert as_viewer.get("/alerts/of/x/y/")["Location"] == "/alerts/"


def test_bell_counts_what_fires(as_viewer: Client) -> None:
    assert 'class="n"' not in as_viewer.get("/alerts/bell/").content.decode()
    fire(3)
    assert '<span class="n">3</span>' in as_viewer.get("/alerts/bell/").content.decode()


def test_link_of_a_message_asks_first_and_then_acknowledges(channel: Channel) -> None:
    (one,) = fire()
    stranger = Client()
    answer = stranger.get(link_of(one, channel))
    one.refresh_from_db()
    # Without any referrer a browser sends `Origin: null`, and the button would be refused as a forgery.
    assert (answer.status_code, answer["Referrer-Policy"], one.state) == (200, "same-origin", "firing")
    stranger.post(link_of(one, channel), {"note": "From my phone."})
    one.refresh_from_db()
    assert (one.state, one.acknowledged_by) == ("acknowledged", "somebody with the link sent to duty")
    assert Transition.objects.get(state="acknowledged").note == "From my phone."
    assert AuditEntry.objects.get(action="alert.acknowledge").actor is None


@pytest.mark.parametrize("case", ["altered", "for another purpose", "of a channel that was put away"])
def test_link_that_is_not_ours_is_refused(channel: Channel, case: str) -> None:
    (one,) = fire()
    path = link_of(one, channel)
    if case == "altered":
        path = path.replace("/alerts/link/", "/alerts/link/x")
    elif case == "for another purpose":
        path = f"/alerts/link/{signing.dumps({'incident': one.pk, 'channel': channel.pk}, salt='other')}/"
    else:
        Channel.objects.update(archived_at=timezone.now())
    assert SALT != "other"
    assert Client().post(path).status_code == 404
    one.refresh_from_db()
    assert one.state == "firing"


def test_channel_is_made_tested_changed_and_put_away(as_engineer: Client, receiver: Receiver) -> None:
    fields = {"name": "On call", "url": receiver.url, "enabled": "on", "quiet_zone": "UTC", "quiet_below": "critical"}
    answer = as_engineer.post("/alerts/channels/new/webhook/", fields | {"route-severity": "high"})
    told = answer.content.decode()
    channel = Channel.objects.get()
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    assert [name for name, one in answer.cookies.items() if channel.config["secret"] in one.value or name == "messages"] == []
    assert channel.config["secret"] not in as_engineer.get(f"/alerts/channels/{channel.pk}/").content.decode()
    assert (channel.config["secret"] in told, receiver.url in told, channel.shown in told) == (True, False, True)
    assert channel.routes.get().severity == "high"
    as_engineer.post(f"/alerts/channels/{channel.pk}/test/")
    assert receiver.titles == ["Test of the channel On call"]
    as_engineer.post(f"/alerts/channels/{channel.pk}/", fields | {"name": "Night", "url": "", "version": "1"})
    channel.refresh_from_db()
    assert (channel.name, channel.config["url"]) == ("Night", receiver.url)
    as_engineer.post(f"/alerts/channels/{channel.pk}/archive/")
    channel.refresh_from_db()
    assert (channel.config, channel.archived_at is not None) == ({}, True)
    trail = " ".join(str(entry.after) + str(entry.before) for entry in AuditEntry.objects.all())
    assert receiver.url not in trail


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        ("webhook", {"url": "ftp://x"}, "only http and https"),
        ("webhook", {"url": "http://169.254.169.254/"}, "is never reached"),
        ("webhook", {"url": "https://example.com", "secret": "short"}, "at least 24 bytes"),
        ("mail", {"to": "nobody"}, "is not a mail address"),
        ("chat", {"url": "nonsense"}, "not an address that Apprise knows"),
        ("chat", {"url": "syslog://"}, "to the server itself"),
        ("webhook", {"url": "https://example.com", "quiet_from": "22:00"}, "both a beginning and an end"),
    ],
)
def test_what_cannot_work_is_said_beside_the_field(as_engineer: Client, kind: str, fields: dict[str, str], words: str) -> None:
    common = {"name": "n", "quiet_zone": "UTC", "quiet_below": "critical", "route-severity": "low"}
    answer = as_engineer.post(f"/alerts/channels/new/{kind}/", common | fields)
    assert (answer.status_code, words in answer.content.decode(), Channel.objects.count()) == (422, True, 0)


@pytest.mark.parametrize(
    ("status", "headline", "state"),
    [
        (0, "No channel is known to carry alerts", "Never tried"),
        (204, "1 channel carries alerts to people", "Ready"),
        (410, "No channel is known to carry alerts", "Last message not taken"),
    ],
)
def test_a_channel_is_said_to_carry_alerts_once_it_did(
    as_engineer: Client, channel: Channel, receiver: Receiver, status: int, headline: str, state: str
) -> None:
    if status:
        receiver.status = status
        as_engineer.post(f"/alerts/channels/{channel.pk}/test/")
    page = as_engineer.get("/alerts/channels/").content.decode()
    assert (headline in page, f"{state}</span>" in page) == (True, True)


def test_dead_letter_is_seen_and_sent_again(as_engineer: Client, channel: Channel, receiver: Receiver, tell) -> None:  # type: ignore[no-untyped-def]
    receiver.status = 410
    fire()
    tell(timezone.now() + timedelta(minutes=1))
    assert "1 message could not be delivered" in as_engineer.get("/alerts/").content.decode()
    assert "answered 410" in as_engineer.get("/alerts/channels/").content.decode()
    receiver.status = 204
    message = Message.objects.get()
    as_engineer.post(f"/alerts/messages/{message.pk}/resend/")
    tell(timezone.now() + timedelta(minutes=2))
    assert (receiver.taken[0][0]["webhook-id"], Delivery.objects.count()) == (str(message.key), 1)


def test_dead_letter_is_put_aside_and_counted_no_more(as_engineer: Client, channel: Channel, receiver: Receiver, tell) -> None:  # type: ignore[no-untyped-def]
    receiver.status = 410
    fire()
    tell(timezone.now() + timedelta(minutes=1))
    dead = Message.objects.get()
    as_engineer.post("/alerts/messages/aside/", {"message": [dead.pk, "9" * 15, "x"]}, follow=True)
    dead.refresh_from_db()
    assert (dead.seen_by, dead.state, AuditEntry.objects.filter(action="message.aside").count()) == ("Engineer", "dead", 1)
    assert "could not be delivered" not in as_engineer.get("/alerts/").content.decode()
    assert "put aside by Engineer" in as_engineer.get("/alerts/channels/").content.decode()


def test_quiet_is_planned_and_ended(as_engineer: Client) -> None:
    (one,) = fire()
    berlin = timezone.now().astimezone(ZoneInfo("Europe/Berlin")).replace(second=0, microsecond=0)
    begin, end = (f"{berlin + timedelta(hours=hours):%Y-%m-%dT%H:%M}" for hours in (-1, 1))
    fields = {"reason": "Maintenance", "starts_at": begin, "ends_at": end, "zone": "Europe/Berlin"}
    assert "say that it is about everything" in as_engineer.post("/alerts/silences/", fields).content.decode()
    as_engineer.post("/alerts/silences/", fields | {"repeat": "FREQ=DAILY", "kpi": str(one.kpi_id)})
    silence = Silence.objects.get()
    assert (silence.rule, silence.starts_at) == ("FREQ=DAILY", berlin - timedelta(hours=1))
    assert one.title in as_engineer.get("/alerts/?show=silenced").content.decode()
    as_engineer.post(f"/alerts/silences/{silence.pk}/end/")
    assert one.title not in as_engineer.get("/alerts/?show=silenced").content.decode()


def test_bad_silence_is_said_beside_the_field(as_engineer: Client) -> None:
    fields = {"reason": "r", "starts_at": "2026-01-02T22:00", "ends_at": "2026-01-01T22:00", "zone": "UTC", "rule": "FREQ=HOURLY"}
    told = as_engineer.post("/alerts/silences/", fields)
    assert (told.status_code, "It ends after it begins." in told.content.decode()) == (422, True)
    assert "FREQ is one of DAILY" in told.content.decode()


def test_what_is_about_to_fire_is_shown_with_since_when_and_when_it_will(as_viewer: Client) -> None:
    kpi, at = make_kpi(aggregation="last", name="Memory"), timezone.now()
    make_target(kpi, "<", 50, alert_threshold=100, for_s=600)
    record([Point(kpi=kpi, subject="orders", at=at, value=120, origin="run:7")], now=at)
    told = as_viewer.get("/alerts/?show=pending").content.decode()
    assert ("Memory above 100 ms" in told, f"{at + timedelta(minutes=10):%H:%M:%S}" in told) == (True, True)
    assert "Memory above" not in as_viewer.get("/alerts/").content.decode()


def test_recovery_of_a_kpi_stands_beside_the_mttr_which_outages_alone_feed(as_viewer: Client) -> None:
    now, kpi = timezone.now(), make_kpi(name="Memory")
    for number, (kind, minutes) in enumerate([("threshold", 2), ("threshold", 4), ("outage", 30)]):
        ended = {"fired_at": now - timedelta(minutes=minutes), "resolved_at": now, "opened_at": now, "moved_at": now}
        fields = {"kind": kind, "state": "resolved", "severity": "low", "title": kind, "reopen_s": 300, "kpi": kpi}
        Incident.objects.create(key=f"{kind}:{number}", **fields, **ended)
    one = Incident.objects.filter(kind="threshold").latest("pk")
    told = as_viewer.get(f"/alerts/{one.pk}/").content.decode()
    assert ("of 2 alerts in 30 days. MTTR, of outages alone: 30 min" in told, ">3 min<" in told) == (True, True)
    data = as_viewer.get(f"/api/v1/alerts/{one.pk}/").json()
    expected = {"kpi_mean_s": 180, "kpi_alerts": 2, "mttr_s": 1800, "outages": 1}
    assert (data["recovery_s"], data["recovery_30_days"]) == (240, expected)


def test_rules_page_lists_what_targets_watch_by_themselves(as_viewer: Client) -> None:
    make_target(make_kpi(name="Memory"), "<", 50, alert_threshold=100, for_s=90, severity="high")
    make_target(make_kpi(name="Uptime", direction="higher"), ">", 99)
    told = as_viewer.get("/alerts/rules/").content.decode()
    assert ("Memory" in told, "1 min 30 s" in told, "above <b>100" in told) == (True, True, True)
    assert "1 KPI without an alert threshold is never breached." in told


FIELDS = {"kind": "stale", "severity": "low", "for_min": "10", "recover_min": "0", "min_events": "100"}


def test_rule_is_made_and_switched_off(as_engineer: Client) -> None:
    fields = FIELDS | {"kpi": str(make_kpi().pk)}
    as_engineer.post("/alerts/rules/", fields)
    rule = Rule.objects.get()
    assert (rule.for_s, rule.enabled) == (600, True)
    as_engineer.post(f"/alerts/rules/{rule.pk}/switch/", {"enabled": "0"})
    rule.refresh_from_db()
    assert rule.enabled is False
    told = as_engineer.post("/alerts/rules/", fields | {"kind": "burn_rate"})
    assert (told.status_code, "A share between 0 and 1" in told.content.decode()) == (422, True)


def test_a_rule_that_fits_no_more_is_switched_off_and_not_on_again(as_engineer: Client) -> None:
    rule = Rule.objects.create(kind="burn_rate", kpi=make_kpi(unit="ms"), objective=0.9, for_s=60)
    as_engineer.post(f"/alerts/rules/{rule.pk}/switch/", {"enabled": "0"})
    told = as_engineer.post(f"/alerts/rules/{rule.pk}/switch/", {"enabled": "1"}, follow=True).content.decode()
    rule.refresh_from_db()
    assert (rule.enabled, "The rule stays off: The windows of a burn rate" in told) == (False, True)


def test_rule_is_changed_and_removed_beside_what_it_sees(as_engineer: Client, as_viewer: Client) -> None:
    kpi = make_kpi(name="Tickets")
    rule = Rule.objects.create(kind="no_data", kpi=kpi, for_s=90)
    at = f"/alerts/rules/{rule.pk}/"
    told = as_engineer.get(at).content.decode()
    assert ('value="1.5"' in told, "not for long enough yet: Tickets was never measured" in told) == (True, True)
    as_engineer.post(at, FIELDS | {"kind": "no_data", "kpi": str(kpi.pk), "for_min": "0", "version": "1"})
    assert "an alert: Tickets was never measured" in as_engineer.get(at).content.decode()
    late = as_engineer.post(at, FIELDS | {"kind": "stale", "kpi": str(kpi.pk), "version": "1"}).content.decode()
    assert ("Somebody else changed this meanwhile" in late, Rule.objects.get().kind) == (True, "no_data")
    Rule.objects.update(kind="burn_rate", objective=1)
    kpi.unit = "%"
    kpi.save()
    record([Point(kpi=kpi, subject="orders", at=timezone.now(), value=2, count=1000, origin="run:1")], now=timezone.now())
    assert "ZeroDivisionError" in as_engineer.get(at).content.decode()
    for path in (at, f"{at}remove/"):
        assert as_viewer.post(path).status_code == 403
    as_engineer.post(f"{at}remove/")
    assert (Rule.objects.count(), AuditEntry.objects.filter(action="rule.delete").count()) == (0, 1)


def test_a_rule_that_cannot_be_followed_is_shown_with_what_is_wrong(as_viewer: Client) -> None:
    Rule.objects.create(kind="stale", kpi=make_kpi(), fault="ZeroDivisionError: <b>", fault_at=timezone.now())
    told = as_viewer.get("/alerts/rules/").content.decode()
    assert ("Cannot be followed" in told, "ZeroDivisionError: &lt;b&gt;" in told) == (True, True)
    assert "1 rule cannot be followed." in as_viewer.get("/alerts/").content.decode()


def test_mail_without_a_server_says_that_it_reaches_nobody(as_engineer: Client, settings) -> None:  # type: ignore[no-untyped-def]
    settings.EMAIL_HOST = ""
    assert "reaches nobody" in as_engineer.get("/alerts/channels/new/mail/").content.decode()
    settings.EMAIL_HOST = "mail.example.com"
    assert "reaches nobody" not in as_engineer.get("/alerts/channels/new/mail/").content.decode()
