"""A waiver stops counting at its instant, wherever somebody looks."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry
from kpis import waivers
from kpis.evaluation import Status
from kpis.models import KPI, Waiver
from kpis.standing import counts, standing
from roadmap import closing
from roadmap.editing import Refused
from roadmap.gates import GateState
from roadmap.models import Gate, GateWaiver
from roadmap.reports.overview import overview
from roadmap.reports.waivers import lapsed
from tests.factories import People
from tests.kpis.factories import make_kpi, make_scorecard, make_target, record_values
from tests.roadmap.factories import make_phase, make_roadmap

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
WIDE = timedelta(seconds=30)
"""Pages read the clock: what has not ended has this long to go, so that a slow machine shows the same."""


@pytest.fixture
def gate() -> Gate:
    """The gate of a phase of this week; it needs a KPI that is breached."""
    now = timezone.now()
    card = make_scorecard("shop")
    kpi = make_kpi("response-time-p95", scorecard=card, name="Latency", public_badge=True)
    make_target(kpi, "<", 500, alert_threshold=600, effective_from=now - timedelta(days=9))
    record_values(kpi, [700], until=now)
    roadmap = make_roadmap(scorecard=card, starts_on=now.date() - timedelta(days=1), state="active", slug="plan")
    found = make_phase(roadmap, name="Caching").gate
    found.kpis.add(kpi)
    return found


def waive(gate: Gate, people: People, until: datetime) -> Waiver:
    now = timezone.now() - timedelta(hours=1)
    row = waivers.request_waiver(
        kpi=gate.kpis.get(), actor=people.manager, reason="rebuilt", expires_at=until + WIDE * 99, now=now
    )
    waivers.approve_waiver(waiver=row, actor=people.approver, now=now)
    Waiver.objects.update(expires_at=until)
    return row


@pytest.mark.parametrize(("left_s", "counts_again"), [(1, False), (0, True)])
def test_judgements_turn_at_the_instant(gate: Gate, people: People, left_s: int, counts_again: bool) -> None:
    until = timezone.now() + timedelta(hours=1)
    KPI.objects.update(freshness_s=9999)
    waive(gate, people, until)
    now = until - timedelta(seconds=left_s)
    found = standing(gate.kpis.get(), now=now)
    assert (found.status, found.waived_until) == (Status.BREACHED, None if counts_again else until)
    assert counts([found])["breached"] == int(counts_again)
    assert (closing.judge(gate, now=now).state == GateState.PASSED) is not counts_again
    told = overview(gate.phase.roadmap, now=now)
    assert ("one KPI is breached and one waiver has lapsed" in told.headline) is counts_again
    assert bool(list(waivers.lapsed(now))) is counts_again
    assert bool(list(waivers.in_force(now))) is not counts_again


@pytest.mark.parametrize("counts_again", [False, True])
def test_everything_that_is_shown_turns_with_it(gate: Gate, people: People, as_engineer: Client, counts_again: bool) -> None:
    waive(gate, people, timezone.now() + (timedelta(0) if counts_again else WIDE))
    shown = {name: "waived until" in as_engineer.get(url).content.decode() for name, url in {
        "scorecard": "/scorecards/shop/",
        "kpi": "/scorecards/shop/response-time-p95/",
        "badge": "/badges/kpi/shop/response-time-p95.svg",
        "overview": "/",
    }.items()}  # fmt: skip
    shown["api"] = as_engineer.get("/api/v1/kpis/shop/response-time-p95/").json()["waived_until"] is not None
    shown["verdict"] = verdict(as_engineer) == "warn"
    shown["gate"] = as_engineer.get("/api/v1/roadmaps/plan/phases/").json()["results"][0]["gate"]["state"] == "passed"
    assert shown == dict.fromkeys(shown, not counts_again)


def verdict(client: Client) -> str:
    body = json.dumps({"milepost": 1, "samples": [{"name": "test_response_time_p95", "unit": "ms", "value": 700}]})
    answer = client.post("/api/v1/results/?service=orders&scorecard=shop", body, content_type="application/json").json()
    return str(answer["objectives"][0]["verdict"])


def test_no_copy_of_the_badge_outlives_the_waiver(gate: Gate, people: People, client: Client) -> None:
    waive(gate, people, timezone.now() + WIDE)
    kept: Any = client.get("/badges/kpi/shop/response-time-p95.svg")["Cache-Control"]
    assert int(kept.rpartition("=")[2]) <= WIDE.total_seconds()


@pytest.mark.parametrize(("left_s", "state"), [(1, GateState.WAIVED), (0, GateState.OPEN)])
def test_waiver_of_a_gate_ends_at_the_instant(gate: Gate, people: People, left_s: int, state: GateState) -> None:
    now = timezone.now()
    until = now + timedelta(minutes=10)
    row = closing.request_waiver(gate=gate, actor=people.manager, reason="rebuilt", expires_at=until, now=now)
    closing.approve_waiver(waiver=row, actor=people.approver, now=now)
    assert closing.judge(gate, now=until - timedelta(seconds=left_s)).state == state
    assert GateWaiver.objects.count() == 1


def asked_for(gate: Gate, people: People, until: datetime) -> GateWaiver:
    return closing.request_waiver(gate=gate, actor=people.manager, reason="rebuilt", expires_at=until, now=timezone.now())


def test_waiver_of_a_gate_is_not_approved_after_its_day(gate: Gate, people: People) -> None:
    until = timezone.now() + timedelta(minutes=10)
    row = asked_for(gate, people, until)
    with pytest.raises(Refused, match="is over"):
        closing.approve_waiver(waiver=row, actor=people.approver, now=until)
    assert GateWaiver.objects.get().decision == "proposed"


def test_waiver_of_a_gate_is_withdrawn_by_who_asked_alone(gate: Gate, people: People) -> None:
    row, now = asked_for(gate, people, timezone.now() + timedelta(days=1)), timezone.now()
    with pytest.raises(Refused, match="only the person who asked"):
        closing.withdraw_waiver(waiver=row, actor=people.approver, now=now)
    assert closing.withdraw_waiver(waiver=row, actor=people.manager, now=now).decision == "withdrawn"
    with pytest.raises(Refused, match="was first: this waiver is withdrawn already"):
        closing.approve_waiver(waiver=row, actor=people.approver, now=now)


@pytest.mark.parametrize("where", ["page", "api", "admin"])
def test_gate_counts_again_once_its_waiver_is_ended(gate: Gate, people: People, log_in: Any, where: str) -> None:
    row = asked_for(gate, people, timezone.now() + timedelta(days=1))
    closing.approve_waiver(waiver=row, actor=people.approver, now=timezone.now())
    client = log_in(people.administrator)
    assert closing.judge(gate, now=timezone.now()).state == GateState.WAIVED
    url, data = {
        "page": (f"/gate-waivers/{row.pk}/decide/", {"decision": "end", "note": "done"}),
        "api": (f"/api/v1/gate-waivers/{row.pk}/end/", {"note": "done"}),
        "admin": ("/admin/roadmap/gatewaiver/", {"action": "end", "_selected_action": [row.pk]}),
    }[where]
    client.post(url, data)
    assert closing.judge(gate, now=timezone.now()).state == GateState.OPEN
    assert GateWaiver.objects.get().ended_by == people.administrator
    assert AuditEntry.objects.get(action="gate.waiver_end").actor == people.administrator
    assert not list(lapsed(timezone.now())), "who ended it knows"


def test_a_gate_is_waived_for_a_year_at_most(gate: Gate, people: People) -> None:
    now = timezone.now()
    terms: dict[str, Any] = {"gate": gate, "actor": people.manager, "reason": "rebuilt", "now": now}
    with pytest.raises(ValidationError, match="at most 366 days"):
        closing.request_waiver(expires_at=now + timedelta(days=366, seconds=1), **terms)
    waiver = closing.request_waiver(expires_at=now + timedelta(days=366), **terms)
    GateWaiver.objects.update(expires_at=now + timedelta(days=367))
    waiver.refresh_from_db()
    with pytest.raises(Refused, match="at most 366 days"):
        closing.approve_waiver(waiver=waiver, actor=people.approver, now=now)
