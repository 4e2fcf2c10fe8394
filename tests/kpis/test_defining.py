from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts.models import AuditEntry
from accounts.versions import StaleEdit
from kpis import defining
from kpis.models import KPI, Measurement, Scorecard
from kpis.points import Point, Rejected
from kpis.recording import record
from kpis.standing import standing
from tests.factories import People
from tests.kpis.factories import NOW, make_kpi, make_scorecard, make_target, record_values

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
FIELDS = {"name": "Response time", "unit": "ms", "direction": "lower", "aggregation": "p95"}
REDUCTION = {"name": "Fewer tickets", "unit": "%", "direction": "higher", "reference": 80.0, "reference_unit": "count"}


def test_a_kpi_takes_its_key_and_place_from_what_is_there(people: People) -> None:
    card = defining.create_scorecard(fields={"name": "Shop"}, actor=people.manager)
    first = defining.create_kpi(scorecard=card, fields=FIELDS, actor=people.manager)
    second = defining.create_kpi(scorecard=card, fields=FIELDS, actor=people.manager)
    assert (card.slug, first.key, second.key) == ("shop", "response-time", "response-time-2")
    assert first.position < second.position
    told = AuditEntry.objects.get(action="kpi.create", subject_id=str(first.pk))
    assert (told.actor, told.before, told.after["unit"], told.after["key"]) == (people.manager, {}, "ms", "response-time")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"unit": "furlong"}, "unit"),
        ({"direction": "sideways"}, "direction"),
        ({"key": "edit"}, "key"),
        ({"across": "mean"}, "across"),
        ({"across": "named"}, "across_subject"),
        ({"window_s": 0}, "window_s"),
        ({"version": 7}, "version"),
        ({"reference": 80.0}, "reference_unit"),
        ({**REDUCTION, "reference": 0.0}, "reference"),
        ({**REDUCTION, "unit": "count"}, "unit"),
        ({**REDUCTION, "direction": "lower"}, "direction"),
        ({**REDUCTION, "aggregation": "sum"}, "aggregation"),
        ({"reference_unit": "count"}, "reference_unit"),
    ],
)
def test_what_could_not_be_measured_is_refused_by_field(people: People, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        defining.create_kpi(scorecard=make_scorecard(), fields=FIELDS | fields, actor=people.manager)
    assert field in refused.value.message_dict
    assert KPI.objects.count() == 0


def test_a_change_keeps_before_and_after(people: People) -> None:
    kpi = make_kpi(freshness_s=60)
    changed = defining.change(row=kpi, changes={"name": "New", "freshness_s": 60}, actor=people.manager, now=NOW, why="clearer")
    assert (changed.name, changed.version) == ("New", 2)
    told = AuditEntry.objects.get(action="kpi.change")
    assert (told.before, told.after, told.why) == ({"name": kpi.key}, {"name": "New"}, "clearer")
    defining.change(row=changed, changes={"name": "New"}, actor=people.manager, now=NOW)
    assert (AuditEntry.objects.filter(action="kpi.change").count(), KPI.objects.get().version) == (1, 2)


def test_whoever_is_second_is_told(people: People) -> None:
    kpi = make_kpi()
    defining.change(row=kpi, changes={"name": "First"}, actor=people.manager, now=NOW, version=1)
    with pytest.raises(StaleEdit) as stale:
        defining.change(row=kpi, changes={"name": "Second"}, actor=people.manager, now=NOW, version=1)
    assert str(stale.value.current) == "First"


@pytest.mark.parametrize(
    "changes",
    [{"unit": "s"}, {"direction": "higher"}, {"aggregation": "last"}, {"reference": 5.0, "reference_unit": "count"}],
)
def test_the_meaning_of_what_was_measured_stays(people: People, changes: dict[str, Any]) -> None:
    kpi = make_kpi()
    record_values(kpi, [1.0])
    with pytest.raises(ValidationError) as refused:
        defining.change(row=kpi, changes=changes, actor=people.administrator, now=NOW)
    assert set(refused.value.message_dict) == set(changes)
    assert KPI.objects.get().version == 1


def test_the_meaning_of_a_target_stays(people: People) -> None:
    kpi = make_kpi()
    make_target(kpi)
    with pytest.raises(ValidationError, match="what was approved"):
        defining.change(row=kpi, changes={"unit": "s"}, actor=people.manager, now=NOW)
    free = make_kpi()
    assert defining.change(row=free, changes={"unit": "s"}, actor=people.manager, now=NOW).unit == "s"


def test_another_window_gives_another_actual_at_once(people: People) -> None:
    kpi = make_kpi(window_s=3600)
    record_values(kpi, [100.0, 300.0], step_s=600)
    assert standing(kpi, now=NOW).actual == 200
    changed = defining.change(row=kpi, changes={"window_s": 300}, actor=people.manager, now=NOW)
    assert standing(changed, now=NOW).actual == 300


def test_measured_is_archived_and_unused_is_deleted(people: People) -> None:
    used, unused = make_kpi("used"), make_kpi("unused")
    record_values(used, [1.0])
    make_target(make_kpi("meant"))
    for key, what in (("used", "measurements"), ("meant", "targets")):
        with pytest.raises(defining.Refused, match=what):
            defining.remove(row=KPI.objects.get(key=key), actor=people.manager)
    with pytest.raises(defining.Refused, match="KPIs"):
        defining.remove(row=used.scorecard, actor=people.manager)
    defining.remove(row=unused, actor=people.manager)
    defining.remove(row=unused.scorecard, actor=people.manager)
    assert [row.key for row in KPI.objects.order_by("key")] == ["meant", "used"]
    assert AuditEntry.objects.get(action="kpi.remove").before["key"] == "unused"


def test_archived_takes_no_measurement_and_comes_back_judged(people: People) -> None:
    kpi = make_kpi()
    record_values(kpi, [1.0])
    gone = defining.archive(row=kpi, actor=people.manager, now=NOW, why="replaced")
    assert (gone.archived_at, list(KPI.objects.active())) == (NOW, [])
    with pytest.raises(Rejected):
        record([Point(kpi=gone, subject="orders", at=NOW, value=1.0, origin="x")], now=NOW)
    with pytest.raises(defining.Refused):
        defining.archive(row=gone, actor=people.manager, now=NOW)
    with pytest.raises(defining.Refused):
        defining.change(row=gone, changes={"name": "New"}, actor=people.manager, now=NOW)
    back = defining.restore(row=gone, actor=people.manager, now=NOW + timedelta(days=2))
    back.state.refresh_from_db()
    assert (back.archived_at, back.state.status) == (None, "stale")
    told = AuditEntry.objects.filter(subject_type="kpis.kpi").order_by("pk")
    assert [entry.action for entry in told] == ["kpi.archive", "kpi.restore"]


def test_an_archived_scorecard_takes_its_kpis_along(people: People) -> None:
    kpi = make_kpi()
    card = defining.archive(row=kpi.scorecard, actor=people.manager, now=NOW)
    assert not KPI.objects.active().exists()
    with pytest.raises(defining.Refused):
        defining.create_kpi(scorecard=card, fields=FIELDS, actor=people.manager)
    defining.restore(row=card, actor=people.manager, now=NOW)
    assert (KPI.objects.active().count(), Scorecard.objects.get().version) == (1, 3)


def test_a_reduction_is_computed_and_its_raw_figure_kept() -> None:
    kpi = make_kpi(unit="%", direction="higher", aggregation="mean", reference=80.0, reference_unit="count")
    record_values(kpi, [60.0, 100.0])
    rows = Measurement.objects.order_by("at").values_list("raw", "value")
    assert list(rows) == [(60.0, 25.0), (100.0, -25.0)]
    assert standing(kpi, now=NOW).actual == 0
    assert record_values(kpi, [60.0, 100.0]).ignored == 2


def test_a_name_that_is_an_address_gets_a_key_beside_it(people: People) -> None:
    card = defining.create_scorecard(fields={"name": "New"}, actor=people.manager)
    assert (card.slug, defining.create_kpi(scorecard=card, fields=FIELDS | {"name": "Edit"}, actor=people.manager).key) == (
        "new-2", "edit-2",
    )  # fmt: skip
