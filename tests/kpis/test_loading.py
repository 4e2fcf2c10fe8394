from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.exceptions import ValidationError

from kpis.loading import load_scorecard
from kpis.models import KPI, CurrentValue, Scorecard, Target
from tests.factories import People
from tests.kpis.factories import NOW, record_values

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
ENTRY = {"key": "p95", "name": "P95", "unit": "ms", "direction": "lower", "target": {"comparator": "<", "value": 500}}


def card(**changes: Any) -> dict[str, Any]:
    return {"slug": "card", "name": "Card", "kpis": [ENTRY | changes]}


def test_roadmap_file_gives_its_seventeen_kpis() -> None:
    data = yaml.safe_load((Path(__file__).parents[2] / "fixtures/roadmap.yaml").read_text(encoding="utf-8"))["scorecard"]
    for _ in range(2):
        load_scorecard(data, now=NOW)
    assert KPI.objects.count() == Target.objects.count() == 17
    target = Target.objects.get(kpi__key="response-time-p95")
    assert (target.number, target.decision, target.value, target.alert_threshold, target.baseline, target.decided_by) == (
        1, "approved", 500, 1000, 800, None,
    )  # fmt: skip


def test_untouched_kpi_follows_the_file_and_a_changed_one_stays() -> None:
    load_scorecard(card(), now=NOW)
    load_scorecard(card(name="Renamed"), now=NOW)
    assert KPI.objects.get().name == "Renamed"
    KPI.objects.update(name="Ours", version=2)
    load_scorecard(card(name="Theirs"), now=NOW)
    assert KPI.objects.get().name == "Ours"


def test_a_file_cannot_change_what_figures_rest_on() -> None:
    load_scorecard(card(), now=NOW)
    with pytest.raises(ValidationError, match="what was approved"):
        load_scorecard(card(unit="s"), now=NOW)
    record_values(KPI.objects.get(), [1.0])
    with pytest.raises(ValidationError, match="keeps its meaning"):
        load_scorecard(card(aggregation="sum", name="New"), now=NOW)
    assert KPI.objects.values_list("unit", "aggregation", "name").get() == ("ms", "last", "P95")


def test_a_window_that_a_file_changes_is_read_anew() -> None:
    load_scorecard(card(aggregation="p95", window_s=600), now=NOW)
    record_values(KPI.objects.get(), range(100, 130), until=NOW)
    load_scorecard(card(aggregation="p95", window_s=120), now=NOW)
    assert CurrentValue.objects.get().count == 2


def test_the_day_of_a_target_that_waits_is_kept(people: People) -> None:
    dated = {"target": {"comparator": "<", "value": 500, "effective_on": date(2027, 1, 1)}}
    load_scorecard(card(**dated), actor=people.manager, now=NOW)
    target = Target.objects.get()
    assert (target.decision, target.effective_from) == ("proposed", datetime(2027, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("day", [date.min, date(1999, 12, 31), date(2031, 3, 7), date(9999, 12, 31)])
@pytest.mark.parametrize("by_person", [True, False])
def test_a_target_takes_force_at_a_time_that_people_mean(people: People, day: date, by_person: bool) -> None:
    dated = {"target": {"comparator": "<", "value": 500, "effective_on": day}}
    with pytest.raises(
        ValidationError, match=r"scorecard\.kpis\.p95\.target: effective_on lies between 2000 and five years ahead"
    ):
        load_scorecard(card(**dated), actor=people.manager if by_person else None, now=NOW)
    assert (KPI.objects.count(), Target.objects.count()) == (0, 0)


@pytest.mark.parametrize("day", [date(2000, 1, 1), date(2031, 3, 6)])
def test_a_target_in_force_for_long_or_not_for_long_is_taken(day: date) -> None:
    load_scorecard(card(target={"comparator": "<", "value": 500, "effective_on": day}), now=NOW)
    assert Target.objects.get().effective_from == datetime(day.year, day.month, day.day, tzinfo=UTC)


def test_a_reduction_comes_with_its_reference() -> None:
    entry = {"unit": "%", "direction": "higher", "reference": 80.0, "reference_unit": "count", "reference_on": "2026-01-31"}
    load_scorecard(card(**entry, target={"comparator": ">=", "value": 25}), now=NOW)
    kpi = KPI.objects.get()
    assert (kpi.reference, kpi.reference_unit, str(kpi.reference_on)) == (80, "count", "2026-01-31")


def test_target_in_force_is_never_overwritten() -> None:
    load_scorecard(card(), now=NOW)
    load_scorecard(card(target={"comparator": "<", "value": 1}), now=NOW)
    assert Target.objects.get().value == 500


@pytest.mark.parametrize(
    "changes",
    [
        {"unit": "furlong"},
        {"direction": "sideways"},
        {"aggregation": "p95", "across": "mean"},
        {"surprise": 1},
        {"target": {"comparator": ">", "value": 500}},
    ],
)
def test_bad_file_is_refused_whole(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        load_scorecard(card(**changes), now=NOW)
    assert Scorecard.objects.count() == 0
