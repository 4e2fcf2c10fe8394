from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trials
from hypothesis import strategies as st

from accounts.models import AuditEntry
from kpis import defining, waivers
from kpis.evaluation import Status
from kpis.models import KPI, Decision, Waiver
from kpis.standing import counts, standing
from kpis.targets import Refused
from tests.factories import People
from tests.kpis.factories import NOW, make_kpi, make_target, record_values

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
UNTIL = NOW + timedelta(minutes=30)


def waive(kpi: KPI, people: People, subject: str = "", until: datetime = UNTIL) -> Waiver:
    row = waivers.request_waiver(
        kpi=kpi, actor=people.manager, reason="rebuilt", expires_at=until, now=NOW - timedelta(days=1), subject=subject
    )
    return waivers.approve_waiver(waiver=row, actor=people.approver, now=NOW - timedelta(days=1))


@pytest.fixture
def kpi() -> KPI:
    """Two subjects: `orders` past the target, `search` well within."""
    found = make_kpi("latency")
    make_target(found, "<", 500)
    record_values(found, [700], subject="orders")
    record_values(found, [300], subject="search")
    return found


def test_waived_subject_leaves_the_others_counting(kpi: KPI, people: People) -> None:
    assert (standing(kpi, now=NOW).status, standing(kpi, now=NOW).actual) == (Status.BEHIND, 700)
    waive(kpi, people, "orders")
    found = standing(kpi, now=NOW)
    assert (found.status, found.actual, found.worst_subject) == (Status.MET, 300, "search")
    assert (found.waived_until, found.waived_subjects, counts([found])["met"]) == (None, ("orders",), 1)
    shown = {row.subject: (row.status, row.waived_until, row.counts) for row in found.series}
    assert shown == {"orders": (Status.BEHIND, UNTIL, False), "search": (Status.MET, None, True)}


@pytest.mark.parametrize(("left_s", "status"), [(1, Status.MET), (0, Status.BEHIND)])
def test_waived_subject_counts_again_at_that_instant(kpi: KPI, people: People, left_s: int, status: Status) -> None:
    waive(kpi, people, "orders")
    assert standing(kpi, now=UNTIL - timedelta(seconds=left_s)).status == status


def test_all_subjects_waived_waive_the_whole_until_the_first_ends(kpi: KPI, people: People) -> None:
    waive(kpi, people, "orders")
    waive(kpi, people, "search", UNTIL + timedelta(minutes=5))
    found = standing(kpi, now=NOW)
    assert (found.status, found.actual, found.waived_until) == (Status.BEHIND, 700, UNTIL)


def test_named_series_waived_waives_the_whole(people: People) -> None:
    kpi = make_kpi("named", across="named", across_subject="orders")
    make_target(kpi, "<", 500)
    record_values(kpi, [700], subject="orders")
    record_values(kpi, [300], subject="search")
    waive(kpi, people, "orders")
    assert (standing(kpi, now=NOW).actual, standing(kpi, now=NOW).waived_until) == (700, UNTIL)


@pytest.mark.parametrize(("rest", "status"), [(300, Status.MET), (900, Status.BREACHED)])
def test_breach_of_the_waived_subject_is_not_that_of_the_rest(people: People, rest: float, status: Status) -> None:
    kpi = make_kpi("breached")
    make_target(kpi, "<", 500, alert_threshold=800, for_s=120)
    record_values(kpi, [1000] * 10, subject="orders")
    record_values(kpi, [rest] * 10, subject="search")
    assert standing(kpi, now=NOW).status == Status.BREACHED
    waive(kpi, people, "orders")
    assert standing(kpi, now=NOW).status == status


@trials(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.floats(1, 1000), min_size=2, max_size=4), gone=st.integers(0, 3))
def test_a_waived_subject_is_as_if_it_were_not_measured(people: People, values: list[float], gone: int) -> None:
    gone %= len(values)
    whole, without = make_kpi(), make_kpi()
    for kpi in (whole, without):
        make_target(kpi, "<", 500)
        for index, value in enumerate(values):
            if kpi is whole or index != gone:
                record_values(kpi, [value], subject=f"service-{index}")
    waive(whole, people, f"service-{gone}")
    left, right = standing(whole, now=NOW), standing(without, now=NOW)
    assert (left.status, left.actual, left.count) == (right.status, right.actual, right.count)


def test_decision_is_made_once(kpi: KPI, people: People) -> None:
    row = waivers.request_waiver(kpi=kpi, actor=people.manager, reason="rebuilt", expires_at=UNTIL, now=NOW)
    waivers.approve_waiver(waiver=row, actor=people.approver, now=NOW)
    with pytest.raises(Refused, match="Approver was first: this waiver is already approved"):
        waivers.reject_waiver(waiver=row, actor=people.administrator, now=NOW)
    assert AuditEntry.objects.filter(action__startswith="waiver.").count() == 2


@pytest.mark.parametrize(
    ("verb", "who", "why"),
    [
        (waivers.approve_waiver, "manager", "Somebody other than the person who asked"),
        (waivers.withdraw_waiver, "approver", "Only the person who asked"),
        (waivers.end_waiver, "approver", "Only a waiver that counts"),
    ],
)
def test_what_may_not_be_done_is_refused(kpi: KPI, people: People, verb: Any, who: str, why: str) -> None:
    row = waivers.request_waiver(kpi=kpi, actor=people.manager, reason="rebuilt", expires_at=UNTIL, now=NOW)
    with pytest.raises(Refused, match=why):
        verb(waiver=row, actor=getattr(people, who), now=NOW)
    assert Waiver.objects.get().decision == Decision.PROPOSED


def test_waivers_of_an_archived_kpi_stay_as_they_are(kpi: KPI, people: People) -> None:
    asked = {"kpi": kpi, "actor": people.manager, "reason": "rebuilt", "expires_at": UNTIL, "now": NOW}
    row, running = waivers.request_waiver(**asked), waive(kpi, people)
    defining.archive(row=kpi, actor=people.manager, now=NOW)
    kpi.refresh_from_db()
    for verb in (waivers.approve_waiver, waivers.reject_waiver, waivers.withdraw_waiver):
        with pytest.raises(Refused, match="archived"):
            verb(waiver=row, actor=people.manager if verb is waivers.withdraw_waiver else people.approver, now=NOW)
    with pytest.raises(Refused, match="archived"):
        waivers.end_waiver(waiver=running, actor=people.approver, now=NOW)
    with pytest.raises(Refused, match="archived"):
        waivers.request_waiver(**asked)


def test_what_was_never_measured_is_not_waived(people: People) -> None:
    with pytest.raises(Refused, match="never measured") as caught:
        waive(make_kpi("silent"), people)
    assert caught.value.field == "kpi"
