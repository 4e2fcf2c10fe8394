"""How long alerts and empty series are kept. What becomes of measurements is tried with their rollups."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kpis.models import Channel, Delivery, Incident, Message, Series, Transition
from kpis.recording import withdraw
from kpis.retention import prune
from tests.kpis.factories import NOW, make_kpi, record_values

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
LONG_AGO = NOW - timedelta(days=800)


def past(**fields: object) -> Incident:
    defaults = {"kind": "threshold", "state": "resolved", "severity": "low", "title": "Memory", "reopen_s": 300}
    times = dict.fromkeys(("opened_at", "fired_at", "resolved_at", "moved_at"), LONG_AGO)
    return Incident.objects.create(**(defaults | times | {"key": f"threshold:{Incident.objects.count()}"} | fields))


def told(incident: Incident, outbox: str = "routed", **message: object) -> Delivery:
    step = Transition.objects.create(incident=incident, number=1, state="firing", at=LONG_AGO, due_at=LONG_AGO, outbox=outbox)
    channel, _ = Channel.objects.get_or_create(name="duty", defaults={"kind": "webhook"})
    fields = {"channel": channel, "title": "Firing", "body": "", "created_at": LONG_AGO, "state": "sent"} | message
    return Delivery.objects.create(transition=step, channel=channel, message=Message.objects.create(**fields))


def test_what_is_over_for_long_is_forgotten_with_its_messages() -> None:
    told(past())
    told(past(state="resolved", kind="outage", counted_at=LONG_AGO))
    found = prune(now=NOW)
    assert (found.incidents, found.messages) == (2, 2)
    assert not any(model.objects.exists() for model in (Incident, Transition, Delivery, Message))


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "firing", "resolved_at": None},
        {"state": "acknowledged", "resolved_at": None},
        {"resolved_at": NOW - timedelta(days=700)},
        {"kind": "outage"},
    ],
)
def test_what_is_open_young_or_not_written_down_stays(fields: dict[str, object]) -> None:
    told(past(kpi=make_kpi(), **fields))
    found = prune(now=NOW)
    assert (found.incidents, found.messages) == (0, 0)


@pytest.mark.parametrize("message", [{"state": "dead"}, {"state": "waiting"}, {"state": "sending"}])
def test_what_was_not_delivered_stays_until_it_is_put_aside(message: dict[str, object]) -> None:
    told(past(), **message)
    assert prune(now=NOW).incidents == 0
    Message.objects.update(state="dead", seen_at=NOW)
    found = prune(now=NOW)
    assert (found.incidents, found.messages) == (1, 1)


def test_what_is_still_to_be_told_stays() -> None:
    told(past(), outbox="held")
    told(past())
    Delivery.objects.filter(transition__outbox="routed").update(message=None)
    assert prune(now=NOW).incidents == 0


def test_a_digest_stays_while_one_of_its_alerts_does() -> None:
    first, second = told(past()), told(past(resolved_at=NOW))
    Delivery.objects.filter(pk=second.pk).update(message=first.message)
    Message.objects.exclude(pk=first.message_id).delete()
    found = prune(now=NOW)
    assert (found.incidents, found.messages) == (1, 0)


def test_a_series_that_holds_nothing_is_dropped_unless_it_is_set_aside() -> None:
    kpi = make_kpi()
    record_values(kpi, [1], subject="typo")
    withdraw(origin="test:0", now=NOW)
    Series.objects.create(kpi=kpi, subject="aside", enabled=False)
    record_values(kpi, [1], subject="orders")
    assert prune(now=NOW).series == 1
    assert sorted(Series.objects.values_list("subject", flat=True)) == ["aside", "orders"]
