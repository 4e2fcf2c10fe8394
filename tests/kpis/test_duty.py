"""What is drawn on a KPI's chart of its alerts and silences."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kpis.duty import chosen, fired, quiet
from kpis.models import Incident, Silence
from kpis.points import Point
from kpis.recording import record
from tests.factories import People
from tests.kpis.factories import NOW, make_kpi, make_target

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_silences_of_a_kpi_lie_on_its_chart(people: People) -> None:
    kpi, other = make_kpi(), make_kpi()
    common = {"reason": "r", "created_by": people.engineer, "starts_at": NOW - 2 * DAY, "ends_at": NOW - 2 * DAY + HOUR}
    Silence.objects.create(**common, kpi=kpi, rule="FREQ=DAILY")
    Silence.objects.create(**common, kpi=other, rule="FREQ=DAILY")
    Silence.objects.create(**common, service="catalog", rule="FREQ=DAILY")
    Silence.objects.create(**common, scorecard=kpi.scorecard, ended_at=NOW - 2 * DAY + HOUR / 2)
    Silence.objects.update(created_at=NOW - 3 * DAY)
    found = quiet(kpi, NOW - 3 * DAY, NOW + HOUR, subjects={"orders"})
    first = NOW - 2 * DAY
    assert found == [(first, first + HOUR / 2), (first, first + HOUR), (NOW - DAY, NOW - DAY + HOUR), (NOW, NOW + HOUR)]


def test_of_a_quiet_every_night_the_newest_is_drawn_too(people: People) -> None:
    kpi = make_kpi()
    common = {"reason": "r", "created_by": people.engineer, "starts_at": NOW - 200 * DAY, "ends_at": NOW - 200 * DAY + HOUR}
    Silence.objects.create(**common, kpi=kpi, rule="FREQ=DAILY")
    for made in (200, 30):  # what lies before it was made takes no place
        Silence.objects.update(created_at=NOW - made * DAY)
        found = quiet(kpi, NOW - 200 * DAY, NOW - HOUR, subjects=set())
        assert (len(found), found[-1]) == (min(made, 100), (NOW - DAY, NOW - DAY + HOUR))


def test_a_silence_is_drawn_from_when_it_was_made(people: People) -> None:
    kpi = make_kpi()
    Silence.objects.create(reason="r", created_by=people.engineer, starts_at=NOW - 2 * DAY, ends_at=NOW + DAY)
    Silence.objects.update(created_at=NOW - HOUR)
    assert quiet(kpi, NOW - 3 * DAY, NOW + HOUR, subjects=set()) == [(NOW - HOUR, NOW + DAY)]


def test_alerts_are_drawn_where_they_fired() -> None:
    kpi = make_kpi(aggregation="last")
    make_target(kpi, "<", 50, alert_threshold=100)
    record([Point(kpi=kpi, subject="orders", at=NOW, value=120, origin="run:1")], now=NOW)
    assert (fired(kpi, NOW - HOUR, NOW + HOUR), fired(kpi, NOW + HOUR, NOW + DAY)) == ([NOW], [])


def test_open_alerts_stand_in_the_order_in_which_they_press() -> None:
    common = {"kind": "threshold", "moved_at": NOW, "opened_at": NOW, "reopen_s": 300}
    rows = [("acknowledged", "critical", 0), ("firing", "low", 5), ("firing", "high", 0), ("firing", "high", 3)]
    for state, severity, hours in rows:
        at = NOW + hours * HOUR
        Incident.objects.create(key=f"{state}{severity}{hours}", title="t", state=state, severity=severity, fired_at=at, **common)
    found, _ = chosen("open", now=NOW)
    assert found is not None
    assert list(found.values_list("key", flat=True)) == ["firinghigh3", "firinghigh0", "firinglow5", "acknowledgedcritical0"]
