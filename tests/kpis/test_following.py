from datetime import timedelta

import pytest

from kpis.models import KpiState
from tests.kpis.factories import NOW, make_kpi, make_target, record_values

pytestmark = [pytest.mark.django_db, pytest.mark.databases]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1100, 1100, 1100], "breached"),
        ([400, 1100, 1100], "behind"),
        ([1100, 1100, 1100, 400], "breached"),  # recovers only after two minutes on the good side
        ([1100, 1100, 1100, 400, 400, 400], "met"),
    ],
)
def test_a_breach_is_followed_through_one_batch(values: list[float], expected: str) -> None:
    kpi = make_kpi(aggregation="last")
    make_target(kpi, "<", 500, alert_threshold=1000, for_s=120, recover_s=120)
    record_values(kpi, values)
    assert KpiState.objects.get().status == expected


def test_batches_and_single_measurements_give_the_same_status() -> None:
    values = [1100, 1100, 900, 1100, 1100, 1100, 400, 400]
    found = []
    for step in (1, 3, len(values)):
        kpi = make_kpi(aggregation="last")
        make_target(kpi, "<", 500, alert_threshold=1000, for_s=120, recover_s=120)
        start = NOW - timedelta(hours=1)
        for first in range(0, len(values), step):
            batch = values[first : first + step]
            record_values(kpi, batch, until=start + timedelta(minutes=first + len(batch) - 1))
        found.append(KpiState.objects.get(kpi=kpi).status)
    assert found == ["breached"] * 3


def test_what_came_before_a_version_is_no_breach_of_it() -> None:
    kpi = make_kpi(aggregation="last")
    make_target(kpi, "<", 500, alert_threshold=1000, for_s=120)
    make_target(kpi, "<", 300, alert_threshold=600, for_s=120, effective_from=NOW - timedelta(seconds=90))
    record_values(kpi, [700] * 5)
    assert KpiState.objects.get().status == "behind"


@pytest.mark.parametrize(("values", "expected"), [([1100] * 8, "behind"), ([400, 1100, 1100, 1100, 1100, 400, 400], "met")])
def test_what_came_before_its_version_is_judged_alike_in_one_batch_or_many(values: list[float], expected: str) -> None:
    for step in (1, len(values)):
        kpi = make_kpi(aggregation="last")
        make_target(kpi, "<", 500, alert_threshold=1000, for_s=120, recover_s=120, effective_from=NOW - timedelta(seconds=1))
        start = NOW - timedelta(minutes=len(values))
        for first in range(0, len(values), step):
            batch = values[first : first + step]
            record_values(kpi, batch, until=start + timedelta(minutes=first + len(batch) - 1))
        assert KpiState.objects.get(kpi=kpi).status == expected
