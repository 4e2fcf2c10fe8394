from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection

from accounts.models import AuditEntry, User
from kpis import entering
from kpis.identity import Conflict
from kpis.models import KPI, CurrentValue, Measurement, Rollup
from kpis.points import Point, Rejected
from tests.factories import People
from tests.kpis.factories import NOW, make_kpi, make_scorecard

pytestmark = [pytest.mark.django_db, pytest.mark.databases]


def point(kpi: KPI, value: float, hours: int = 0, **fields: str) -> Point:
    return Point(kpi=kpi, subject="shop", at=NOW - timedelta(hours=hours), value=value, origin="", **fields)  # type: ignore[arg-type]


def enter(kpi: KPI, value: float, actor: User, hours: int = 0) -> entering.Entry:
    return entering.enter(point=point(kpi, value, hours, note="from the desk"), actor=actor, now=NOW)


def test_a_typed_figure_says_who_and_why(people: People) -> None:
    kpi = make_kpi(aggregation="last")
    entry = enter(kpi, 450, people.manager)
    row = Measurement.objects.get()
    assert (row.origin, row.note) == (entry.origin, "from the desk")
    assert entry.origin.startswith("manual:manager:")
    told = AuditEntry.objects.get(action="measurement.enter")
    assert (told.actor, told.after["value"], told.after["origin"]) == (people.manager, 450, entry.origin)


def test_the_same_figure_again_is_ignored_and_another_is_a_conflict(people: People) -> None:
    kpi = make_kpi()
    enter(kpi, 450, people.manager)
    assert enter(kpi, 450, people.engineer).receipt.ignored == 1
    with pytest.raises(Conflict):
        enter(kpi, 460, people.engineer)
    assert (Measurement.objects.count(), AuditEntry.objects.filter(action="measurement.enter").count()) == (1, 1)


def test_what_was_wrong_is_taken_back_for_a_reason(people: People) -> None:
    kpi = make_kpi(aggregation="last")
    enter(kpi, 450, people.manager, hours=1)
    wrong = enter(kpi, 4500, people.manager)
    with pytest.raises(entering.Refused, match="Say why"):
        entering.take_back(kpi=kpi, origin=wrong.origin, actor=people.manager, why=" ", now=NOW)
    assert entering.take_back(kpi=kpi, origin=wrong.origin, actor=people.manager, why="a zero too many", now=NOW) == 1
    assert (CurrentValue.objects.get().value, Rollup.objects.filter(high=4500).exists()) == (450, False)
    with pytest.raises(entering.Refused, match="already"):
        entering.take_back(kpi=kpi, origin=wrong.origin, actor=people.manager, why="again", now=NOW)
    assert AuditEntry.objects.get(action="measurement.take_back").why == "a zero too many"
    assert enter(kpi, 455, people.manager).receipt.stored == 1


@pytest.mark.parametrize("origin", ["run:1", "api:abc", "manual:manager", "result:1:2"])
def test_what_was_measured_is_not_taken_back(people: People, origin: str) -> None:
    with pytest.raises(entering.Refused, match="person"):
        entering.take_back(kpi=make_kpi(), origin=origin, actor=people.administrator, why="no", now=NOW)


def test_a_file_comes_in_wholly_or_not_at_all(people: People) -> None:
    card = make_scorecard()
    first, second = make_kpi("first", scorecard=card), make_kpi("second", scorecard=card)
    rows = [point(first, 1), point(second, 2), point(second, 3, hours=1)]
    assert entering.bring_in(scorecard=card, points=rows, actor=people.manager, now=NOW).receipt.stored == 3
    again = entering.bring_in(scorecard=card, points=[*rows, point(first, 4, hours=2)], actor=people.engineer, now=NOW)
    assert (again.receipt.stored, again.receipt.ignored) == (1, 3)
    with pytest.raises(Conflict) as conflict:
        entering.bring_in(scorecard=card, points=[point(first, 9, hours=9), point(second, 9)], actor=people.manager, now=NOW)
    assert conflict.value.indices == [1]
    ahead = [point(first, 9, hours=9), point(first, 1, hours=-9)]
    with pytest.raises(Rejected):
        entering.bring_in(scorecard=card, points=ahead, actor=people.manager, now=NOW)
    assert Measurement.objects.count() == 4
    told = AuditEntry.objects.filter(action="measurement.import").order_by("pk")
    assert [entry.after["kpis"] for entry in told] == [["first", "second"]] * 2


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_ten_people_at_once_one_enters_the_figure() -> None:
    kpi = make_kpi()
    people = [User.objects.create(username=f"person-{number}") for number in range(10)]
    start = Barrier(len(people))

    def send(person: User) -> int:
        try:
            start.wait()
            return enter(kpi, 450, person).receipt.stored
        finally:
            connection.close()

    with ThreadPoolExecutor(len(people)) as pool:
        assert sum(pool.map(send, people)) == 1
    assert (Measurement.objects.count(), AuditEntry.objects.filter(action="measurement.enter").count()) == (1, 1)
