from datetime import date, datetime, timedelta

import pytest

from accounts.models import AuditEntry, User
from kpis import reviewing
from kpis.faults import Refused
from kpis.models import KPI
from kpis.reviewing import Due, reviews
from tests.factories import make_user
from tests.kpis.factories import NOW, make_kpi

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
TODAY = NOW.date()


def monthly(first: date, **fields: object) -> KPI:
    return make_kpi(review_rule="FREQ=MONTHLY", review_from=first, **fields)


def due(kpi: KPI, today: date = TODAY) -> Due:
    return reviews([kpi], today=today)[kpi.pk]


def acknowledge(kpi: KPI, actor: User, now: datetime = NOW) -> Due:
    reviewing.acknowledge(kpi=kpi, actor=actor, note="still right", now=now)
    return due(kpi, now.date())


@pytest.mark.parametrize(("days", "state"), [(8, "next"), (7, "due"), (0, "due"), (-1, "overdue"), (-40, "overdue")])
def test_a_review_is_due_in_the_week_before_its_day(days: int, state: str) -> None:
    found = due(monthly(TODAY + timedelta(days=days)))
    assert (found.state, found.due_on, found.days_late) == (state, TODAY + timedelta(days=days), max(0, -days))


def test_without_a_rhythm_nothing_is_due() -> None:
    assert due(make_kpi()).state == "none"


def test_a_review_answers_the_one_that_is_due_and_moves_on() -> None:
    kpi, person = monthly(date(2026, 3, 5)), make_user("manager")
    assert acknowledge(kpi, person).due_on == date(2026, 4, 5)
    assert kpi.reviews.get().due_on == date(2026, 3, 5)
    entry = AuditEntry.objects.get(action="kpi.review")
    assert (entry.before, entry.after, entry.why) == (
        {"review_due_on": "2026-03-05"}, {"review_due_on": "2026-04-05"}, "still right",
    )  # fmt: skip


def test_a_look_between_two_reviews_answers_none() -> None:
    kpi, person = monthly(date(2026, 3, 25)), make_user("manager")
    assert acknowledge(kpi, person).due_on == date(2026, 3, 25)
    assert kpi.reviews.get().due_on is None


def test_a_late_review_answers_all_that_were_missed() -> None:
    kpi = monthly(date(2025, 11, 5))
    assert acknowledge(kpi, make_user("manager")).due_on == date(2026, 3, 5)


def test_whoever_is_named_or_may_approve_reviews() -> None:
    owner, other, approver = make_user("manager"), make_user("engineer"), make_user("approver")
    kpi = monthly(TODAY, owner=owner)
    with pytest.raises(Refused, match="reviews it, or an approver"):
        acknowledge(kpi, other)
    for person in (owner, approver):
        acknowledge(kpi, person)
    assert kpi.reviews.count() == 2


def test_a_review_says_what_was_found_and_is_of_what_is_governed() -> None:
    kpi, person = monthly(TODAY), make_user("manager")
    with pytest.raises(Refused, match="Say what"):
        reviewing.acknowledge(kpi=kpi, actor=person, note=" ", now=NOW)
    KPI.objects.filter(pk=kpi.pk).update(archived_at=NOW)
    with pytest.raises(Refused, match="archived"):
        acknowledge(kpi, person)
