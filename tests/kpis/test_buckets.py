from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kpis import rollups
from kpis.actual import PERCENTILES
from kpis.buckets import Part, Rolled, Stream, combined, course
from kpis.models import KPI, Across, Rollup, Series
from kpis.rollups import Row
from kpis.stats.histogram import Histogram
from tests.kpis.factories import NOW

START = rollups.bucket(NOW, "day")
AGGREGATIONS = ["last", "mean", "sum", "min", "max", *PERCENTILES]
ORIGINS = {1: "run:1", 2: "run:2", 3: "result:x"}

KINDS = ["bare", "ready", "samples", "ready samples"]

samples = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=4)
moments = st.tuples(st.sampled_from(list(ORIGINS)), st.integers(0, 3), st.integers(0, 59))
measured = st.dictionaries(moments, st.tuples(samples, st.sampled_from(KINDS), st.integers(0, 1)), max_size=16)


def row(series_id: int, hour: int, minute: int, values: list[float], kind: str, more: int) -> Row:
    """`more` were counted than there are samples of."""
    at, count = START + timedelta(hours=hour, minutes=minute), 1 if kind == "bare" else len(values) + more
    data = Histogram.from_values(values).to_bytes() if kind.endswith("samples") else None
    return Row(series_id, at, ORIGINS[series_id], values[-1], count, data, kind.startswith("ready"), None, "", NOW)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(AGGREGATIONS), st.sampled_from(Across), measured)
def test_a_course_of_rollups_is_that_of_their_merged_histograms(aggregation: str, across: str, sent: dict[Any, Any]) -> None:
    kpi = KPI(aggregation=aggregation, across=across, across_subject="s2", direction="lower")
    sampled = {pk: PERCENTILES[aggregation] for pk in ORIGINS if aggregation in PERCENTILES}
    hours = [
        one for one in rollups.summed([row(*moment, *one) for moment, one in sent.items()], sampled) if one.resolution == "hour"
    ]
    hours.sort(key=lambda one: (one.at, one.series_id))
    rows = [
        Rolled(one.series_id, one.at, one.points, one.samples, one.total, one.plain_total, one.low, one.high, one.last,
               one.last_at, one.reported, *one[-4:], one.histogram)
        for one in hours
    ]  # fmt: skip
    found = course(kpi, rows, {pk: Stream(f"s{pk}", "", origin) for pk, origin in ORIGINS.items()}, samples=True)
    parts = []
    for one in hours:
        values = one._asdict()
        values.pop("resolution")
        rollup = Rollup(count=values.pop("samples"), **values)
        series = Series(pk=one.series_id, subject=f"s{one.series_id}")
        parts.append(Part(one.at, series, ORIGINS[one.series_id], rollups.stretch_of_rollup(rollup)))
    assert found == combined(kpi, parts)
    assert [point.histogram for point in found] == [point.histogram for point in combined(kpi, parts)]
