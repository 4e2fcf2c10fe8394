"""What Prometheus reads."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from accounts import tokens
from kpis.models import Channel, Delivery, Message, Transition
from tests.factories import People
from tests.kpis.factories import make_kpi, make_scorecard, make_target, record_values

pytestmark = [pytest.mark.django_db, pytest.mark.databases]


def scrape() -> dict[tuple[str, ...], float]:
    text = Client().get("/metrics").content.decode()
    return {
        (sample.name, *(sample.labels[key] for key in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_kpis_are_told_with_target_and_the_one_status_that_holds() -> None:
    kpi = make_kpi("latency", scorecard=make_scorecard("shop"))
    make_target(kpi, "<", 500)
    record_values(kpi, [300.0], until=timezone.now())
    make_kpi("unmeasured", scorecard=kpi.scorecard)
    found = scrape()
    assert found["milepost_kpi_actual", "latency", "shop", "ms"] == 300
    assert found["milepost_kpi_target", "latency", "shop", "ms"] == 500
    holding = {key[1:4:2] for key, value in found.items() if key[0] == "milepost_kpi_status" and value == 1}
    assert holding == {("latency", "met"), ("unmeasured", "no_data")}
    assert ("milepost_kpi_actual", "unmeasured", "shop", "ms") not in found


def test_old_measurement_counts_as_stale() -> None:
    kpi = make_kpi("latency", freshness_s=60)
    make_target(kpi, "<", 500)
    record_values(kpi, [300.0], until=timezone.now() - timedelta(hours=3))
    assert scrape()["milepost_kpis_stale",] == 1


def test_lag_is_zero_while_nothing_is_due() -> None:
    found = scrape()
    assert (found["milepost_probe_lag_seconds",], found["milepost_probes_due",]) == (0, 0)


def test_open_alerts_and_messages_that_were_not_taken_are_counted() -> None:
    kpi = make_kpi("latency")
    make_target(kpi, "<", 500, alert_threshold=1000)
    record_values(kpi, [3000.0], until=timezone.now())
    channel = Channel.objects.create(name="duty", kind="mail")
    for state in ("waiting", "dead", "sent"):
        message = Message.objects.create(channel=channel, title="t", body="b", state=state, created_at=timezone.now())
        one = Channel.objects.create(name=state, kind="mail")
        Delivery.objects.create(transition=Transition.objects.get(), channel=one, message=message)
    found = scrape()
    assert [found["milepost_alerts", state] for state in ("firing", "acknowledged")] == [1, 0]
    assert [found["milepost_messages", state] for state in ("waiting", "dead")] == [1, 1]


def test_a_token_for_some_scorecards_is_told_of_no_other(people: People) -> None:
    for slug in ("shop", "other"):
        record_values(make_kpi(slug, scorecard=make_scorecard(slug)), [300.0], until=timezone.now())
    _, secret = tokens.issue(owner=people.engineer, name="scraper", scopes=["read"], scorecards=["shop"])
    answer = Client(REMOTE_ADDR="203.0.113.9").get("/metrics", headers={"Authorization": f"Bearer {secret}"})
    told = answer.content.decode()
    assert ('scorecard="shop"' in told, "other" in told, "milepost_alerts" in told) == (True, False, False)
