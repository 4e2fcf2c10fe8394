from datetime import timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kpis import rollups
from kpis.buckets import Part, combined
from kpis.models import KPI, Across, Aggregation, Rollup, Series
from kpis.points import Point
from kpis.recording import record
from kpis.sparklines import sparklines
from tests.kpis.factories import NOW, make_kpi, record_values

pytestmark = [pytest.mark.django_db, pytest.mark.databases]

PAIRS = [(how, across) for how in Aggregation for across in Across if how[0] != "p" or across not in ("mean", "sum")]
DAYS = st.dictionaries(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", "ci"])), st.floats(0.5, 1e4), max_size=8)


def reference(kpi: KPI, resolution: str) -> list[tuple[object, float]]:
    """All buckets by their merged histograms."""
    rows = (
        Rollup.objects.filter(series__kpi=kpi, resolution=resolution)
        .select_related("series__current")
        .order_by("at", "series_id")
    )
    parts = [Part(row.at, row.series, row.series.current.origin, rollups.stretch_of_rollup(row)) for row in rows]
    return [(point.at, point.value) for point in combined(kpi, parts)]


@example(sent={(3, "a"): 1.0}, direction="lower")
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DAYS, st.sampled_from(["lower", "higher"]))
def test_a_sparkline_is_what_the_chart_says(sent: dict[tuple[int, str], float], direction: str) -> None:
    kpis = [make_kpi(aggregation=how, across=across, across_subject="a", direction=direction) for how, across in PAIRS]
    start = NOW - timedelta(days=5)
    record(
        [
            Point(
                kpi=kpi, subject=subject, at=start + timedelta(days=day, minutes=minute), value=value + minute, count=1 + minute,
                reported=minute > 0, origin=f"result:{minute}" if subject == "ci" else f"run:{minute}",
            )
            for kpi in kpis
            for (day, subject), value in sent.items()
            for minute in (0, 3)
        ],
        now=NOW,
    )  # fmt: skip
    lines = sparklines(kpis, now=NOW, resolution="day")
    for kpi in kpis:
        assert lines[kpi.pk] == [(at, pytest.approx(value, rel=1e-12)) for at, value in reference(kpi, "day")]


def test_a_lone_sample_is_told_as_it_is() -> None:
    kpi = make_kpi(aggregation="p95")
    record_values(kpi, [400.0])
    record_values(kpi, [777.7], until=NOW - timedelta(days=3))
    assert [value for _, value in sparklines([kpi], now=NOW)[kpi.pk]] == [777.7, 400.0]


def test_a_young_kpi_is_drawn_hour_by_hour() -> None:
    kpi = make_kpi()
    record_values(kpi, [1.0, 2.0, 3.0], step_s=3600)
    assert [value for _, value in sparklines([kpi], now=NOW)[kpi.pk]] == [1.0, 2.0, 3.0]
    record_values(kpi, [9.0], until=NOW - timedelta(days=4))
    assert [value for _, value in sparklines([kpi], now=NOW)[kpi.pk]] == [9.0, 2.0]


def test_a_series_that_is_switched_off_is_no_part_of_it() -> None:
    kpi, merged = make_kpi(), make_kpi(across="merged")
    for one in (kpi, merged):
        record_values(one, [1.0], subject="a")
        record_values(one, [9.0], subject="b")
    Series.objects.filter(subject="b").update(enabled=False)
    assert [[value for _, value in line] for line in sparklines([kpi, merged], now=NOW).values()] == [[1.0], [1.0]]


def test_days_stand_in_an_index() -> None:
    """What makes the table anew on SQLite drops it there."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, Rollup._meta.db_table)["rollup_days"]
    assert (found["index"], found["columns"][:2]) == (True, ["series_id", "at"])
